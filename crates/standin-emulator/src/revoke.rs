//! `/revoke`: any token of a user ends everything that user gave the project.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::bearer;
use crate::object::Object;
use crate::reply::{self, OAuthError};
use crate::state::Shared;
use crate::state::ledger::{Event, Kind};

pub(crate) async fn endpoint(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let Some(token) = bearer::param("token", query.as_deref(), &body) else {
        return OAuthError::bad_request("invalid_request", "Bad Request").into_response();
    };
    if revoke(&shared, &token) {
        reply::uncached_json(StatusCode::OK, &Object::default())
    } else {
        OAuthError::bad_request("invalid_token", "Token expired or revoked").into_response()
    }
}

fn revoke(shared: &Shared, token: &str) -> bool {
    let at = shared.clock.now_unix_ms();
    let mut state = shared.state();
    let Some((owner, client_id)) = state.grants.owner_of(token, at.div_euclid(1000)) else {
        return false;
    };
    state.grants.revoke(&owner);
    let event = Event::new(Kind::Revoked).user(state.email_of(&owner.sub)).client(client_id);
    state.ledger.record(at, event.with("by", "client").hashed("token", token));
    true
}
