//! The account chooser and the consent page: plain forms, no script.
//!
//! Ids and names are stable, so that a browser test can press the buttons: `#account-<email>`,
//! `input[name=scope]`, `#allow-all`, `#continue`, `#cancel`.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::flow::{self, Answer};
use super::{Interaction, browser, outcome};
use crate::reply;
use crate::scopes;
use crate::seed::User;
use crate::state::Shared;
use crate::state::grants::Owner;

pub(super) const CHOOSER: &str = "/v3/signin/accountchooser";
pub(super) const CONSENT: &str = "/signin/oauth/consent";

/// Names the interaction a page belongs to.
#[derive(Debug, Deserialize)]
pub(super) struct Part {
    part: String,
}

#[derive(Template)]
#[template(path = "chooser.html")]
struct ChooserPage<'a> {
    action: String,
    part: &'a str,
    application: &'a str,
    users: Vec<User>,
}

/// `GET /v3/signin/accountchooser`.
pub(super) async fn chooser(
    State(shared): State<Arc<Shared>>,
    Query(Part { part }): Query<Part>,
) -> Response {
    let state = shared.state();
    let Some(interaction) = state.interactions.get(&part) else {
        return gone();
    };
    let Some(client) = state.client(&interaction.request.client_id) else {
        return gone();
    };
    let mut users: Vec<User> = state.users.iter().cloned().collect();
    suggest(&mut users, interaction);
    let page =
        ChooserPage { action: shared.path(CHOOSER), part: &part, application: &client.name, users };
    reply::page(page.render().unwrap_or_default())
}

/// Hints suggest, they do not authorize: hinted accounts come first, all can be chosen.
fn suggest(users: &mut [User], interaction: &Interaction) {
    let request = &interaction.request;
    let hint = request.login_hint.as_deref();
    let hinted = |user: &User| hint == Some(&*user.email) || hint == Some(&*user.sub);
    let in_domain = |user: &User| match request.hd.as_deref() {
        Some("*") => user.hd.is_some(),
        domain => domain.is_some() && user.hd.as_deref() == domain,
    };
    users.sort_by_key(|user| (!hinted(user), !in_domain(user)));
}

/// `POST /v3/signin/accountchooser`.
pub(super) async fn choose(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::parse(&body);
    let Some(interaction) = take(&shared, &form) else {
        return gone();
    };
    if form.has("cancel") {
        return outcome::access_denied(&shared, &interaction);
    }
    let chosen = form
        .value("account")
        .and_then(|account| shared.state().users.find(account).map(|user| user.sub.clone()));
    match chosen {
        Some(sub) => {
            flow::with_account(&shared, interaction, sub, browser(&shared, &headers).as_deref())
        }
        None => gone(),
    }
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    action: String,
    part: &'a str,
    application: &'a str,
    user: &'a User,
    sign_in: Vec<&'static str>,
    granular: bool,
    beyond: Vec<Asked>,
}

/// One scope beyond sign-in, as the page shows it.
#[derive(Debug)]
struct Asked {
    scope: String,
    description: &'static str,
    granted_before: bool,
}

/// `GET /signin/oauth/consent`.
pub(super) async fn consent(
    State(shared): State<Arc<Shared>>,
    Query(Part { part }): Query<Part>,
) -> Response {
    let state = shared.state();
    let Some(interaction) = state.interactions.get(&part) else {
        return gone();
    };
    let request = &interaction.request;
    let client = state.client(&request.client_id);
    let user = interaction.sub.as_deref().and_then(|sub| state.users.by_sub(sub));
    let (Some(client), Some(user)) = (client, user) else {
        return gone();
    };
    let before = state.grants.allowed(&Owner::new(client, &user.sub));
    let page = ConsentPage {
        action: shared.path(CONSENT),
        part: &part,
        application: &client.name,
        user,
        sign_in: sign_in_lines(&request.scopes),
        granular: scopes::is_granular(&request.scopes),
        beyond: asked(&request.scopes, &before),
    };
    reply::page(page.render().unwrap_or_default())
}

fn sign_in_lines(requested: &BTreeSet<String>) -> Vec<&'static str> {
    let lines = [
        (scopes::OPENID, "Associate you with your personal info on Google"),
        (scopes::EMAIL, "See your primary Google Account email address"),
        (scopes::PROFILE, "See your personal info, including any you’ve made publicly available"),
    ];
    lines.iter().filter(|(scope, _)| requested.contains(*scope)).map(|line| line.1).collect()
}

fn asked(requested: &BTreeSet<String>, before: &BTreeSet<String>) -> Vec<Asked> {
    let beyond = requested.iter().filter_map(|scope| Some((scope, scopes::describe(scope)?)));
    beyond
        .map(|(scope, description)| Asked {
            scope: scope.clone(),
            description,
            granted_before: before.contains(scope),
        })
        .collect()
}

/// `POST /signin/oauth/consent`.
pub(super) async fn decide(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::parse(&body);
    let Some(interaction) = take(&shared, &form) else {
        return gone();
    };
    let answer = if form.has("allow_all") {
        Answer::AllBut(BTreeSet::new())
    } else if form.has("continue") {
        Answer::Ticked(form.values("scope").map(str::to_owned).collect())
    } else {
        Answer::Cancel
    };
    flow::conclude(&shared, &interaction, answer, true, browser(&shared, &headers).as_deref())
}

/// Each page is answered once; a second press of a button finds nothing.
fn take(shared: &Shared, form: &Form) -> Option<Interaction> {
    shared.state().interactions.remove(form.value("part")?)
}

fn gone() -> Response {
    reply::page(GonePage {}.render().unwrap_or_default())
}

#[derive(Template)]
#[template(path = "gone.html")]
struct GonePage {}

struct Form(Vec<(String, String)>);

impl Form {
    fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn value<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.values(name).next()
    }

    fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }
}
