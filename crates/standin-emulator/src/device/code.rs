//! `POST /device/code`: a code for the device, and one for the person to type.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::{check_kind, pages};
use crate::chance;
use crate::object::Object;
use crate::reply::{self, OAuthError};
use crate::scopes;
use crate::state::Shared;
use crate::state::device::{DeviceCode, INTERVAL, LIFETIME, Outcome};
use crate::state::ledger::{Event, Kind};
use crate::token::client_auth;
use crate::token::params::Params;

/// What a device may ask for beyond sign-in, without the common prefix.
const ALLOWED: [&str; 4] = ["drive.appdata", "drive.file", "youtube", "youtube.readonly"];

pub(crate) async fn endpoint(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match issue(&shared, &headers, &body) {
        Ok(Some(answer)) => reply::uncached_json(StatusCode::OK, &answer),
        Ok(None) => {
            let quota = Object::default().with("error_code", "rate_limit_exceeded");
            reply::uncached_json(StatusCode::FORBIDDEN, &quota)
        }
        Err(error) => error.into_response(),
    }
}

/// `None` if the client has too many codes waiting.
fn issue(shared: &Shared, headers: &HeaderMap, body: &[u8]) -> Result<Option<Object>, OAuthError> {
    let params = Params::parse(headers, body)?;
    let client_id = params.get("client_id").ok_or_else(|| {
        let text = "Could not determine client ID from request.";
        OAuthError::bad_request("invalid_request", text)
    })?;
    let mut state = shared.state();
    let client = state.client(client_id).ok_or_else(client_auth::not_found)?;
    client_auth::check_status(client)?;
    check_kind(client)?;
    let scopes = allowed(params.require("scope")?)?;
    let now = shared.clock.now_unix_ms();
    let user_code = chance::user_code();
    let event = Event::new(Kind::DeviceCodeIssued)
        .client(client_id)
        .with("scope", scopes::join(&scopes))
        .hashed("user_code", &user_code);
    let code = state.device_codes.add(DeviceCode {
        user_code: user_code.clone(),
        client_id: client_id.to_owned(),
        scopes,
        issued_at: now,
        polled_at: None,
        outcome: Outcome::Pending,
    });
    let Some(device_code) = code else {
        return Ok(None);
    };
    state.ledger.record(now, event.hashed("device_code", &device_code));
    let answer = Object::default()
        .with("device_code", device_code)
        .with("user_code", user_code)
        .with("verification_url", format!("{}{}", shared.browser_origin, pages::ENTER))
        .with("expires_in", LIFETIME)
        .with("interval", INTERVAL);
    Ok(Some(answer))
}

fn allowed(list: &str) -> Result<BTreeSet<String>, OAuthError> {
    let is_allowed = |scope: &&str| {
        let scope = scopes::canonical(scope);
        scopes::is_sign_in(scope) || ALLOWED.iter().any(|name| scopes::url(name) == scope)
    };
    let bad: Vec<&str> = scopes::words(list).filter(|scope| !is_allowed(scope)).collect();
    if bad.is_empty() {
        return Ok(scopes::parse(list));
    }
    let description = format!("Invalid device flow scope: {}", bad.join(" "));
    Err(OAuthError::bad_request("invalid_scope", description))
}
