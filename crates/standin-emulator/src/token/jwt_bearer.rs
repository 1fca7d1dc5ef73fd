//! `grant_type=…:jwt-bearer`: a service account's own signature into an access token or an ID token.
//!
//! ```text
//! structure ─▶ signature ─▶ iss ─▶ iat, exp ─▶ window ─▶ scope ─▶ aud ─▶ delegation
//! ```
//!
//! The order is Google's: what is wrong first is what the answer names.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Request, client_auth, issue, service_id_token};
use crate::faults::Twist;
use crate::jws::Jws;
use crate::object::Object;
use crate::reply::OAuthError;
use crate::scopes;
use crate::seed::ServiceAccount;
use crate::state::grants::{AccessToken, LIFETIME, Owner};
use crate::state::ledger::{Event, Kind};

/// The longest life of an assertion, in seconds.
const LONGEST: i64 = 3600;

/// What an assertion asks for.
enum Wish {
    /// An access token for these scopes.
    Access(BTreeSet<String>),
    /// An ID token for this audience. Scopes that Google does not know end up here, too.
    Identity(String),
}

pub(super) fn grant(request: &Request<'_>) -> Result<Object, OAuthError> {
    let answer = check_faults(request).and_then(|()| answer(request));
    if let Err(error) = &answer {
        let event = Event::new(Kind::ServiceTokenRefused).with("error", error.error);
        let event = event.hashed_some("assertion", request.params.get("assertion"));
        request.shared.record(event.with("error_description", error.description.as_str()));
    }
    answer
}

/// A refusal that was ordered. There is no client whose secret could be wrong, but that is how the
/// refusal is worded.
fn check_faults(request: &Request<'_>) -> Result<(), OAuthError> {
    match request.twist {
        Some(Twist::InvalidGrant) => Err(invalid_grant("Bad Request")),
        Some(Twist::InvalidClient) => Err(client_auth::wrong_secret(&request.shared.state())),
        _ => Ok(()),
    }
}

fn answer(request: &Request<'_>) -> Result<Object, OAuthError> {
    let bad_request = || OAuthError::bad_request("invalid_request", "Bad Request");
    let assertion = request.params.get("assertion").and_then(Jws::parse).ok_or_else(bad_request)?;
    let account = signer(request, &assertion)?;
    check_window(&assertion.claims, request.shared.clock.now_unix())?;
    let wish = Wish::of(&assertion.claims)?;
    check_audience(request, &assertion.claims)?;
    match wish {
        Wish::Access(mut scopes) => {
            let sub = subject(request, &account, &assertion.claims, &scopes)?;
            issue::narrow(request, &mut scopes);
            Ok(access(request, &account, sub, scopes))
        }
        Wish::Identity(audience) => Ok(identity(request, &account, &audience)),
    }
}

fn identity(request: &Request<'_>, account: &ServiceAccount, audience: &str) -> Object {
    let id_token = service_id_token::sign(request, account, audience);
    let event = Event::new(Kind::ServiceTokenIssued)
        .user(account.email.as_str())
        .client(account.client_id.as_str());
    request.shared.record(event.with("audience", audience).hashed("id_token", &id_token));
    Object::default().with("id_token", id_token)
}

/// The account that `iss` names, if its key has signed.
fn signer(request: &Request<'_>, assertion: &Jws<'_>) -> Result<ServiceAccount, OAuthError> {
    let bad_signature = || invalid_grant("Invalid JWT Signature.");
    if !assertion.is_rs256() {
        return Err(bad_signature());
    }
    let state = request.shared.state();
    let named = assertion.claims.text("iss").and_then(|iss| state.service_account(iss));
    // Without a name that is known, the key's id still tells a forged signature from a wrong name.
    let by_key = || {
        let kid = assertion.kid()?;
        state.service_accounts.iter().find(|account| account.key_id() == Some(kid))
    };
    let signed = |account: &ServiceAccount| account.signed(assertion.message, &assertion.signature);
    match (named, by_key()) {
        (Some(account), _) if signed(account) => Ok(account.clone()),
        (Some(_), _) => Err(bad_signature()),
        (None, Some(account)) if !signed(account) => Err(bad_signature()),
        (None, _) => Err(invalid_grant("Invalid grant: account not found")),
    }
}

