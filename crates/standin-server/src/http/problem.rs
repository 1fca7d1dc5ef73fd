//! Errors of the shell around the router, as RFC 9457 `application/problem+json`.
//!
//! What goes wrong inside a request has its table in `standin-axum`; here are the answers that a request
//! gets before it reaches a handler, or instead of one.

use axum::body::{Body, HttpBody as _};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// An error for the wire. Both texts are ours: nothing of the request is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

impl Problem {
    /// A status, its stable code and a sentence for people.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into() }
    }

    /// What its body is.
    pub const CONTENT_TYPE: &str = "application/problem+json";

    pub(crate) fn headers_too_large() -> Self {
        let detail = "The request's headers are more, or longer, than this service reads.";
        Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", detail)
    }

    pub(crate) fn uri_too_long() -> Self {
        let detail = "The request's path and query are longer than this service reads.";
        Self::new(StatusCode::URI_TOO_LONG, "uri_too_long", detail)
    }

    /// Its body.
    pub(crate) fn to_json(&self) -> String {
        let body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        body.to_string()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_json()));
        *response.status_mut() = self.status;
        let content_type = HeaderValue::from_static(Self::CONTENT_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        response
    }
}

/// Gives a body to the answers that axum makes without one. Their headers stay (`Allow` of a 405).
#[must_use]
pub fn complete(mut response: Response) -> Response {
    let status = response.status();
    let (code, detail) = match status {
        StatusCode::NOT_FOUND => ("not_found", "There is nothing at this path."),
        StatusCode::METHOD_NOT_ALLOWED => {
            ("method_not_allowed", "This path takes other methods; see the Allow header.")
        }
        _ => return response,
    };
    if response.headers().contains_key(header::CONTENT_TYPE) || !response.body().is_end_stream() {
        return response;
    }
    let (filled, body) = Problem::new(status, code, detail).into_response().into_parts();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.extend(filled.headers);
    *response.body_mut() = body;
    response
}
