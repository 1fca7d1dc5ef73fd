//! `/revoke`: any token of a user ends everything that user gave the project.
//!
//! The old path on accounts.google.com also takes GET, and wraps its answer for a script when it is
//! given the name of a function.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::bearer;
use crate::object::Object;
use crate::reply::{self, OAuthError};
use crate::state::Shared;
use crate::state::ledger::{Event, Kind};

/// `POST /revoke`.
pub(crate) async fn endpoint(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let (status, body) = answer(&shared, query.as_deref(), &body);
    reply::esf_json(status, &body)
}

/// `GET` and `POST /o/oauth2/revoke`.
pub(crate) async fn older_endpoint(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let callback = bearer::param("callback", query.as_deref(), &body);
    let (status, body) = match &callback {
        Some(name) if !is_function_name(name) => described(&bad_request()),
        _ => answer(&shared, query.as_deref(), &body),
    };
    match callback.filter(|name| is_function_name(name)) {
        Some(name) => {
            let script = format!("// API callback\n{name}({});", body.to_pretty());
            (status, [(header::CONTENT_TYPE, "application/javascript; charset=utf-8")], script)
                .into_response()
        }
        None => reply::esf_json(status, &body),
    }
}

fn answer(shared: &Shared, query: Option<&str>, body: &[u8]) -> (StatusCode, Object) {
    let token = bearer::param("token", query, body).filter(|token| !token.is_empty());
    let revoked = token.ok_or_else(bad_request).and_then(|token| revoke(shared, &token));
    match revoked {
        Ok(()) => (StatusCode::OK, Object::default()),
        Err(error) => described(&error),
    }
}

fn described(error: &OAuthError) -> (StatusCode, Object) {
    (error.status, error.body())
}

fn bad_request() -> OAuthError {
    OAuthError::bad_request("invalid_request", "Bad Request")
}

fn revoke(shared: &Shared, token: &str) -> Result<(), OAuthError> {
    let at = shared.clock.now_unix_ms();
    let mut state = shared.state();
    if state.grants.is_service_token(token) {
        return Err(OAuthError::bad_request("invalid_request", "Token is not revocable."));
    }
    let Some((owner, client_id)) = state.grants.owner_of(token, at.div_euclid(1000)) else {
        return Err(OAuthError::bad_request("invalid_token", "Token expired or revoked"));
    };
    state.grants.revoke(&owner);
    let event = Event::new(Kind::Revoked).user(state.email_of(&owner.sub)).client(client_id);
    state.ledger.record(at, event.with("by", "client").hashed("token", token));
    Ok(())
}

/// Letters, digits, `_`, `$` and dots: nothing that could be more than a name in a script.
fn is_function_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_$.".contains(&byte);
    (1..=128).contains(&name.len()) && name.bytes().all(plain)
}
