//! Cross-origin rules: which endpoints the pages of other origins may call.
//!
//! Google's APIs name the asking origin instead of `*`. Preflights are answered here, before any route:
//! a browser asks one on its own account, and no scripted fault is meant for it.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Paths that pages may call; one that ends in `/` stands for all below it.
const OPEN: [&str; 12] = [
    "/.well-known/",
    "/calendar/",
    "/drive/",
    "/upload/",
    "/oauth2/",
    "/userinfo/",
    "/v1/userinfo",
    "/tokeninfo",
    "/token",
    "/revoke",
    "/o/oauth2/token",
    "/o/oauth2/revoke",
];

/// The origin of the page that asks, as its browser says.
pub(crate) fn origin(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::ORIGIN)?.to_str().ok()
}

/// Lets the page at `origin` read an answer that depends on our cookie. Who calls this has checked the
/// origin, or says nothing that matters.
pub(crate) fn with_credentials(origin: &str, mut response: Response) -> Response {
    if let Ok(origin) = HeaderValue::from_str(origin) {
        allow(response.headers_mut(), origin);
        let yes = HeaderValue::from_static("true");
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
    }
    response
}

pub(crate) async fn open(request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let Some(origin) = origin.filter(|_| is_open(request.uri().path())) else {
        return next.run(request).await;
    };
    if is_preflight(&request) {
        let headers = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        return preflight(origin, headers);
    }
    let mut response = next.run(request).await;
    allow(response.headers_mut(), origin);
    response
}

fn is_open(path: &str) -> bool {
    OPEN.iter().any(|open| if open.ends_with('/') { path.starts_with(open) } else { path == *open })
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(origin: HeaderValue, asked: Option<HeaderValue>) -> Response {
    let methods = "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT";
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    allow(headers, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    if let Some(asked) = asked {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
    }
    response
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}
