//! `POST /auth/{provider}/backchannel-logout`: a provider says that a user has signed out there.
//!
//! The caller is a server and no browser: no cookie, no `Origin`. The logout token in the form is all that
//! counts (OpenID Connect Back-Channel Logout 1.0 §2.5).

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use standin::Refusal;
use standin::signin::Parameters;

use super::provider::NamedProvider;
use crate::Shared;
use crate::json::has_type;
use crate::problem::Problem;

/// 200 when the sessions have ended; 400 for any token that does not count (§2.8). Neither is kept by
/// caches, as no answer of ours is.
pub(super) async fn post(
    State(shared): State<Shared>,
    NamedProvider(provider): NamedProvider,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let token = logout_token(&headers, body)?;
    shared.standin.signals().logout(&provider, &token).await?;
    Ok(StatusCode::OK.into_response())
}

/// Other fields are ignored, as §2.5 asks.
fn logout_token(
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<String, Refusal> {
    if !has_type(headers, "application/x-www-form-urlencoded") {
        return Err(Refusal::InvalidRequest);
    }
    let body = body.map_err(|_| Refusal::InvalidRequest)?;
    let text = std::str::from_utf8(&body).map_err(|_| Refusal::InvalidRequest)?;
    Parameters::parse(text)?.take("logout_token").ok_or(Refusal::InvalidRequest)
}
