//! Answers as Google's servers dress them, and the one that is none: an aborted connection.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use data_encoding::BASE64;
use serde::Serialize;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::chance;
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

/// An error of the token endpoint and its neighbours: `error` and, mostly, `error_description`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct OAuthError {
    pub(crate) status: StatusCode,
    pub(crate) error: &'static str,
    /// Left out of the answer when empty.
    pub(crate) description: String,
    /// Members after these two.
    pub(crate) more: &'static [(&'static str, &'static str)],
}

impl OAuthError {
    pub(crate) fn new(
        status: StatusCode,
        error: &'static str,
        description: impl Into<String>,
    ) -> Self {
        Self { status, error, description: description.into(), more: &[] }
    }

    pub(crate) fn bad_request(error: &'static str, description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, description)
    }

    pub(crate) fn unauthorized(error: &'static str, description: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, error, description)
    }

    pub(crate) fn body(&self) -> Object {
        let description = Some(self.description.as_str()).filter(|text| !text.is_empty());
        let body =
            Object::default().with("error", self.error).with_some("error_description", description);
        self.more.iter().fold(body, |body, (name, value)| body.with(name, *value))
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        uncached_json(self.status, &self.body())
    }
}

/// JSON that must not be stored, with the headers of the token endpoint.
///
/// Without `Alt-Svc`, which would send browsers to another port of this machine.
pub(crate) fn uncached_json(status: StatusCode, body: &Object) -> Response {
    uncached(status, body, "scaffolding on HTTPServer2", "application/json; charset=utf-8")
}

/// The same from the servers of tokeninfo and revocation.
pub(crate) fn esf_json(status: StatusCode, body: &Object) -> Response {
    uncached(status, body, "ESF", "application/json; charset=UTF-8")
}

fn uncached(
    status: StatusCode,
    body: &Object,
    server: &'static str,
    content_type: &'static str,
) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in UNCACHED {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.insert(header::SERVER, HeaderValue::from_static(server));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    (status, headers, body.to_pretty()).into_response()
}

pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json; charset=UTF-8")];
    (status, headers, serde_json::to_string_pretty(body).unwrap_or_default()).into_response()
}

/// A time in seconds as HTTP writes it; empty for one that no calendar has.
pub(crate) fn http_date(unix: i64) -> String {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let date = OffsetDateTime::from_unix_timestamp(unix).ok();
    date.and_then(|date| date.format(format).ok()).unwrap_or_default()
}

/// No script, nothing from elsewhere, in nobody's frame. Where forms may lead is left open: a browser
/// would hold it against the redirect to the application.
const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

/// An HTML page without scripts that nobody may frame.
pub(crate) fn page(html: String) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Html(html)).into_response()
}

/// A page that may run one script, which its policy names by its hash.
pub(crate) fn page_with_script(html: String, script: &str) -> Response {
    let hash = BASE64.encode(&chance::sha256(script.as_bytes()));
    let mut response = page(html);
    if let Ok(policy) = HeaderValue::try_from(format!("{PAGE_POLICY}; script-src 'sha256-{hash}'"))
    {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
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

const UNCACHED: [(&str, &str); 7] = [
    ("expires", "Mon, 01 Jan 1990 00:00:00 GMT"),
    ("cache-control", "no-cache, no-store, max-age=0, must-revalidate"),
    ("pragma", "no-cache"),
    ("vary", "X-Origin, Referer, Origin,Accept-Encoding"),
    ("x-xss-protection", "0"),
    ("x-frame-options", "SAMEORIGIN"),
    ("x-content-type-options", "nosniff"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_http_wants_them() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(i64::MAX), "");
    }
}
