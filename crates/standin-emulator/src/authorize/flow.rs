//! From a checked request to its outcome: which account, whether to ask, what was allowed.

use std::collections::BTreeSet;

use axum::http::{HeaderValue, header};
use axum::response::Response;

use super::outcome::{self, Granted};
use super::request::AuthorizationRequest;
use super::{Interaction, cookie_name, pages};
use crate::chance;
use crate::reply;
use crate::scopes;
use crate::state::grants::{Code, Owner};
use crate::state::ledger::{Event, Kind};
use crate::state::{Autopilot, Decision, Shared, State};

/// What the person, or the autopilot, says on the consent page.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// Everything but these, which can only be unticked where boxes are shown.
    AllBut(BTreeSet<String>),
    /// These, and what has no box.
    Ticked(BTreeSet<String>),
    Cancel,
}

/// Starts a checked request: straight on if nobody needs to be asked.
pub(super) fn begin(shared: &Shared, interaction: Interaction, browser: Option<&str>) -> Response {
    let mut state = shared.state();
    let chosen = choose_silently(&state, &interaction.request, browser);
    drop_stale(&mut state);
    drop(state);
    match chosen {
        Some(sub) => with_account(shared, interaction, sub, browser),
        None if interaction.request.prompt.none => {
            outcome::interaction_required(shared, &interaction)
        }
        None => show(shared, interaction, pages::CHOOSER),
    }
}

/// The account that needs no choosing: the autopilot's, the hinted one, or the only one signed in.
fn choose_silently(
    state: &State,
    request: &AuthorizationRequest,
    browser: Option<&str>,
) -> Option<String> {
    if let Some(autopilot) = &state.autopilot {
        return state.users.find(&autopilot.user).map(|user| user.sub.clone());
    }
    if request.prompt.select_account {
        return None;
    }
    let signed_in = state.browsers.accounts(browser);
    match &request.login_hint {
        Some(hint) => {
            let hinted = &state.users.find(hint)?.sub;
            signed_in.iter().find(|sub| *sub == hinted).cloned()
        }
        None => match signed_in {
            [only] => Some(only.clone()),
            _ => None,
        },
    }
}

/// Goes on with an account: the browser remembers it, and consent is asked for if it must be.
pub(super) fn with_account(
    shared: &Shared,
    mut interaction: Interaction,
    sub: String,
    browser: Option<&str>,
) -> Response {
    let (cookie, autopilot, needs_consent) = {
        let mut state = shared.state();
        let cookie = state.browsers.sign_in(browser, &sub, shared.clock.now_unix());
        let needs_consent = needs_consent(&state, &interaction.request, &sub);
        (cookie, state.autopilot.clone(), needs_consent)
    };
    interaction.sub = Some(sub);
    let browser = Some(cookie.as_str());
    let mut response = if needs_consent && interaction.request.prompt.none {
        outcome::interaction_required(shared, &interaction)
    } else if needs_consent {
        record_consent_shown(shared, &interaction);
        match autopilot {
            Some(autopilot) => conclude(shared, &interaction, answer_of(&autopilot), true, browser),
            None => show(shared, interaction, pages::CONSENT),
        }
    } else {
        let asked = autopilot.filter(|_| !interaction.request.prompt.none);
        let denied = asked.is_some_and(|autopilot| autopilot.decision == Decision::Deny);
        let answer = if denied { Answer::Cancel } else { Answer::AllBut(BTreeSet::new()) };
        conclude(shared, &interaction, answer, false, browser)
    };
    remember(shared, &mut response, &cookie);
    response
}

/// Consent is skipped only if every requested scope was granted to the project before.
fn needs_consent(state: &State, request: &AuthorizationRequest, sub: &str) -> bool {
    let Some(client) = state.client(&request.client_id) else {
        return true;
    };
    let allowed = state.grants.allowed(&Owner::new(client, sub));
    request.prompt.consent || !request.scopes.is_subset(&allowed)
}

fn answer_of(autopilot: &Autopilot) -> Answer {
    let untick = autopilot.untick.iter().map(|scope| scopes::canonical(scope).to_owned());
    match autopilot.decision {
        Decision::Deny => Answer::Cancel,
        Decision::Allow | Decision::Ask => Answer::AllBut(untick.collect()),
    }
}

