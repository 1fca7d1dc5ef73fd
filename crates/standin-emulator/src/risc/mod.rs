//! Cross-Account Protection (RISC): an application registers an address, and hears of what happens to
//! its users' accounts.
//!
//! ```text
//! application ─ stream:update ─▶ stream (one per project) ◀─ what happens: control API, revocations
//!      ▲                             │
//!      └── POST, a signed security event token ── event ─▶ deliver ─▶ ledger
//! ```
//!
//! Source: Google's page on Cross-Account Protection; RFC 8417 for the token, RFC 8935 for delivery.

mod access;
mod configuration;
mod deliver;
mod error;
mod event;
mod stream;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

pub(crate) use self::deliver::{knows, revoked, send};
pub(crate) use self::event::{Happening, Spoiled};
pub(crate) use self::stream::Streams;
use crate::state::Shared;

/// `get_configuration_endpoint` as Google publishes it has the version twice; both work.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/.well-known/risc-configuration", get(configuration::document))
        .route("/v1beta/stream", get(stream::read))
        .route("/v1beta/v1beta/stream", get(stream::read))
        .route("/v1beta/stream:update", post(stream::update))
        .route("/v1beta/stream:verify", post(stream::verify))
        .route("/v1beta/stream/status", get(stream::read_status))
        .route("/v1beta/stream/status:update", post(stream::update_status))
        .route("/v1beta/subjects:add", post(stream::add_subject))
}
