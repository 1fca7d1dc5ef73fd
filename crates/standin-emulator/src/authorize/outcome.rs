//! The way back to the client: a redirect, a form that posts itself, or a message to the opener.

use askama::Template;
use axum::response::Response;

use super::Interaction;
use super::request::Redirect;
use crate::discovery::WRONG_ISSUER;
use crate::object::Object;
use crate::relay::Receiver;
use crate::reply;
use crate::state::Shared;

/// What a successful answer says.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) code: String,
    pub(super) scope: String,
    pub(super) authuser: usize,
    pub(super) hd: Option<String>,
    pub(super) consent_shown: bool,
}

pub(super) fn success(shared: &Shared, interaction: &Interaction, granted: &Granted) -> Response {
    let prompt = if granted.consent_shown { "consent" } else { "none" };
    let answer = opening(shared, interaction)
        .with("code", granted.code.as_str())
        .with("scope", granted.scope.as_str())
        .with("authuser", granted.authuser.to_string())
        .with_some("hd", granted.hd.as_deref())
        .with("prompt", prompt);
    deliver(interaction, &answer)
}

/// The person said no.
pub(super) fn access_denied(shared: &Shared, interaction: &Interaction) -> Response {
    deliver(interaction, &opening(shared, interaction).with("error", "access_denied"))
}

/// `prompt=none` was asked for, and somebody would have to be asked.
pub(super) fn interaction_required(shared: &Shared, interaction: &Interaction) -> Response {
    let answer = opening(shared, interaction)
        .with("error_subtype", "access_denied")
        .with("error", "interaction_required");
    deliver(interaction, &answer)
}

/// `state`, then RFC 9207's `iss`, which belongs to errors as much as to codes.
fn opening(shared: &Shared, interaction: &Interaction) -> Object {
    let iss = if interaction.wrong_iss { WRONG_ISSUER } else { &shared.origin };
    let iss = shared.state().profile.iss_parameter.then_some(iss);
    Object::default().with_some("state", interaction.request.state.as_deref()).with_some("iss", iss)
}

fn deliver(interaction: &Interaction, answer: &Object) -> Response {
    let request = &interaction.request;
    match &request.redirect {
        Redirect::Uri(uri) if request.form_post => post_form(uri, answer),
        Redirect::Uri(uri) => reply::redirect(&with_query(uri, answer)),
        Redirect::Popup { origin, id } => {
            let receiver = Receiver { origin, client_id: &request.client_id, id: id.as_deref() };
            receiver.tell("authResult", answer)
        }
    }
}

fn with_query(uri: &str, answer: &Object) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in answer.members() {
        query.append_pair(name, value.as_str().unwrap_or_default());
    }
    let separator = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{separator}{}", query.finish())
}

#[derive(Template)]
#[template(path = "form_post.html")]
struct FormPostPage<'a> {
    action: &'a str,
    fields: Vec<(&'a str, &'a str)>,
}

fn post_form(action: &str, answer: &Object) -> Response {
    let fields = answer.members().map(|(name, value)| (name, value.as_str().unwrap_or_default()));
    let page = FormPostPage { action, fields: fields.collect() };
    reply::page(page.render().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_slash_is_escaped_once() {
        let answer = Object::default().with("code", "4/0A").with("scope", "a b");
        assert_eq!(
            with_query("https://x/cb?y=1", &answer),
            "https://x/cb?y=1&code=4%2F0A&scope=a+b"
        );
    }
}
