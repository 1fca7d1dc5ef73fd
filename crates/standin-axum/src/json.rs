//! JSON bodies, read strictly: the right content type, no unknown member, no member twice.

use axum::body::HttpBody as _;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderMap;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use standin::Refusal;

use crate::problem::Problem;

/// A body that is JSON of this shape; an empty body is the shape with everything left out.
pub(crate) struct StrictJson<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for StrictJson<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let is_json = has_type(request.headers(), "application/json");
        let body = if request.body().is_end_stream() {
            Bytes::new()
        } else {
            let read = Bytes::from_request(request, state).await;
            read.map_err(|rejection| unreadable(&rejection))?
        };
        if body.is_empty() {
            return parse(b"{}").map_err(IntoResponse::into_response);
        }
        if is_json {
            parse(&body).map_err(IntoResponse::into_response)
        } else {
            Err(wrong_type("application/json"))
        }
    }
}

/// Whether the body is of this type, whatever parameters follow.
pub(crate) fn has_type(headers: &HeaderMap, expected: &str) -> bool {
    let declared =
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(expected)
}

/// 415, naming what would do.
pub(crate) fn wrong_type(expected: &str) -> Response {
    let words = format!("the body must be {expected}, and its content type must say so");
    Problem::from(Refusal::InvalidRequest)
        .with_detail(words)
        .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        .into_response()
}

/// A body that could not be read: it is too long, or broke off.
pub(crate) fn unreadable(rejection: &BytesRejection) -> Response {
    let refusal = match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge,
        _ => Refusal::InvalidRequest,
    };
    Problem::from(refusal).with_status(rejection.status()).into_response()
}

/// As `serde_json::from_slice`, but an array is no object: serde would take one, member by member.
pub(crate) fn from_object<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    if body.trim_ascii_start().starts_with(b"[") {
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body)?;
    }
    serde_json::from_slice(body)
}

/// The parser's words name members and places, never values.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<StrictJson<T>, Problem> {
    from_object(body).map(StrictJson).map_err(|error| {
        let words = if error.is_data() && error.to_string().starts_with("unknown field") {
            format!("the body holds a member that is not known here: {error}")
        } else {
            format!(
                "the body is not the JSON object that is expected here (line {}, column {})",
                error.line(),
                error.column()
            )
        };
        Problem::from(Refusal::InvalidRequest).with_detail(words)
    })
}
