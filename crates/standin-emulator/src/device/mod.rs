//! The device flow: a code for a machine without a browser, and the page where a person answers.
//!
//! ```text
//! device  ─ POST /device/code ─▶ device_code, user_code
//! person  ─ /device ─▶ account ─▶ consent          (or the autopilot, at the next poll)
//! device  ─ POST /token, again and again ─▶ 428 … ─▶ tokens
//! ```

mod code;
mod decision;
mod pages;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

pub(crate) use self::decision::{Decided, decide};
use crate::reply::OAuthError;
use crate::seed::{Client, ClientKind};
use crate::state::Shared;

/// Where devices ask for a code; the second path is that of older samples.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/device/code", post(code::endpoint))
        .route("/o/oauth2/device/code", post(code::endpoint))
}

/// Where people answer.
pub(crate) fn page_routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(pages::ENTER, get(pages::enter).post(pages::entered))
        .route(pages::ACCOUNT, post(pages::chosen))
        .route(pages::CONSENT, post(pages::answered))
}

/// Only clients registered for such machines may use the flow.
pub(crate) fn check_kind(client: &Client) -> Result<(), OAuthError> {
    if client.kind == ClientKind::LimitedInput {
        return Ok(());
    }
    Err(OAuthError::unauthorized("invalid_client", "Invalid client type."))
}
