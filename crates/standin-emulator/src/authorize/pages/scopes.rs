//! `GET` and `POST /signin/oauth/consent`: access beyond signing in, with boxes where there is a choice.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::{Form, Part, asked, gone, html, take};
use crate::authorize::browser;
use crate::authorize::conclude::conclude;
use crate::authorize::consent::{self, Answer, Page};
use crate::scopes;
use crate::seed::User;
use crate::state::Shared;
use crate::state::grants::Owner;

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    action: String,
    part: &'a str,
    application: &'a str,
    user: &'a User,
    boxes: bool,
    lines: Vec<Line>,
}

/// One scope beyond sign-in, as the page shows it.
#[derive(Debug)]
struct Line {
    scope: String,
    description: &'static str,
    granted_before: bool,
}

pub(in crate::authorize) async fn show(
    State(shared): State<Arc<Shared>>,
    Query(Part { part }): Query<Part>,
) -> Response {
    let state = shared.state();
    let Some((interaction, client, user)) = asked(&state, &part, Page::Scopes) else {
        return gone();
    };
    let before = state.grants.allowed(&Owner::new(client, &user.sub));
    let page = ConsentPage {
        action: shared.path(Page::Scopes.path()),
        part: &part,
        application: &client.name,
        user,
        boxes: interaction.boxes,
        lines: lines(&interaction.request.scopes, &before),
    };
    html(page.render())
}

fn lines(requested: &BTreeSet<String>, before: &BTreeSet<String>) -> Vec<Line> {
    let beyond = requested.iter().filter_map(|scope| Some((scope, scopes::describe(scope)?)));
    beyond
        .map(|(scope, description)| Line {
            scope: scope.clone(),
            description,
            granted_before: before.contains(scope),
        })
        .collect()
}

pub(in crate::authorize) async fn decide(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::parse(&body);
    let Some(interaction) = take(&shared, &form, Some(Page::Scopes)) else {
        return gone();
    };
    let answer = if form.has("allow_all") {
        consent::everything()
    } else if form.has("continue") {
        Answer::Ticked(form.values("scope").map(str::to_owned).collect())
    } else {
        Answer::Cancel
    };
    conclude(&shared, &interaction, answer, true, browser(&shared, &headers).as_deref())
}
