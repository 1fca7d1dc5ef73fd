//! `grant_type=refresh_token`: another access token, of the same scopes or fewer.

use std::collections::BTreeSet;

use super::client_auth::{self, Credentials};
use super::issue::{self, Basis};
use super::{Request, policy};
use crate::faults::Twist;
use crate::id_token::Extras;
use crate::object::Object;
use crate::reply::OAuthError;
use crate::scopes;
use crate::seed::Client;
use crate::state::State;
use crate::state::grants::RefreshToken;
use crate::state::ledger::{Event, Kind};

pub(super) fn refresh(request: &Request<'_>) -> Result<Object, OAuthError> {
    let credentials = Credentials::presented(request)?;
    let text = request.params.require("refresh_token")?;
    let client = credentials.authenticate(request)?;
    match accept(request, &client, text) {
        Ok(accepted) => Ok(answer(request, text, accepted)),
        Err(error) => {
            let event = Event::new(Kind::RefreshRefused).client(client.client_id);
            let event = event.hashed("refresh_token", text).with("error", error.error);
            let event = event.with("error_description", error.description.as_str());
            request
                .shared
                .record(error.more.iter().fold(event, |e, (name, text)| e.with(name, *text)));
            Err(error)
        }
    }
}

/// What a refresh gives: the token it spends, the scopes asked for, and a successor if it rotates.
struct Accepted {
    token: RefreshToken,
    scopes: BTreeSet<String>,
    successor: Option<String>,
}

/// Under one lock, so that of two refreshes with a rotating token only one succeeds.
fn accept(request: &Request<'_>, client: &Client, text: &str) -> Result<Accepted, OAuthError> {
    let dead = || OAuthError::bad_request("invalid_grant", "Token has been expired or revoked.");
    match request.twist {
        Some(Twist::InvalidGrant) => return Err(dead()),
        Some(Twist::InvalidClient) => {
            return Err(client_auth::wrong_secret(&request.shared.state()));
        }
        _ => {}
    }
    let mut state = request.shared.state();
    let Some(token) = state.grants.refresh(text).cloned() else {
        return Err(OAuthError::bad_request("invalid_grant", "Bad Request"));
    };
    if token.client_id != client.client_id {
        return Err(OAuthError::unauthorized("unauthorized_client", "Unauthorized"));
    }
    let user = policy::account(&state, &token.owner.sub)?;
    let now = request.shared.clock.now_unix();
    if !token.is_live(now) {
        return Err(dead());
    }
    policy::check(&state, client, user)?;
    policy::check_session(&state, &token.owner.sub)?;
    let asked = request.params.get("scope").map(scopes::parse);
    let scopes = asked.unwrap_or_else(|| token.scopes.clone());
    if !scopes.is_subset(&token.scopes) {
        return Err(OAuthError::bad_request("invalid_scope", "Bad Request"));
    }
    state.grants.touch_refresh(text, now);
    let rotates =
        state.profile.rotate_refresh_tokens || matches!(request.twist, Some(Twist::Rotate));
    let successor = rotates.then(|| rotate(&mut state, text, &token, now));
    Ok(Accepted { token, scopes, successor })
}

/// Google keeps refresh tokens; the profile or a fault makes it rotate them.
fn rotate(state: &mut State, text: &str, token: &RefreshToken, now: i64) -> String {
    match state.profile.rotation_grace_seconds {
        ..=0 => state.grants.kill_refresh(text),
        grace => state.grants.lapse_refresh(text, now.saturating_add(grace)),
    }
    let limit = state.profile.refresh_token_limit;
    state.grants.add_refresh(RefreshToken { lapses_at: None, ..token.clone() }, limit)
}

fn answer(request: &Request<'_>, text: &str, accepted: Accepted) -> Object {
    issue::issue(
        request,
        Basis {
            kind: Kind::TokenRefreshed,
            owner: &accepted.token.owner,
            client_id: &accepted.token.client_id,
            scopes: accepted.scopes,
            code: &accepted.token.code,
            offline: true,
            nonce: None,
            extras: Extras::default(),
            refresh_token: accepted.successor,
            spent: ("refresh_token", text),
        },
    )
}