/// Ends an interaction: writes the grant, issues the code, and sends the browser back.
pub(super) fn conclude(
    shared: &Shared,
    interaction: &Interaction,
    answer: Answer,
    consent_shown: bool,
    browser: Option<&str>,
) -> Response {
    let request = &interaction.request;
    let granted = granted(&request.scopes, answer);
    let Some(sub) = interaction.sub.as_deref().filter(|_| !granted.is_empty()) else {
        return outcome::access_denied(shared, interaction);
    };
    let now = shared.clock.now_unix_ms();
    let mut state = shared.state();
    let Some(owner) = state.client(&request.client_id).map(|client| Owner::new(client, sub)) else {
        drop(state);
        return outcome::access_denied(shared, interaction);
    };
    state.grants.allow(&owner, &granted);
    let covered =
        if request.include_granted_scopes { state.grants.allowed(&owner) } else { granted };
    let code = state.grants.add_code(Code {
        owner,
        client_id: request.client_id.clone(),
        redirect_uri: request.redirect.bound().to_owned(),
        scopes: covered.clone(),
        challenge: request.challenge.clone(),
        nonce: request.nonce.clone(),
        extras: crate::id_token::Extras::default(),
        offline: request.offline,
        consent_shown,
        issued_at: now,
        redeemed: false,
    });
    let event = Event::new(Kind::CodeIssued).user(state.email_of(sub)).client(&*request.client_id);
    let event = event.hashed("code", &code).with("scope", scopes::join(&covered));
    state.ledger.record(now, event.with("consent_shown", consent_shown));
    let accounts = state.browsers.accounts(browser);
    let granted = Granted {
        code,
        scope: scopes::join_both_forms(&covered),
        authuser: accounts.iter().position(|account| account == sub).unwrap_or(0),
        hd: state.users.by_sub(sub).and_then(|user| user.hd.clone()),
        consent_shown,
    };
    drop(state);
    outcome::success(shared, interaction, &granted)
}

/// Sign-in scopes have no box; the others have one only where there is a choice.
fn granted(requested: &BTreeSet<String>, answer: Answer) -> BTreeSet<String> {
    let granular = scopes::is_granular(requested);
    let keeps = |scope: &String| !granular || scopes::is_sign_in(scope);
    let all = requested.iter();
    match answer {
        Answer::Cancel => BTreeSet::new(),
        Answer::AllBut(unticked) => {
            all.filter(|scope| keeps(scope) || !unticked.contains(*scope)).cloned().collect()
        }
        Answer::Ticked(ticked) => {
            all.filter(|scope| keeps(scope) || ticked.contains(*scope)).cloned().collect()
        }
    }
}

fn record_consent_shown(shared: &Shared, interaction: &Interaction) {
    let request = &interaction.request;
    let mut event = Event::new(Kind::ConsentShown).client(request.client_id.as_str());
    if let Some(sub) = &interaction.sub {
        event = event.user(shared.state().email_of(sub));
    }
    shared.record(event.with("scope", scopes::join(&request.scopes)));
}

/// Parks the interaction and sends the browser to a page.
fn show(shared: &Shared, interaction: Interaction, page: &str) -> Response {
    let part = chance::opaque_id();
    shared.state().interactions.insert(part.clone(), interaction);
    let page = shared.path(page);
    reply::redirect(&format!("{page}?part={part}&flowName=GeneralOAuthFlow"))
}

/// Abandoned pages would pile up in an emulator that runs for weeks.
fn drop_stale(state: &mut State) {
    if state.interactions.len() > 10_000 {
        state.interactions.clear();
    }
}

/// Sets the cookie by which this browser is known again.
pub(crate) fn remember(shared: &Shared, response: &mut Response, cookie: &str) {
    let (name, path) = (cookie_name(shared), shared.path("/"));
    let line = format!("{name}={cookie}; Path={path}; HttpOnly; SameSite=Lax");
    if let Ok(value) = HeaderValue::from_str(&line) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unticking_touches_only_what_has_a_box() {
        let (calendar, drive) = (scopes::url("calendar.events"), scopes::url("drive.file"));
        let requested = scopes::parse(&format!("openid email {calendar} {drive}"));
        let answer = Answer::AllBut([drive.clone(), "openid".to_owned()].into());
        let kept = granted(&requested, answer);
        assert!(kept.contains(&calendar) && kept.contains("openid") && !kept.contains(&drive));
        let none = granted(&requested, Answer::Ticked(BTreeSet::new()));
        assert_eq!(none, scopes::parse("openid email"));
        let alone = scopes::parse(&calendar);
        assert_eq!(granted(&alone, Answer::Ticked(BTreeSet::new())), alone);
    }
}
