//! The browser scripts, and the pages and calls they live on.
//!
//! ```text
//! a page ─ <script src="…/gsi/client"> ─▶ google.accounts.oauth2 ─▶ /o/oauth2/v2/auth   (authorize/)
//!                                         google.accounts.id     ─▶ button ─▶ select ─┐
//!                                                                   status ─▶ tap ────┴▶ credential
//!          <script src="…/js/platform.js"> ─▶ gapi.auth2, gapi.auth ─▶ /o/oauth2/v2/auth
//! ```
//!
//! What a page is told goes by [`crate::relay`] to its registered origin, or in redirect mode by a form
//! to a registered URI. Nothing else of ours answers a page of another origin with more than whether
//! it may ask.

mod button;
mod card;
mod credential;
mod revoke;
mod script;
mod select;
mod site;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::state::Shared;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    let mut routes = Router::new();
    for path in script::PLATFORM_PATHS {
        routes = routes.route(path, get(script::platform));
    }
    routes
        .route("/gsi/client", get(script::client))
        .route("/gsi/button", get(button::page))
        .route("/gsi/select", get(select::ask).post(select::answer))
        .route("/gsi/iframe/select", get(card::ask).post(card::answer))
        .route("/gsi/status", get(status::status))
        .route("/gsi/revoke", post(revoke::revoke))
}
