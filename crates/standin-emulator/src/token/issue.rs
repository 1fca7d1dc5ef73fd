//! The answer of a successful token request, in Google's member order.

use std::collections::BTreeSet;

use super::Request;
use crate::faults::Twist;
use crate::id_token::{Channel, Extras, Statement};
use crate::object::Object;
use crate::scopes;
use crate::seed::{Client, PublishingStatus};
use crate::state::grants::{AccessToken, LIFETIME, Owner, RefreshToken};
use crate::state::ledger::{Event, Kind};
use crate::state::{Shared, State};

const TESTING_LIFETIME: i64 = 604_799;

/// What an access token is made from.
#[derive(Debug)]
pub(super) struct Basis<'a> {
    pub(super) kind: Kind,
    pub(super) owner: &'a Owner,
    pub(super) client_id: &'a str,
    pub(super) scopes: BTreeSet<String>,
    pub(super) code: &'a str,
    pub(super) offline: bool,
    pub(super) nonce: Option<&'a str>,
    pub(super) extras: Extras,
    /// A refresh token to hand out, already stored.
    pub(super) refresh_token: Option<String>,
    /// What was handed in: its name and text.
    pub(super) spent: (&'a str, &'a str),
}

/// Makes the tokens, writes the ledger and builds the answer.
pub(super) fn issue(request: &Request<'_>, mut basis: Basis<'_>) -> Object {
    narrow(request, &mut basis.scopes);
    let access_token = store(request, &basis);
    let id_token = id_token(request, &basis, &access_token);
    let refresh_token_expires_in = expires_in(request.shared, basis.refresh_token.as_deref());
    Object::default()
        .with("access_token", access_token)
        .with("expires_in", LIFETIME)
        .with_some("refresh_token", basis.refresh_token)
        .with("scope", scopes::join(&basis.scopes))
        .with("token_type", "Bearer")
        .with_some("id_token", id_token)
        .with_some("refresh_token_expires_in", refresh_token_expires_in)
}

/// Takes away the scopes that a fault keeps back.
pub(super) fn narrow(request: &Request<'_>, scopes: &mut BTreeSet<String>) {
    if let Some(Twist::NarrowScope { scopes: removed }) = request.twist {
        for scope in removed {
            scopes.remove(scopes::canonical(scope));
        }
    }
}

/// Stores a new refresh token, unless a fault keeps it back.
pub(super) fn refresh_token(
    request: &Request<'_>,
    client: &Client,
    owner: &Owner,
    scopes: &BTreeSet<String>,
    code: &str,
) -> Option<String> {
    if matches!(request.twist, Some(Twist::NoRefreshToken)) {
        return None;
    }
    let mut state = request.shared.state();
    let token = RefreshToken {
        owner: owner.clone(),
        client_id: client.client_id.clone(),
        scopes: scopes.clone(),
        code: code.to_owned(),
        expires_at: refresh_expiry(request.shared, &state, client, scopes),
        lapses_at: None,
        last_used: request.shared.clock.now_unix(),
        dead: false,
    };
    let limit = state.profile.refresh_token_limit;
    Some(state.grants.add_refresh(token, limit))
}

/// When access was given for a time, that; seven days for an app in Testing that was given more than
/// sign-in; otherwise no end.
fn refresh_expiry(
    shared: &Shared,
    state: &State,
    client: &Client,
    scopes: &BTreeSet<String>,
) -> Option<i64> {
    let project = state.project_of(client);
    let testing =
        state.profile.testing_status || project.publishing_status == PublishingStatus::Testing;
    let limited = testing && !scopes.iter().all(|scope| scopes::is_sign_in(scope));
    let given = state.profile.access_seconds.into_iter();
    let life = given.chain(limited.then_some(TESTING_LIFETIME)).min();
    life.map(|life| shared.clock.now_unix() + life)
}

fn expires_in(shared: &Shared, refresh_token: Option<&str>) -> Option<i64> {
    let at = shared.state().grants.refresh(refresh_token?)?.expires_at?;
    Some(at - shared.clock.now_unix())
}

fn store(request: &Request<'_>, basis: &Basis<'_>) -> String {
    let now = request.shared.clock.now_unix_ms();
    let mut state = request.shared.state();
    let access_token = state.grants.add_access(AccessToken {
        owner: basis.owner.clone(),
        client_id: basis.client_id.to_owned(),
        scopes: basis.scopes.clone(),
        offline: basis.offline,
        expires_at: now.div_euclid(1000) + LIFETIME,
        code: basis.code.to_owned(),
    });
    let (name, spent) = basis.spent;
    let mut event = Event::new(basis.kind)
        .user(state.email_of(&basis.owner.sub))
        .client(basis.client_id)
        .hashed(name, spent)
        .hashed("access_token", &access_token)
        .with("scope", scopes::join(&basis.scopes));
    if let Some(refresh_token) = &basis.refresh_token {
        // A refresh that rotates has spent one refresh token and gives another.
        let name = if name == "refresh_token" { "new_refresh_token" } else { "refresh_token" };
        event = event.hashed(name, refresh_token);
    }
    state.ledger.record(now, event);
    access_token
}

fn id_token(request: &Request<'_>, basis: &Basis<'_>, access_token: &str) -> Option<String> {
    if !basis.scopes.contains(scopes::OPENID) {
        return None;
    }
    let (user, signer, iss_forms, is_terse) = {
        let state = request.shared.state();
        let user = state.users.by_sub(&basis.owner.sub)?.clone();
        let profile = &state.profile;
        (user, state.keys.signer(), profile.id_token_iss_form, profile.terse_id_tokens)
    };
    let statement = Statement {
        origin: &request.shared.origin,
        client_id: basis.client_id,
        user: &user,
        scopes: &basis.scopes,
        access_token: Some(access_token),
        code: None,
        nonce: basis.nonce,
        extras: &basis.extras,
        now: request.shared.clock.now_unix(),
        channel: if is_terse { Channel::Terse } else { Channel::Token },
        iss_forms,
    };
    Some(statement.sign(&signer, request.twist))
}
