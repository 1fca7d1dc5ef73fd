//! `GET /gsi/status`: whether a page may ask, and whether One Tap has anybody to show.
//!
//! The page's origin is what the browser says in `Origin`. Who is signed in is not told, only whether
//! somebody is, and that to registered origins only.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::card;
use super::site::{self, Asked, Refusal};
use crate::authorize::browser;
use crate::cors;
use crate::object::Object;
use crate::reply;
use crate::state::Shared;

pub(super) async fn status(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Response {
    let origin = cors::origin(&headers).unwrap_or_default();
    let (status, answer) = match reason(&shared, &headers, &asked, origin) {
        Err(refusal) => {
            let answer = Object::default().with("reason", refusal.reason());
            (StatusCode::FORBIDDEN, answer.with("message", refusal.text()))
        }
        Ok(reason) => (StatusCode::OK, Object::default().with_some("reason", reason)),
    };
    let answer = answer.with("now", shared.clock.now_unix_ms());
    cors::with_credentials(origin, reply::uncached_json(status, &answer))
}

/// Why One Tap has nothing to show to a page that may ask, if so.
fn reason(
    shared: &Shared,
    headers: &HeaderMap,
    asked: &Asked,
    origin: &str,
) -> Result<Option<&'static str>, Refusal> {
    let known = shared.state();
    site::client(&known, &asked.client_id, origin)?;
    let browser = browser(shared, headers);
    let accounts = card::accounts(&known, browser.as_deref(), &asked.login_hint, &asked.hd);
    Ok(accounts.is_empty().then_some("opt_out_or_no_session"))
}
