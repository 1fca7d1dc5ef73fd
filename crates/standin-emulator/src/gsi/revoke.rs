//! `POST /gsi/revoke`: `google.accounts.id.revoke(hint)`, which takes back what was agreed to.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::site;
use crate::bearer;
use crate::cors;
use crate::object::Object;
use crate::reply;
use crate::state::Shared;
use crate::state::grants::Owner;
use crate::state::ledger::{Event, Kind};

pub(super) async fn revoke(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let field = |name| bearer::param(name, None, &body).unwrap_or_default();
    let origin = cors::origin(&headers).unwrap_or_default();
    let (status, answer) = match take_back(&shared, &field("client_id"), origin, &field("hint")) {
        Ok(()) => (StatusCode::OK, Object::default().with("successful", true)),
        Err(error) => {
            let answer = Object::default().with("successful", false).with("error", error);
            (StatusCode::FORBIDDEN, answer)
        }
    };
    cors::with_credentials(origin, reply::uncached_json(status, &answer))
}

fn take_back(
    shared: &Shared,
    client_id: &str,
    origin: &str,
    hint: &str,
) -> Result<(), &'static str> {
    let mut state = shared.state();
    let client = site::client(&state, client_id, origin).map_err(site::Refusal::text)?;
    let user = state.users.find(hint).ok_or("The account is not known.")?;
    let (owner, email) = (Owner::new(client, &user.sub), user.email.clone());
    if state.grants.allowed(&owner).is_empty() {
        return Err("The account has not allowed this application anything.");
    }
    state.grants.revoke(&owner);
    let event = Event::new(Kind::Revoked).user(email).client(client_id).with("by", "page");
    state.ledger.record(shared.clock.now_unix_ms(), event);
    Ok(())
}
