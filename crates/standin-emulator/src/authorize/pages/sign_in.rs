//! `GET` and `POST /signin/oauth/id`: what signing in tells the application, all or nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::{Part, asked, gone, html, next};
use crate::authorize::consent::Page;
use crate::scopes;
use crate::seed::User;
use crate::state::Shared;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    action: String,
    part: &'a str,
    application: &'a str,
    user: &'a User,
    lines: Vec<&'static str>,
}

pub(in crate::authorize) async fn show(
    State(shared): State<Arc<Shared>>,
    Query(Part { part }): Query<Part>,
) -> Response {
    let state = shared.state();
    let Some((interaction, client, user)) = asked(&state, &part, Page::SignIn) else {
        return gone();
    };
    let page = SignInPage {
        action: shared.path(Page::SignIn.path()),
        part: &part,
        application: &client.name,
        user,
        lines: lines(&interaction.request.scopes),
    };
    html(page.render())
}

fn lines(requested: &BTreeSet<String>) -> Vec<&'static str> {
    let lines = [
        (scopes::OPENID, "Associate you with your personal info on Google"),
        (scopes::EMAIL, "See your primary Google Account email address"),
        (scopes::PROFILE, "See your personal info, including any you’ve made publicly available"),
    ];
    lines.iter().filter(|(scope, _)| requested.contains(*scope)).map(|line| line.1).collect()
}

pub(in crate::authorize) async fn go_on(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    next(&shared, &headers, &body, Page::SignIn)
}
