//! `GET /button`: a page with the provider's own button and One Tap, which sign in and give nothing.

use std::sync::Arc;

use ::http::header::CONTENT_SECURITY_POLICY;
use ::http::{HeaderMap, HeaderValue, StatusCode};
use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Redirect, Response};

use super::NightlyNotes;
use crate::demo::EXTRA_SCOPES;

#[derive(Template)]
#[template(path = "demo/button.html")]
struct ButtonPage<'a> {
    extra_scopes: &'a str,
}

pub(super) async fn get(State(notes): State<Arc<NightlyNotes>>, headers: HeaderMap) -> Response {
    if !notes.is_addressed_by_name(&headers) {
        return Redirect::temporary(notes.public_url.as_str()).into_response();
    }
    let page = ButtonPage { extra_scopes: &EXTRA_SCOPES.join(" ") };
    let policy = HeaderValue::try_from(policy(notes.control.origin()));
    let (Ok(html), Ok(policy)) = (page.render(), policy) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = Html(html).into_response();
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response
}

/// As the front page's; the button and One Tap stand in frames of the provider's, and One Tap asks it first
/// whether there is anything to show.
fn policy(provider: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self' {provider}; style-src 'self'; img-src 'self'; \
         connect-src 'self' {provider}; frame-src {provider}; form-action 'none'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
}
