//! The pages: plain forms, no script.
//!
//! Ids and names are stable, so that a browser test can press the buttons: `#account-<email>`,
//! `#advanced`, `#unsafe`, `input[name=scope]`, `#allow-all`, `#continue`, `#cancel`.

pub(super) mod chooser;
pub(super) mod form_post;
pub(super) mod scopes;
pub(super) mod sign_in;
pub(super) mod unverified;

use askama::Template;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::consent::Page;
use super::{Interaction, browser, flow, outcome};
use crate::reply;
use crate::seed::{Client, User};
use crate::state::{Shared, State};

pub(super) const CHOOSER: &str = "/v3/signin/accountchooser";

/// Names the interaction a page belongs to.
#[derive(Debug, Deserialize)]
pub(super) struct Part {
    part: String,
}

/// A page of ours. Rendering into memory cannot fail.
pub(super) fn html(rendered: askama::Result<String>) -> Response {
    reply::page(rendered.unwrap_or_default())
}

/// The name of a client, as pages show it.
pub(super) fn application(shared: &Shared, client_id: &str) -> Option<String> {
    shared.state().client(client_id).map(|client| client.name.clone())
}

/// Who is asked on behalf of whom, if `page` is the one to show now.
fn asked<'a>(
    state: &'a State,
    part: &str,
    page: Page,
) -> Option<(&'a Interaction, &'a Client, &'a User)> {
    let interaction = state.interactions.get(part)?;
    let client = state.client(&interaction.request.client_id)?;
    let user = state.users.by_sub(interaction.sub.as_deref()?)?;
    (interaction.pages.front() == Some(&page)).then_some((interaction, client, user))
}

/// Each page is answered once, and only when it is due; a second press of a button finds nothing.
fn take(shared: &Shared, form: &Form, page: Option<Page>) -> Option<Interaction> {
    let part = form.value("part")?;
    let mut state = shared.state();
    let due = state.interactions.get(part)?.pages.front() == page.as_ref();
    if due { state.interactions.remove(part) } else { None }
}

/// Answers a page that only goes on or is left.
fn next(shared: &Shared, headers: &HeaderMap, body: &[u8], page: Page) -> Response {
    let form = Form::parse(body);
    let Some(interaction) = take(shared, &form, Some(page)) else {
        return gone();
    };
    if form.has("cancel") {
        return outcome::access_denied(shared, &interaction);
    }
    flow::advance(shared, interaction, browser(shared, headers).as_deref())
}

fn gone() -> Response {
    html(GonePage {}.render())
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