fn check_window(claims: &Object, now: i64) -> Result<(), OAuthError> {
    let time = |name| claims.get(name).and_then(seconds);
    let issued_at =
        time("iat").ok_or_else(|| invalid_grant("Invalid JWT: iat (issued at) is not set."))?;
    let expires_at = time("exp")
        .ok_or_else(|| invalid_grant("Invalid JWT: exp (expiration time) is not set."))?;
    let life = expires_at.saturating_sub(issued_at);
    if issued_at > now || expires_at <= now || life > LONGEST {
        return Err(invalid_grant(
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable \
             timeframe. Check your iat and exp values in the JWT claim.",
        ));
    }
    Ok(())
}

/// A number, or digits in a string.
fn seconds(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

impl Wish {
    fn of(claims: &Object) -> Result<Self, OAuthError> {
        let scope = claims.text("scope").unwrap_or_default();
        let audience = claims.text("target_audience").unwrap_or_default();
        let wished = if scope.trim().is_empty() { audience } else { scope };
        if wished.trim().is_empty() || !wished.bytes().all(is_scope_byte) {
            let text = "Invalid OAuth scope or ID token audience provided.";
            return Err(OAuthError::bad_request("invalid_scope", text));
        }
        let known = |scope: &str| scopes::is_known(scope) || scopes::is_for_services(scope);
        if !scope.trim().is_empty() && scopes::words(scope).all(known) {
            let words = scopes::words(scope).map(|scope| scopes::canonical(scope).to_owned());
            return Ok(Self::Access(words.collect()));
        }
        Ok(Self::Identity(wished.to_owned()))
    }
}

/// RFC 6749 §3.3, and the spaces between.
fn is_scope_byte(byte: u8) -> bool {
    matches!(byte, b' ' | 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

/// The token endpoint by any of its names, here or at Google: libraries fix one of them.
fn check_audience(request: &Request<'_>, claims: &Object) -> Result<(), OAuthError> {
    const NAMES: [&str; 4] = [
        "https://oauth2.googleapis.com/token",
        "https://accounts.google.com/o/oauth2/token",
        "https://www.googleapis.com/oauth2/v3/token",
        "https://www.googleapis.com/oauth2/v4/token",
    ];
    let own = |aud: &str| {
        let path = aud.strip_prefix(&request.shared.origin);
        path.is_some_and(|path| super::PATHS.contains(&path))
    };
    match claims.text("aud") {
        Some(aud) if own(aud) || NAMES.contains(&aud) => Ok(()),
        _ => Err(invalid_grant("Invalid JWT: Failed audience check.")),
    }
}

/// Whose token it becomes: the account's own, or a user's whose domain lets it act for them.
fn subject(
    request: &Request<'_>,
    account: &ServiceAccount,
    claims: &Object,
    scopes: &BTreeSet<String>,
) -> Result<String, OAuthError> {
    let Some(email) = claims.text("sub").filter(|sub| *sub != account.email) else {
        return Ok(account.client_id.clone());
    };
    let state = request.shared.state();
    let Some(user) = state.users.find(email) else {
        return Err(invalid_grant("Invalid email or User ID"));
    };
    let delegated = |scope: &String| {
        account.delegated_scopes.iter().any(|known| scopes::canonical(known) == scope)
    };
    if user.hd.is_none() || !scopes.iter().all(delegated) {
        let text = "Client is unauthorized to retrieve access tokens using this method, or client \
                    not authorized for any of the scopes requested.";
        return Err(OAuthError::unauthorized("unauthorized_client", text));
    }
    Ok(user.sub.clone())
}

/// The token belongs to no project's grant: no user gave it, and none can take it back.
fn access(
    request: &Request<'_>,
    account: &ServiceAccount,
    sub: String,
    scopes: BTreeSet<String>,
) -> Object {
    let now = request.shared.clock.now_unix_ms();
    let mut state = request.shared.state();
    let event = Event::new(Kind::ServiceTokenIssued)
        .user(state.email_of(&sub))
        .client(account.client_id.as_str())
        .with("scope", scopes::join(&scopes));
    let access_token = state.grants.add_service_access(AccessToken {
        owner: Owner { project: account.client_id.clone(), sub },
        client_id: account.client_id.clone(),
        scopes,
        offline: false,
        expires_at: now.div_euclid(1000) + LIFETIME,
        code: String::new(),
    });
    state.ledger.record(now, event.hashed("access_token", &access_token));
    Object::default()
        .with("access_token", access_token)
        .with("expires_in", LIFETIME)
        .with("token_type", "Bearer")
}

fn invalid_grant(description: &str) -> OAuthError {
    OAuthError::bad_request("invalid_grant", description)
}
