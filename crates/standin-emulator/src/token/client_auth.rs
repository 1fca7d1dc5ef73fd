//! Who is asking: id and secret from the body or from HTTP Basic, in Google's order of complaints.

use axum::http::header;
use data_encoding::BASE64;

use super::Request;
use crate::reply::OAuthError;
use crate::seed::Client;

/// Credentials as presented; nothing is known about them yet.
#[derive(Debug)]
pub(super) struct Credentials {
    client_id: String,
    client_secret: String,
}

impl Credentials {
    pub(super) fn presented(request: &Request<'_>) -> Result<Self, OAuthError> {
        let basic = basic(request)?;
        let (basic_id, basic_secret) = basic.unzip();
        let from_body = |name| request.params.get(name).map(str::to_owned);
        let client_id = basic_id
            .or_else(|| from_body("client_id"))
            .ok_or_else(|| invalid_request("Could not determine client ID from request."))?;
        let client_secret = basic_secret
            .or_else(|| from_body("client_secret"))
            .filter(|secret| !secret.is_empty())
            .ok_or_else(|| invalid_request("client_secret is missing."))?;
        Ok(Self { client_id, client_secret })
    }

    /// The client with this id, if the secret is its own.
    pub(super) fn authenticate(&self, request: &Request<'_>) -> Result<Client, OAuthError> {
        let state = request.shared.state();
        let Some(client) = state.client(&self.client_id) else {
            return Err(OAuthError::unauthorized(
                "invalid_client",
                "The OAuth client was not found.",
            ));
        };
        let (given, own) = (self.client_secret.as_bytes(), client.client_secret.as_bytes());
        if aws_lc_rs::constant_time::verify_slices_are_equal(given, own).is_err() {
            let description = "The provided client secret is invalid.";
            return Err(OAuthError::unauthorized("invalid_client", description));
        }
        Ok(client.clone())
    }
}

fn basic(request: &Request<'_>) -> Result<Option<(String, String)>, OAuthError> {
    let Some(value) = request.headers.get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let unreadable = || invalid_request("Bad Request");
    let value = value.to_str().map_err(|_| unreadable())?;
    let (scheme, encoded) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    let bytes = BASE64.decode(encoded.trim().as_bytes()).map_err(|_| unreadable())?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable())?;
    let (id, secret) = text.split_once(':').ok_or_else(unreadable)?;
    Ok(Some((form_decoded(id), form_decoded(secret))))
}

/// RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
fn form_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

fn invalid_request(description: &str) -> OAuthError {
    OAuthError::bad_request("invalid_request", description)
}
