//! Who is asking: id and secret from the body or from HTTP Basic, in Google's order of complaints.

use axum::http::{StatusCode, header};
use data_encoding::BASE64;

use super::Request;
use crate::reply::OAuthError;
use crate::seed::{Client, ClientKind, ClientStatus, SecretErrorText};
use crate::state::State;

/// Credentials as presented; nothing is known about them yet.
#[derive(Debug)]
pub(super) struct Credentials {
    client_id: String,
    /// Android and iOS apps have none.
    client_secret: Option<String>,
}

impl Credentials {
    pub(super) fn presented(request: &Request<'_>) -> Result<Self, OAuthError> {
        let basic = basic(request)?;
        let (basic_id, basic_secret) = basic.unzip();
        let from_body = |name| request.params.get(name).map(str::to_owned);
        let client_id = basic_id
            .or_else(|| from_body("client_id"))
            .ok_or_else(|| invalid_request("Could not determine client ID from request."))?;
        let client_secret =
            basic_secret.or_else(|| from_body("client_secret")).filter(|secret| !secret.is_empty());
        if client_secret.is_none() && !may_omit_secret(request, &client_id) {
            return Err(invalid_request("client_secret is missing."));
        }
        Ok(Self { client_id, client_secret })
    }

    /// The client with this id, if it still works and the secret is its own.
    pub(super) fn authenticate(&self, request: &Request<'_>) -> Result<Client, OAuthError> {
        let state = request.shared.state();
        let client = state.client(&self.client_id).ok_or_else(not_found)?;
        check_status(client)?;
        if let Some(given) = &self.client_secret {
            let (given, own) = (given.as_bytes(), client.client_secret.as_bytes());
            if aws_lc_rs::constant_time::verify_slices_are_equal(given, own).is_err() {
                return Err(wrong_secret(&state));
            }
        }
        Ok(client.clone())
    }
}

/// Mobile apps cannot keep a secret and are given none; desktop apps are, and must send it.
fn may_omit_secret(request: &Request<'_>, client_id: &str) -> bool {
    let state = request.shared.state();
    let kind = state.client(client_id).map(|client| client.kind);
    kind.is_some_and(|kind| matches!(kind, ClientKind::Android | ClientKind::Ios))
}

pub(crate) fn not_found() -> OAuthError {
    OAuthError::unauthorized("invalid_client", "The OAuth client was not found.")
}

/// Refuses what the console has deleted or switched off.
pub(crate) fn check_status(client: &Client) -> Result<(), OAuthError> {
    let refused = |status, error, text: &str| Err(OAuthError::new(status, error, text));
    match client.status {
        ClientStatus::Active => Ok(()),
        ClientStatus::Deleted => {
            refused(StatusCode::UNAUTHORIZED, "deleted_client", "The OAuth client was deleted.")
        }
        ClientStatus::Disabled => {
            refused(StatusCode::FORBIDDEN, "disabled_client", "The OAuth client was disabled.")
        }
    }
}

pub(super) fn wrong_secret(state: &State) -> OAuthError {
    let text = match state.profile.secret_error_text {
        SecretErrorText::Y2025 => "The provided client secret is invalid.",
        SecretErrorText::Y2024 => "Unauthorized",
    };
    OAuthError::unauthorized("invalid_client", text)
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
