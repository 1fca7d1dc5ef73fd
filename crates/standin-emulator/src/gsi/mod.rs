//! `GET /gsi/client`: a working `google.accounts.oauth2` for pages, talking to this emulator.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::state::Shared;

const SCRIPT: &str = include_str!("oauth2.js");

pub(crate) async fn script(State(shared): State<Arc<Shared>>) -> Response {
    let origin = Value::from(shared.browser_origin.as_str()).to_string();
    let headers = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "private, max-age=0"),
    ];
    (headers, SCRIPT.replace("EMULATOR_ORIGIN", &origin)).into_response()
}
