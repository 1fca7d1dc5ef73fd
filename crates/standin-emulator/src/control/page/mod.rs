//! The page at `/_emulator/`: what this emulator knows and what happens in it, for a person to look at.
//!
//! A static page and its script; the script reads [`overview`] and waits at the ledger. Its buttons
//! call the same control API as everybody else. Addresses in it are relative, so that it works for
//! tenants, too.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use super::clients;
use crate::reply;
use crate::state::{Shared, State as Known};

const PAGE: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("page.js");
const STYLE: &str = include_str!("page.css");
/// Names and addresses of accounts are anybody's text, so nothing inline runs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) async fn page() -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, Html(PAGE)).into_response()
}

/// `/_emulator` without its slash, from which relative addresses would go astray.
pub(crate) async fn with_slash(State(shared): State<Arc<Shared>>) -> Response {
    reply::redirect(&shared.path("/_emulator/"))
}

pub(super) async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

/// `GET state`: everything at one moment. Tokens are cut short, secrets are left out.
pub(super) async fn overview(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let state = shared.state();
    let overview = json!({
        "origin": shared.origin,
        "clock": {"now": shared.clock.now_unix(), "offset_seconds": shared.clock.offset_seconds()},
        "autopilot": state.autopilot,
        "users": state.users.iter().collect::<Vec<_>>(),
        "clients": state.clients.iter().map(clients::public).collect::<Vec<_>>(),
        "projects": state.projects,
        "grants": grants(&shared, &state),
        "faults": state.faults.iter().map(super::faults::view).collect::<Vec<_>>(),
        "profile": state.profile,
    });
    Json(overview)
}

fn grants(shared: &Shared, state: &Known) -> Vec<Value> {
    let held = state.grants.held(shared.clock.now_unix());
    let view = held.into_iter().map(|held| {
        json!({
            "user": state.email_of(&held.owner.sub),
            "project": held.owner.project,
            "scopes": held.scopes,
            "refresh_tokens": held.refresh_tokens,
            "access_tokens": held.access_tokens,
        })
    });
    view.collect()
}
