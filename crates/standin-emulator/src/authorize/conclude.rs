//! The end of an interaction: the grant is written, what was asked for is issued, the browser goes back.

use std::collections::BTreeSet;

use axum::response::Response;

use super::Interaction;
use super::consent::{self, Answer};
use super::front::{self, Tokens};
use super::outcome::{self, Granted};
use super::request::Part;
use crate::chance;
use crate::id_token::Extras;
use crate::scopes;
use crate::state::grants::{Code, Owner};
use crate::state::ledger::{Event, Kind};
use crate::state::{Shared, State};

/// What was decided, as far as everything that is issued depends on it.
pub(super) struct Decided<'a> {
    pub(super) interaction: &'a Interaction,
    pub(super) owner: Owner,
    /// What the code and the tokens cover.
    pub(super) scopes: BTreeSet<String>,
    pub(super) extras: Extras,
    pub(super) consent_shown: bool,
    /// In milliseconds.
    pub(super) now: i64,
}

/// Nothing allowed is the same as a no.
pub(super) fn conclude(
    shared: &Shared,
    interaction: &Interaction,
    answer: Answer,
    consent_shown: bool,
    browser: Option<&str>,
) -> Response {
    let granted = consent::granted(&interaction.request.scopes, interaction.boxes, answer);
    let mut state = shared.state();
    let decided = (!granted.is_empty())
        .then(|| decide(&mut state, interaction, granted, browser))
        .flatten()
        .map(|decided| Decided { consent_shown, now: shared.clock.now_unix_ms(), ..decided });
    let Some(decided) = decided else {
        drop(state);
        return outcome::access_denied(shared, interaction);
    };
    let response = &interaction.request.response;
    let code = response.has(Part::Code).then(|| issue_code(&mut state, &decided));
    let access_token = response
        .has(Part::Token)
        .then(|| front::access_token(&mut state, &decided, code.as_deref()));
    let granted = describe(&state, &decided, browser);
    drop(state);
    let tokens = front::tokens(shared, &decided, code.as_deref(), access_token);
    outcome::success(shared, interaction, &Granted { code, tokens, ..granted })
}

/// Writes the grant. `None` if the client is gone since it asked.
fn decide<'a>(
    state: &mut State,
    interaction: &'a Interaction,
    granted: BTreeSet<String>,
    browser: Option<&str>,
) -> Option<Decided<'a>> {
    let request = &interaction.request;
    let sub = interaction.sub.as_deref()?;
    let client = state.client(&request.client_id)?;
    let owner = Owner::new(client, sub);
    let auth_time = state.project_of(client).auth_time;
    let extras = request.wanted.of(sub, state.browsers.since(browser, sub), auth_time);
    state.grants.allow(&owner, &granted);
    let scopes =
        if request.include_granted_scopes { state.grants.allowed(&owner) } else { granted };
    Some(Decided { interaction, owner, scopes, extras, consent_shown: false, now: 0 })
}

fn issue_code(state: &mut State, decided: &Decided<'_>) -> String {
    let request = &decided.interaction.request;
    let code = state.grants.add_code(Code {
        owner: decided.owner.clone(),
        client_id: request.client_id.clone(),
        redirect_uri: request.redirect.bound().to_owned(),
        scopes: decided.scopes.clone(),
        challenge: request.challenge.clone(),
        nonce: request.nonce.clone(),
        extras: decided.extras.clone(),
        offline: request.offline,
        consent_shown: decided.consent_shown,
        issued_at: decided.now,
        redeemed: false,
    });
    let event = Event::new(Kind::CodeIssued)
        .user(state.email_of(&decided.owner.sub))
        .client(&*request.client_id)
        .hashed("code", &code)
        .with("scope", scopes::join(&decided.scopes))
        .with("consent_shown", decided.consent_shown);
    state.ledger.record(decided.now, event);
    code
}

/// What the answer says beside what was issued.
fn describe(state: &State, decided: &Decided<'_>, browser: Option<&str>) -> Granted {
    let (request, sub) = (&decided.interaction.request, &decided.owner.sub);
    let accounts = state.browsers.accounts(browser);
    Granted {
        code: None,
        tokens: Tokens::default(),
        scope: scopes::join_both_forms(&decided.scopes),
        authuser: accounts.iter().position(|account| account == sub).unwrap_or(0),
        hd: state.users.by_sub(sub).and_then(|user| user.hd.clone()),
        session_state: request.response.is_legacy().then(|| session_state(browser, sub)),
        consent_shown: decided.consent_shown,
    }
}

/// What the old script library compared to notice a sign-out: the same for one browser and account.
fn session_state(browser: Option<&str>, sub: &str) -> String {
    let hash = chance::sha256_hex(&format!("{} {sub}", browser.unwrap_or_default()));
    format!("{}..{}", &hash[..40], &hash[40..44])
}
