//! `POST /auth/{provider}/risc`: security events, pushed by the provider (RFC 8935).
//!
//! The caller is a server and no browser: no cookie, no `Origin`. The signed token is the whole body. 202 says
//! that what it asks has been done and written down; a server error says that it is worth sending again.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_LANGUAGE;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use standin::verify::{EventTokenFault, MAX_SECURITY_EVENT_BYTES};
use standin::{Error, Refusal};

use super::provider::NamedProvider;
use crate::Shared;
use crate::json::has_type;
use crate::problem::Problem;

pub(super) async fn post(
    State(shared): State<Shared>,
    NamedProvider(provider): NamedProvider,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let token = match token(&headers, body.as_ref()) {
        Ok(token) => token,
        Err(description) => return refused("invalid_request", description),
    };
    match shared.standin.signals().security_event(&provider, token).await {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(Error::EventToken(fault)) => {
            tracing::info!(code = fault.code(), "a security event was refused");
            refused(err(fault), &fault.to_string())
        }
        Err(Error::Refused(refusal @ Refusal::NoSecurityEvents)) => {
            refused("access_denied", &refusal.to_string())
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

fn token<'b>(
    headers: &HeaderMap,
    body: Result<&'b Bytes, &BytesRejection>,
) -> Result<&'b str, &'static str> {
    if !has_type(headers, "application/secevent+jwt") {
        return Err("the body must be application/secevent+jwt, and its content type must say so");
    }
    let body = body.map_err(|_| "the body could not be read")?;
    if body.len() > MAX_SECURITY_EVENT_BYTES {
        return Err("the body is larger than 64 KiB");
    }
    std::str::from_utf8(body).map_err(|_| "the body is not a signed token in compact form")
}

/// The codes of RFC 8935 §2.4.
const fn err(fault: EventTokenFault) -> &'static str {
    match fault {
        EventTokenFault::AudienceMismatch => "invalid_audience",
        EventTokenFault::IssuerMismatch => "invalid_issuer",
        EventTokenFault::KeyRefused => "invalid_key",
        EventTokenFault::SignatureInvalid => "authentication_failed",
        EventTokenFault::EventsInvalid
        | EventTokenFault::Expired
        | EventTokenFault::IssuedAtInvalid
        | EventTokenFault::Malformed
        | EventTokenFault::NoId
        | EventTokenFault::NoSubject
        | EventTokenFault::Replayed
        | EventTokenFault::TypeRefused => "invalid_request",
    }
}

#[derive(Serialize)]
struct Refused<'a> {
    err: &'static str,
    description: &'a str,
}

fn refused(err: &'static str, description: &str) -> Response {
    let body = Json(Refused { err, description });
    (StatusCode::BAD_REQUEST, [(CONTENT_LANGUAGE, "en")], body).into_response()
}
