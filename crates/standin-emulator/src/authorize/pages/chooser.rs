//! `GET` and `POST /v3/signin/accountchooser`: whose account it is to be.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::{CHOOSER, Form, Part, gone, html, take};
use crate::authorize::{Interaction, browser, flow, outcome};
use crate::seed::User;
use crate::state::Shared;

#[derive(Template)]
#[template(path = "chooser.html")]
struct ChooserPage<'a> {
    action: String,
    part: &'a str,
    application: &'a str,
    users: Vec<User>,
}

pub(in crate::authorize) async fn show(
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
    html(page.render())
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

pub(in crate::authorize) async fn choose(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::parse(&body);
    let Some(interaction) = take(&shared, &form, None) else {
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
            flow::with_account(&shared, interaction, &sub, browser(&shared, &headers).as_deref())
        }
        None => gone(),
    }
}
