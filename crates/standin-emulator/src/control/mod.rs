//! The control API under `/_emulator/`: seeding, scripting and reading back.
//!
//! For tests and demos, not for clients: none of it exists at Google. Errors are problem documents
//! with a stable `code`; a body with an unknown field is refused, because a misspelt one would make
//! a test pass for nothing.

mod account_deletion;
mod autopilot;
mod clients;
mod clock;
pub(crate) mod end_session;
mod faults;
mod keys;
mod ledger;
pub(crate) mod page;
mod problem;
mod profile;
mod projects;
mod reauth;
mod risc;
mod service_accounts;
mod tenants;
mod users;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

pub(crate) use self::problem::Problem;
use crate::guard;
use crate::state::Shared;

/// The routes, to be nested under `/_emulator`.
pub(crate) fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .route("/page.js", get(page::script))
        .route("/page.css", get(page::style))
        .route("/state", get(page::overview))
        .route("/health", get(health))
        .route("/reset", post(reset))
        .route("/ledger", get(ledger::read))
        .route("/users", get(users::list).put(users::upsert))
        .route("/users/{user}/revoke", post(users::revoke))
        .route("/users/{user}", delete(account_deletion::delete))
        .route("/users/{user}/reauth", post(reauth::demand))
        .route("/service-accounts", get(service_accounts::list).put(service_accounts::upsert))
        .route("/clients", get(clients::list).put(clients::upsert))
        .route("/clients/{client_id}/file", get(clients::file))
        .route("/projects", get(projects::list).put(projects::upsert))
        .route("/tenants", get(tenants::list))
        .route("/tenants/{name}", delete(tenants::remove))
        .route("/risc/send", post(risc::send))
        .route("/autopilot", get(autopilot::read).put(autopilot::set).delete(autopilot::clear))
        .route("/clock", get(clock::read).post(clock::advance))
        .route("/end-session", get(end_session::end))
        .route("/faults", get(faults::list).post(faults::add).delete(faults::clear))
        .route("/keys/publish", post(keys::publish))
        .route("/faults/release", post(faults::release))
        .route("/keys/rotate", post(keys::rotate))
        .route("/profile", get(profile::read).put(profile::set))
        .fallback(unknown)
        .layer(from_fn_with_state(shared.clone(), guard::local_origin))
}

async fn health(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({"status": "ok", "origin": shared.origin}))
}

/// Says which faults were never played: a test that expected them has not tested what it meant to.
async fn reset(State(shared): State<Arc<Shared>>) -> Json<Value> {
    faults::unconsumed(&shared.reset())
}

async fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "The control API has no such call.")
}
