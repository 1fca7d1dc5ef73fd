//! `GET` and `POST /signin/oauth/warning`: "Google hasn’t verified this app".
//!
//! The way on hides behind "Advanced"; an application in testing has it in the open.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::{Part, asked, gone, html, next};
use crate::authorize::consent::Page;
use crate::seed::PublishingStatus;
use crate::state::Shared;

#[derive(Template)]
#[template(path = "unverified.html")]
struct UnverifiedPage<'a> {
    action: String,
    part: &'a str,
    application: &'a str,
    developer: &'a str,
    testing: bool,
}

pub(in crate::authorize) async fn show(
    State(shared): State<Arc<Shared>>,
    Query(Part { part }): Query<Part>,
) -> Response {
    let state = shared.state();
    let Some((_, client, _)) = asked(&state, &part, Page::Unverified) else {
        return gone();
    };
    let project = state.project_of(client);
    let page = UnverifiedPage {
        action: shared.path(Page::Unverified.path()),
        part: &part,
        application: &client.name,
        developer: &project.developer_email,
        testing: project.publishing_status == PublishingStatus::Testing,
    };
    html(page.render())
}

pub(in crate::authorize) async fn go_on(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    next(&shared, &headers, &body, Page::Unverified)
}
