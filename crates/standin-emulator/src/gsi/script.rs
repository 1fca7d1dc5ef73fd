//! `GET /gsi/client` and `GET /js/platform.js`: the scripts, with this emulator's address put in.
//!
//! Each is a few files in one function of its own, so that nothing but `google` and `gapi` is left on
//! the page. The address stands at one place, the first line.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::state::Shared;

/// The names under which pages have asked for the older library.
pub(super) const PLATFORM_PATHS: [&str; 6] = [
    "/js/platform.js",
    "/js/api.js",
    "/js/client.js",
    "/js/api:client.js",
    "/js/client:platform.js",
    "/js/client:plusone.js",
];

const CLIENT: &str = concat!(
    include_str!("relay.js"),
    include_str!("oauth2.js"),
    include_str!("moment.js"),
    include_str!("memory.js"),
    include_str!("id.js"),
    include_str!("button.js"),
    include_str!("tap.js"),
    include_str!("markup.js"),
    include_str!("client.js"),
);

const PLATFORM: &str = concat!(
    include_str!("relay.js"),
    include_str!("platform/request.js"),
    include_str!("platform/user.js"),
    include_str!("platform/session.js"),
    include_str!("platform/auth2.js"),
    include_str!("platform/classic.js"),
    include_str!("platform/button.js"),
    include_str!("platform/markup.js"),
    include_str!("platform/platform.js"),
);

pub(super) async fn client(State(shared): State<Arc<Shared>>) -> Response {
    script(&shared, CLIENT)
}

pub(super) async fn platform(State(shared): State<Arc<Shared>>) -> Response {
    script(&shared, PLATFORM)
}

fn script(shared: &Shared, files: &str) -> Response {
    let base = Value::from(shared.browser_origin.as_str());
    let headers = [
        (header::CONTENT_TYPE.as_str(), "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL.as_str(), "private, max-age=0"),
        ("cross-origin-resource-policy", "cross-origin"),
    ];
    let body = format!("(() => {{\n\"use strict\";\nconst BASE = {base};\n{files}}})();\n");
    (headers, body).into_response()
}
