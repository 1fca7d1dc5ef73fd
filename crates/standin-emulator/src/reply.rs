//! Answers as Google's servers dress them, and the one that is none: an aborted connection.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use crate::object::Object;

/// Marks a response whose connection is to be cut instead of answered.
#[derive(Clone, Debug)]
pub(crate) struct Abort;

impl Abort {
    /// An empty response carrying the mark; the accept loop never sends it.
    pub(crate) fn response() -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(Self);
        response
    }
}

/// An error of the token endpoint and its neighbours: `error` and `error_description`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct OAuthError {
    pub(crate) status: StatusCode,
    pub(crate) error: &'static str,
    pub(crate) description: String,
}

impl OAuthError {
    pub(crate) fn bad_request(error: &'static str, description: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, description: description.into() }
    }

    pub(crate) fn unauthorized(error: &'static str, description: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, error, description: description.into() }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let body =
            Object::default().with("error", self.error).with("error_description", self.description);
        uncached_json(self.status, &body)
    }
}

/// JSON that must not be stored, with the headers of the token endpoint.
pub(crate) fn uncached_json(status: StatusCode, body: &Object) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in TOKEN_HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    (status, headers, body.to_pretty()).into_response()
}

pub(crate) fn json(status: StatusCode, body: &Object) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json; charset=UTF-8")];
    (status, headers, body.to_pretty()).into_response()
}

/// An HTML page that nobody may frame.
pub(crate) fn page(html: String) -> Response {
    let headers = [(header::X_FRAME_OPTIONS, "DENY"), (header::CACHE_CONTROL, "no-store")];
    (headers, Html(html)).into_response()
}

/// 302, which browsers follow with GET.
pub(crate) fn redirect(location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// Google answers unknown paths and wrong verbs alike: 404 and a page, never 405.
pub(crate) async fn not_found() -> Response {
    let page = "<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n\
        <title>Error 404 (Not Found)!!1</title>\n\
        <p><b>404.</b> <ins>That’s an error.</ins>\n\
        <p>The requested URL was not found on this server. <ins>That’s all we know.</ins>\n";
    (StatusCode::NOT_FOUND, Html(page)).into_response()
}

const TOKEN_HEADERS: [(&str, &str); 8] = [
    ("expires", "Mon, 01 Jan 1990 00:00:00 GMT"),
    ("cache-control", "no-cache, no-store, max-age=0, must-revalidate"),
    ("pragma", "no-cache"),
    ("content-type", "application/json; charset=utf-8"),
    ("vary", "X-Origin, Referer, Origin,Accept-Encoding"),
    ("x-xss-protection", "0"),
    ("x-frame-options", "SAMEORIGIN"),
    ("x-content-type-options", "nosniff"),
];
