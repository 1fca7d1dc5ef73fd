//! What the browser shows when it comes back.

use axum::response::{Html, IntoResponse, Response};
use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderValue, StatusCode};
use standin::Error;

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

pub(super) fn done() -> Response {
    page(StatusCode::OK, "Done", "You can close this window and go back to the terminal.", "")
}

pub(super) fn failed(status: StatusCode, error: &Error) -> Response {
    page(status, "That did not work", &error.to_string(), error.code())
}

fn page(status: StatusCode, title: &str, words: &str, code: &str) -> Response {
    let (words, code) = (escaped(words), escaped(code));
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\
         <body><main data-code=\"{code}\"><h1>{title}</h1><p>{words}</p><p>{code}</p></main></body></html>"
    );
    let mut response = (status, Html(html)).into_response();
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
