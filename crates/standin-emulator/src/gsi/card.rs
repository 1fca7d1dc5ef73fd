//! `/gsi/iframe/select`: One Tap's card, in a frame that only the page's registered origin may hold.
//!
//! It offers the accounts that are signed in at this browser; the page that frames it cannot look in.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Query, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::credential::{self, Credential};
use super::select::in_domain;
use super::site::{Asked, Refusal};
use crate::authorize::{self, browser};
use crate::bearer;
use crate::object::Object;
use crate::relay::script_literal;
use crate::seed::{Client, User};
use crate::state::{Autopilot, Decision, Shared, State as Known};

#[derive(Template)]
#[template(path = "gsi_card.html")]
struct CardPage<'a> {
    action: String,
    heading: &'a str,
    application: &'a str,
    users: Vec<User>,
    origin: String,
    shown: String,
    closed: String,
}

/// The accounts that may be offered: the autopilot's, or those signed in that the page would take.
pub(super) fn accounts(
    known: &Known,
    browser: Option<&str>,
    hint: &str,
    domain: &str,
) -> Vec<User> {
    if let Some(Autopilot { user, .. }) = &known.autopilot {
        return known.users.find(user).into_iter().cloned().collect();
    }
    let signed_in = known.browsers.accounts(browser).iter();
    let users = signed_in.filter_map(|sub| known.users.by_sub(sub));
    let welcome = |user: &&User| {
        (hint.is_empty() || [&*user.email, &*user.sub].contains(&hint))
            && (domain.is_empty() || in_domain(user, domain))
    };
    users.filter(welcome).cloned().collect()
}

/// What becomes of a card.
enum Plan {
    Refuse(Refusal),
    Skip(&'static str),
    Share(User, &'static str),
    Show { application: String, users: Vec<User> },
}

/// `GET`: the card, unless nobody needs to touch it.
pub(super) async fn ask(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
    RawQuery(query): RawQuery,
) -> Response {
    let plan = plan(&shared.state(), browser(&shared, &headers).as_deref(), &asked);
    match plan {
        Plan::Refuse(refusal) => refuse(&shared, &asked, refusal),
        Plan::Skip(reason) => asked.receiver().tell("skipped", reason),
        Plan::Share(user, select_by) => share(&shared, &headers, &asked, &user, select_by),
        Plan::Show { application, users } => {
            let page = card(&shared, &asked, query.as_deref(), &application, users);
            asked.receiver().framed(page.render().unwrap_or_default())
        }
    }
}

fn plan(known: &Known, browser: Option<&str>, asked: &Asked) -> Plan {
    let client = match asked.client(known) {
        Ok(client) => client,
        Err(refusal) => return Plan::Refuse(refusal),
    };
    let mut users = accounts(known, browser, &asked.login_hint, &asked.hd);
    let nobody = users.is_empty();
    users.retain(|user| authorize::refusal(known, client, user).is_none());
    let automatic = asked.auto_select == "true";
    let autopilot = known.autopilot.as_ref();
    match (autopilot.map(|autopilot| autopilot.decision), users.as_slice()) {
        (Some(Decision::Deny), _) if automatic => Plan::Skip("auto_cancel"),
        (Some(Decision::Deny), _) => Plan::Skip("user_cancel"),
        (_, []) if !nobody => Plan::Skip("issuing_failed"),
        (_, [only]) if automatic && credential::is_known(known, client, only) => {
            Plan::Share(users.remove(0), "auto")
        }
        (Some(_), [only]) => {
            let select_by = select_by(known, asked, only);
            Plan::Share(users.remove(0), select_by)
        }
        _ => Plan::Show { application: client.name.clone(), users },
    }
}

/// `POST`: the account that was tapped.
pub(super) async fn answer(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
    body: Bytes,
) -> Response {
    let account = bearer::param("account", None, &body).unwrap_or_default();
    let checked = {
        let known = shared.state();
        let user = known.users.find(&account).cloned();
        let welcome = |client: &Client| {
            let user = user.filter(|user| authorize::refusal(&known, client, user).is_none());
            user.map(|user| (select_by(&known, &asked, &user), user))
        };
        asked.client(&known).map(welcome)
    };
    match checked {
        Ok(Some((select_by, user))) => share(&shared, &headers, &asked, &user, select_by),
        Ok(None) => asked.receiver().tell("skipped", "issuing_failed"),
        Err(refusal) => refuse(&shared, &asked, refusal),
    }
}

fn refuse(shared: &Shared, asked: &Asked, refusal: Refusal) -> Response {
    let error = refusal.error(&shared.state(), &asked.origin);
    error.redirect(shared, &[])
}

/// What a tap is called: it tells whether the account was known to the application before.
fn select_by(known: &Known, asked: &Asked, user: &User) -> &'static str {
    match asked.client(known) {
        Ok(client) if credential::is_known(known, client, user) => "user",
        _ => "user_1tap",
    }
}

fn card<'a>(
    shared: &Shared,
    asked: &'a Asked,
    query: Option<&str>,
    application: &'a str,
    users: Vec<User>,
) -> CardPage<'a> {
    let message = |kind| script_literal(&asked.receiver().message(kind, Object::default()));
    CardPage {
        action: format!("{}?{}", shared.path("/gsi/iframe/select"), query.unwrap_or_default()),
        heading: asked.heading(),
        application,
        users,
        origin: script_literal(&asked.origin),
        shown: message("shown"),
        closed: message("closed"),
    }
}

fn share(
    shared: &Shared,
    headers: &HeaderMap,
    asked: &Asked,
    user: &User,
    select_by: &'static str,
) -> Response {
    let select_by = match select_by {
        "auto" if asked.use_fedcm == "true" => "fedcm_auto",
        _ if asked.use_fedcm == "true" => "fedcm",
        other => other,
    };
    let credential = Credential::issue(shared, headers, asked, user, select_by);
    let response = asked.receiver().tell("credential", credential.response(asked));
    credential.remembered(shared, response)
}
