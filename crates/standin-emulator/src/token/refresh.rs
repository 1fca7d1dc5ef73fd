//! `grant_type=refresh_token`: another access token, of the same scopes or fewer.

use std::collections::BTreeSet;

use super::Request;
use super::client_auth::Credentials;
use super::issue::{self, Basis};
use crate::faults::Twist;
use crate::object::Object;
use crate::reply::OAuthError;
use crate::scopes;
use crate::seed::Client;
use crate::state::grants::RefreshToken;
use crate::state::ledger::{Event, Kind};

pub(super) fn refresh(request: &Request<'_>) -> Result<Object, OAuthError> {
    let credentials = Credentials::presented(request)?;
    let text = request.params.require("refresh_token")?;
    let client = credentials.authenticate(request)?;
    match accept(request, &client, text) {
        Ok((token, scopes)) => Ok(answer(request, text, &token, scopes)),
        Err(error) => {
            let event = Event::new(Kind::RefreshRefused).client(client.client_id);
            let event = event
                .hashed("refresh_token", text)
                .with("error", error.error);
            request
                .shared
                .record(event.with("error_description", error.description.as_str()));
            Err(error)
        }
    }
}

fn accept(
    request: &Request<'_>,
    client: &Client,
    text: &str,
) -> Result<(RefreshToken, BTreeSet<String>), OAuthError> {
    let dead = || OAuthError::bad_request("invalid_grant", "Token has been expired or revoked.");
    match request.twist {
        Some(Twist::InvalidGrant) => return Err(dead()),
        Some(Twist::InvalidClient) => return Err(issue::invalid_client()),
        _ => {}
    }
    let state = request.shared.state();
    let Some(token) = state.grants.refresh(text) else {
        return Err(OAuthError::bad_request("invalid_grant", "Bad Request"));
    };
    if token.client_id != client.client_id {
        return Err(OAuthError::unauthorized(
            "unauthorized_client",
            "Unauthorized",
        ));
    }
    if token.dead {
        return Err(dead());
    }
    let asked = request.params.get("scope").map(scopes::parse);
    let scopes = asked.unwrap_or_else(|| token.scopes.clone());
    if !scopes.is_subset(&token.scopes) {
        return Err(OAuthError::bad_request("invalid_scope", "Bad Request"));
    }
    Ok((token.clone(), scopes))
}

fn answer(
    request: &Request<'_>,
    text: &str,
    token: &RefreshToken,
    scopes: BTreeSet<String>,
) -> Object {
    issue::issue(
        request,
        Basis {
            kind: Kind::TokenRefreshed,
            owner: &token.owner,
            client_id: &token.client_id,
            scopes,
            code: &token.code,
            offline: true,
            nonce: None,
            refresh_token: rotated(request, text, token),
            spent: ("refresh_token", text),
        },
    )
}

/// Google keeps refresh tokens; the profile or a fault makes it rotate them.
fn rotated(request: &Request<'_>, text: &str, token: &RefreshToken) -> Option<String> {
    let mut state = request.shared.state();
    let rotates = state.profile.rotate_refresh_tokens;
    if !rotates && !matches!(request.twist, Some(Twist::Rotate)) {
        return None;
    }
    let limit = state.profile.refresh_token_limit;
    let successor = RefreshToken {
        issued_at: request.shared.clock.now_unix_ms(),
        ..token.clone()
    };
    state.grants.kill_refresh(text);
    Some(state.grants.add_refresh(successor, limit))
}
