//! From a checked request to its outcome: which account, which pages, and in what order.

use std::collections::VecDeque;

use axum::http::{HeaderValue, header};
use axum::response::Response;

use super::conclude::conclude;
use super::consent::{self, Answer, Page};
use super::error::AuthError;
use super::request::AuthorizationRequest;
use super::{Interaction, cookie_name, outcome, pages, policy};
use crate::chance;
use crate::reply;
use crate::scopes;
use crate::state::ledger::{Event, Kind};
use crate::state::{Aging, Autopilot, Decision, Shared, State};

/// So many pages wait for their person.
const MOST_PAGES: usize = 10_000;

/// Starts a checked request: straight on if nobody needs to be asked.
pub(super) fn begin(shared: &Shared, interaction: Interaction, browser: Option<&str>) -> Response {
    let chosen = choose_silently(&shared.state(), &interaction.request, browser);
    match chosen {
        Some(sub) => with_account(shared, interaction, &sub, browser),
        None if interaction.request.prompt.silence.is_some() => {
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

/// What follows from the choice of an account.
struct Next {
    cookie: String,
    autopilot: Option<Autopilot>,
    refusal: Option<AuthError>,
    pages: VecDeque<Page>,
    boxes: bool,
}

/// Goes on with an account: the browser remembers it, its administrator is asked, and consent is asked
/// for if it must be.
pub(super) fn with_account(
    shared: &Shared,
    mut interaction: Interaction,
    sub: &str,
    browser: Option<&str>,
) -> Response {
    let Some(next) = next(shared, &interaction.request, sub, browser) else {
        return outcome::access_denied(shared, &interaction);
    };
    interaction.sub = Some(sub.to_owned());
    interaction.pages = next.pages;
    interaction.boxes = next.boxes;
    let mut response = match next.refusal {
        Some(error) => error.redirect(shared, &interaction.request.echo),
        None => ask(shared, interaction, next.autopilot, &next.cookie),
    };
    remember(shared, &mut response, &next.cookie);
    response
}

fn next(
    shared: &Shared,
    request: &AuthorizationRequest,
    sub: &str,
    browser: Option<&str>,
) -> Option<Next> {
    let mut state = shared.state();
    let cookie = state.browsers.sign_in(browser, sub, shared.clock.now_unix());
    let (client, user) = (state.client(&request.client_id)?, state.users.by_sub(sub)?);
    Some(Next {
        refusal: policy::refusal(&state, client, user),
        pages: consent::pages(&state, client, user, request),
        boxes: consent::has_boxes(&state, client, user, request),
        autopilot: state.autopilot.clone(),
        cookie,
    })
}

/// Shows the first page, lets the autopilot answer all of them, or goes on if there is none.
fn ask(
    shared: &Shared,
    interaction: Interaction,
    autopilot: Option<Autopilot>,
    cookie: &str,
) -> Response {
    let silent = interaction.request.prompt.silence.is_some();
    let Some(first) = interaction.pages.front().copied() else {
        let denied = autopilot.is_some_and(|autopilot| autopilot.decision == Decision::Deny);
        let answer = if denied && !silent { Answer::Cancel } else { consent::everything() };
        return conclude(shared, &interaction, answer, false, Some(cookie));
    };
    if silent {
        return outcome::interaction_required(shared, &interaction);
    }
    record_consent_shown(shared, &interaction);
    match autopilot {
        Some(autopilot) => {
            let answer = consent::answer_of(&autopilot);
            conclude(shared, &interaction, answer, true, Some(cookie))
        }
        None => show(shared, interaction, first.path()),
    }
}

/// After a page that was answered with yes: the next one, or the end.
pub(super) fn advance(
    shared: &Shared,
    mut interaction: Interaction,
    browser: Option<&str>,
) -> Response {
    interaction.pages.pop_front();
    match interaction.pages.front().copied() {
        Some(page) => show(shared, interaction, page.path()),
        None => conclude(shared, &interaction, consent::everything(), true, browser),
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

/// Remembers what a page is about. The oldest pages make way: abandoned ones would pile up in an emulator
/// that runs for weeks.
fn park<V>(pages: &mut Aging<V>, part: String, interaction: V) {
    pages.insert(part, interaction);
    pages.drop_oldest_while(|count, _| count > MOST_PAGES);
}

/// Parks the interaction and sends the browser to a page.
fn show(shared: &Shared, interaction: Interaction, page: &str) -> Response {
    let part = chance::opaque_id();
    park(&mut shared.state().interactions, part.clone(), interaction);
    let page = shared.path(page);
    reply::redirect(&format!("{page}?part={part}&flowName=GeneralOAuthFlow"))
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
    fn the_oldest_page_makes_way_and_no_other() {
        let mut pages = Aging::default();
        for number in 0..=MOST_PAGES {
            park(&mut pages, number.to_string(), ());
        }
        assert!(pages.get("0").is_none() && pages.get("1").is_some());
    }
}
