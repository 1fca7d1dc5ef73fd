//! `grant_type=…:device_code`: whether the person has answered yet.
//!
//! The statuses are Google's, not RFC 8628's: 428 while nobody has, 403 for what is refused.

use std::collections::BTreeSet;

use axum::http::StatusCode;

use super::client_auth::{self, Credentials};
use super::issue::{self, Basis};
use super::{Request, policy};
use crate::authorize::consent;
use crate::device::{self, Decided};
use crate::faults::Twist;
use crate::id_token::Extras;
use crate::object::Object;
use crate::reply::OAuthError;
use crate::seed::Client;
use crate::state::State;
use crate::state::device::{DeviceCode, Outcome};
use crate::state::grants::Owner;
use crate::state::ledger::{Event, Kind};

/// The draft's name of the grant type; its code comes in `code`.
pub(super) const LEGACY: &str = "http://oauth.net/grant_type/device/1.0";

pub(super) fn poll(request: &Request<'_>) -> Result<Object, OAuthError> {
    let credentials = Credentials::presented(request)?;
    let legacy = request.params.get("grant_type") == Some(LEGACY);
    let text = request.params.require(if legacy { "code" } else { "device_code" })?;
    let client = credentials.authenticate(request)?;
    device::check_kind(&client)?;
    match settle(request, &client, text) {
        Ok((sub, scopes)) => Ok(answer(request, &client, text, &sub, scopes)),
        Err(error) => {
            if !["authorization_pending", "slow_down"].contains(&error.error) {
                let event = Event::new(Kind::CodeRefused).client(client.client_id);
                let event = event.hashed("device_code", text).with("error", error.error);
                request.shared.record(event);
            }
            Err(error)
        }
    }
}

/// Who allowed what; handed out once.
fn settle(
    request: &Request<'_>,
    client: &Client,
    text: &str,
) -> Result<(String, BTreeSet<String>), OAuthError> {
    let now = request.shared.clock.now_unix_ms();
    let mut state = request.shared.state();
    match request.twist {
        Some(Twist::InvalidGrant) => return Err(invalid_grant("Bad Request")),
        Some(Twist::InvalidClient) => return Err(client_auth::wrong_secret(&state)),
        _ => {}
    }
    let code = known(&mut state, client, text)?;
    if code.is_expired(now) && code.outcome != Outcome::Redeemed {
        return Err(OAuthError::bad_request("expired_token", "Bad Request"));
    }
    let outcome = match code.outcome.clone() {
        Outcome::Pending => by_autopilot(request, &mut state, text),
        decided => decided,
    };
    let code = known(&mut state, client, text)?;
    code.outcome = outcome.clone();
    match outcome {
        Outcome::Pending if code.is_polled_too_soon(now) => Err(forbidden("slow_down")),
        Outcome::Pending => Err(OAuthError::new(
            StatusCode::PRECONDITION_REQUIRED,
            "authorization_pending",
            "Precondition Required",
        )),
        Outcome::Denied => Err(forbidden("access_denied")),
        Outcome::Redeemed => Err(invalid_grant("Bad Request")),
        Outcome::Granted { sub, scopes } => {
            policy::check(&state, client, policy::account(&state, &sub)?)?;
            known(&mut state, client, text)?.outcome = Outcome::Redeemed;
            Ok((sub, scopes))
        }
    }
}

fn known<'a>(
    state: &'a mut State,
    client: &Client,
    text: &str,
) -> Result<&'a mut DeviceCode, OAuthError> {
    match state.device_codes.get_mut(text) {
        None => Err(invalid_grant("Malformed device code.")),
        Some(code) if code.client_id != client.client_id => Err(invalid_grant("Bad Request")),
        Some(code) => Ok(code),
    }
}

/// With an autopilot set, nobody has to open the page.
fn by_autopilot(request: &Request<'_>, state: &mut State, text: &str) -> Outcome {
    let Some(autopilot) = state.autopilot.clone() else {
        return Outcome::Pending;
    };
    let sub = state.users.find(&autopilot.user).map(|user| user.sub.clone());
    let (Some(sub), Some(code)) = (sub, state.device_codes.get_mut(text).cloned()) else {
        return Outcome::Pending;
    };
    let answer = consent::answer_of(&autopilot);
    let decided = Decided { client_id: &code.client_id, scopes: &code.scopes, sub: &sub, answer };
    device::decide(request.shared, state, decided)
}

/// A device always gets a refresh token: nobody stands by to sign in again.
fn answer(
    request: &Request<'_>,
    client: &Client,
    text: &str,
    sub: &str,
    scopes: BTreeSet<String>,
) -> Object {
    let owner = Owner::new(client, sub);
    let refresh_token = issue::refresh_token(request, client, &owner, &scopes, text);
    issue::issue(
        request,
        Basis {
            kind: Kind::CodeRedeemed,
            owner: &owner,
            client_id: &client.client_id,
            scopes,
            code: text,
            offline: true,
            nonce: None,
            extras: Extras::default(),
            refresh_token,
            spent: ("device_code", text),
        },
    )
}

fn forbidden(error: &'static str) -> OAuthError {
    OAuthError::new(StatusCode::FORBIDDEN, error, "Forbidden")
}

fn invalid_grant(description: &str) -> OAuthError {
    OAuthError::bad_request("invalid_grant", description)
}
