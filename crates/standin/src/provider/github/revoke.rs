//! Taking back at GitHub, and asking whether a token still lives.
//!
//! Both are calls of the API with our client id and secret, about an access token. GitHub knows no revocation of a
//! refresh token: it is spent for an access token first, and that is good for both.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use serde_json::json;

use super::account::{address, headers};
use crate::core::Core;
use crate::error::Error;
use crate::http::{Request, Response};
use crate::provider::token::{self, OAuthError, TokenError};
use crate::provider::{Provider, Revocation, Unrevoked};
use crate::secret::RefreshToken;
use crate::vault::Destination;

/// How GitHub's refresh tokens begin (docs.github.com, "Token formats").
const REFRESH_TOKEN: &str = "ghr_";

/// Ends everything that the user gave to the application: `DELETE /applications/{client_id}/grant`.
pub(in crate::provider) async fn revoke(
    provider: &Provider,
    core: &Core,
    token: &RefreshToken,
    destination: &Destination,
) -> Result<Revocation, Unrevoked> {
    if !token.expose().starts_with(REFRESH_TOKEN) {
        return end(provider, core, token.expose()).await.map_err(Unrevoked::from);
    }
    let endpoint = destination.token_endpoint.parse().map_err(|_| Error::unavailable())?;
    match provider.refresh(core, &endpoint, token, None).await {
        Ok(answer) => {
            let ended = end(provider, core, answer.access_token.expose()).await;
            // The token that was given is spent: the one that came for it is what is left to be revoked.
            ended.map_err(|error| Unrevoked { error, replaced_by: answer.refresh_token })
        }
        Err(TokenError::Refused(OAuthError::InvalidGrant)) => Ok(Revocation::Done),
        Err(_) => Err(Error::unavailable().into()),
    }
}

async fn end(provider: &Provider, core: &Core, token: &str) -> Result<Revocation, Error> {
    match ask(provider, core, Method::DELETE, "grant", token).await?.status {
        // Not found: whoever owns the token has ended it themselves.
        StatusCode::NO_CONTENT | StatusCode::NOT_FOUND => Ok(Revocation::Done),
        _ => Err(Error::unavailable()),
    }
}

/// Whether an access token that does not end by itself still lives: `POST /applications/{client_id}/token`.
pub(in crate::provider) async fn is_alive(
    provider: &Provider,
    core: &Core,
    token: &str,
) -> Result<bool, Error> {
    match ask(provider, core, Method::POST, "token", token).await?.status {
        StatusCode::OK => Ok(true),
        StatusCode::NOT_FOUND => Ok(false),
        _ => Err(Error::unavailable()),
    }
}

async fn ask(
    provider: &Provider,
    core: &Core,
    method: Method,
    what: &str,
    token: &str,
) -> Result<Response, Error> {
    let registration = &provider.config().registration;
    let path = format!("/applications/{}/{what}", registration.client_id);
    let request = Request {
        method,
        url: address(provider, &path)?,
        headers: headers([
            (AUTHORIZATION, token::basic(registration)),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ]),
        body: Bytes::from(json!({ "access_token": token }).to_string()),
        max_response_bytes: 256 * 1024,
    };
    core.http.send(request).await.map_err(|error| Error::of_http(provider.id(), error))
}
