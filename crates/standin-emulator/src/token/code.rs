//! `grant_type=authorization_code`: a code, once, within ten minutes, with all it was bound to.

use super::client_auth::{self, Credentials};
use super::issue::{self, Basis};
use super::{Request, policy};
use crate::faults::Twist;
use crate::object::Object;
use crate::reply::OAuthError;
use crate::seed::Client;
use crate::state::grants::Code;
use crate::state::ledger::{Event, Kind};

pub(super) fn redeem(request: &Request<'_>) -> Result<Object, OAuthError> {
    let redirect_uri = request.params.get("redirect_uri").ok_or_else(|| {
        OAuthError::bad_request("invalid_request", "Missing parameter: redirect_uri")
    })?;
    let credentials = Credentials::presented(request)?;
    let text = request.params.require("code")?;
    let client = credentials.authenticate(request)?;
    let redeemed = spend(request, &client, text).and_then(|code| {
        check_binding(&code, redirect_uri, request.params.get("code_verifier"))?;
        Ok(code)
    });
    match redeemed {
        Ok(code) => Ok(answer(request, &client, text, &code)),
        Err(error) => {
            let event = Event::new(Kind::CodeRefused).client(client.client_id);
            let event = event.hashed("code", text).with("error", error.error);
            request.shared.record(event.with("error_description", error.description.as_str()));
            Err(error)
        }
    }
}

/// Marks the code as used. What fails after this has burnt it.
fn spend(request: &Request<'_>, client: &Client, text: &str) -> Result<Code, OAuthError> {
    let now = request.shared.clock.now_unix_ms();
    let mut state = request.shared.state();
    let reuse_revokes = state.profile.code_reuse_revokes;
    if matches!(request.twist, Some(Twist::InvalidGrant)) {
        return Err(refused());
    }
    if matches!(request.twist, Some(Twist::InvalidClient)) {
        return Err(client_auth::wrong_secret(&state));
    }
    let owner = state.grants.code(text).map(|code| code.owner.sub.clone());
    let account = owner.map_or(Ok(()), |sub| policy::account(&state, &sub).map(|_| ()));
    let Some(code) = state.grants.code(text) else {
        return Err(OAuthError::bad_request("invalid_grant", "Malformed auth code."));
    };
    if code.client_id != client.client_id {
        return Err(refused());
    }
    if code.redeemed {
        if reuse_revokes {
            state.grants.replay(text);
        }
        return Err(refused());
    }
    if code.is_expired(now) {
        return Err(refused());
    }
    account?;
    code.redeemed = true;
    Ok(code.clone())
}

fn refused() -> OAuthError {
    OAuthError::bad_request("invalid_grant", "Bad Request")
}

/// PKCE both ways: a challenge demands its verifier, and a verifier demands a challenge.
fn check_binding(
    code: &Code,
    redirect_uri: &str,
    verifier: Option<&str>,
) -> Result<(), OAuthError> {
    let invalid_grant = |text: &str| Err(OAuthError::bad_request("invalid_grant", text));
    match (&code.challenge, verifier) {
        (None, None) => {}
        (Some(_), None) => return invalid_grant("Missing code verifier."),
        (Some(challenge), Some(verifier)) if challenge.is_met_by(verifier) => {}
        _ => return invalid_grant("Invalid code verifier."),
    }
    if code.redirect_uri != redirect_uri {
        return Err(OAuthError::bad_request("redirect_uri_mismatch", "Bad Request"));
    }
    Ok(())
}

/// A refresh token comes only with offline access and a consent page shown in this very round; to an
/// installed application, always.
fn answer(request: &Request<'_>, client: &Client, text: &str, code: &Code) -> Object {
    let installed = client.kind.is_installed();
    let refresh_token = (installed || (code.offline && code.consent_shown))
        .then(|| issue::refresh_token(request, client, &code.owner, &code.scopes, text))
        .flatten();
    issue::issue(
        request,
        Basis {
            kind: Kind::CodeRedeemed,
            owner: &code.owner,
            client_id: &client.client_id,
            scopes: code.scopes.clone(),
            code: text,
            offline: code.offline || installed,
            nonce: code.nonce.as_deref(),
            extras: code.extras.clone(),
            refresh_token,
            spent: ("code", text),
        },
    )
}
