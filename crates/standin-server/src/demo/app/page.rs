//! The page and its files. It loads nothing from elsewhere, except the provider's sign-in script.

use std::sync::Arc;

use ::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST};
use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use askama::Template;
use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::NightlyNotes;
use crate::demo::EXTRA_SCOPES;

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

#[derive(Template)]
#[template(path = "demo/page.html")]
struct Page<'a> {
    extra_scopes: &'a str,
    return_to: &'a str,
}

/// What an address of the page may say.
#[derive(Deserialize)]
pub(super) struct Variant {
    /// `same-origin` cuts the page off from every window it opens: sign-in works then, too.
    coop: Option<String>,
}

/// `GET /`. Cookies belong to one name of this machine: who comes by another is sent to the right one.
pub(super) async fn get(
    State(notes): State<Arc<NightlyNotes>>,
    Query(variant): Query<Variant>,
    headers: HeaderMap,
) -> Response {
    if !notes.is_addressed_by_name(&headers) {
        return Redirect::temporary(notes.public_url.as_str()).into_response();
    }
    let is_alone = variant.coop.as_deref() == Some("same-origin");
    let page = Page {
        extra_scopes: &EXTRA_SCOPES.join(" "),
        return_to: if is_alone { "/?coop=same-origin" } else { "/" },
    };
    let (Ok(html), Ok(policy)) =
        (page.render(), HeaderValue::try_from(policy(notes.control.origin())))
    else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = Html(html).into_response();
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    if is_alone {
        let value = HeaderValue::from_static("same-origin");
        response.headers_mut().insert(OPENER_POLICY, value);
    }
    response
}

impl NightlyNotes {
    pub(super) fn is_addressed_by_name(&self, headers: &HeaderMap) -> bool {
        let ours = &self.public_url[url::Position::BeforeHost..url::Position::AfterPort];
        headers.get(HOST).is_none_or(|host| host == ours)
    }
}

/// Scripts of our own, and the provider's for the one-time code.
fn policy(provider: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self' {provider}; style-src 'self'; img-src 'self'; \
         connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
}

pub(super) async fn style() -> Response {
    file("text/css; charset=utf-8", include_str!("../assets/app.css"))
}

pub(super) async fn script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("../assets/app.js"))
}

pub(super) async fn sign_in_script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("../assets/signin.js"))
}

pub(super) async fn button_script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("../assets/button.js"))
}

pub(super) async fn icon() -> Response {
    file("image/svg+xml", include_str!("../assets/icon.svg"))
}

fn file(content_type: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, content_type)], text).into_response()
}
