//! The way back to the client: a redirect, a form that posts itself, or a message to the opener.

use axum::response::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::front::Tokens;
use super::request::{Part, Redirect, ResponseMode, Silence};
use super::{Interaction, pages};
use crate::discovery::WRONG_ISSUER;
use crate::faults::Twist;
use crate::object::Object;
use crate::relay::Receiver;
use crate::reply;
use crate::state::Shared;
use crate::state::grants::LIFETIME;

/// What Google leaves as it is in a fragment: unreserved characters, and those of a scope's URL.
const FRAGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b':');

/// What a successful answer says.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) code: Option<String>,
    pub(super) tokens: Tokens,
    pub(super) scope: String,
    pub(super) authuser: usize,
    pub(super) hd: Option<String>,
    pub(super) session_state: Option<String>,
    pub(super) consent_shown: bool,
}

pub(super) fn success(shared: &Shared, interaction: &Interaction, granted: &Granted) -> Response {
    let request = &interaction.request;
    let Tokens { access_token, id_token } = &granted.tokens;
    let typed = access_token.is_some();
    // An ID token alone says nothing of scopes, and `none` says nothing at all.
    let scope = granted.code.is_some() || typed || request.response.has(Part::Permission);
    let mut answer = opening(shared, interaction)
        .with_some("code", granted.code.as_deref())
        .with_some("access_token", access_token.as_deref())
        .with_some("token_type", typed.then_some("Bearer"))
        .with_some("expires_in", typed.then(|| LIFETIME.to_string()))
        .with_some("scope", scope.then_some(granted.scope.as_str()))
        .with_some("id_token", id_token.as_deref());
    if !request.kind.is_installed() {
        answer = answer
            .with("authuser", granted.authuser.to_string())
            .with_some("hd", granted.hd.as_deref())
            .with_some("session_state", granted.session_state.as_deref())
            .with("prompt", if granted.consent_shown { "consent" } else { "none" });
    }
    deliver(interaction, &answer)
}

/// The person said no.
pub(super) fn access_denied(shared: &Shared, interaction: &Interaction) -> Response {
    let mut answer = Object::default().with("error", "access_denied");
    for (name, value) in opening(shared, interaction).members() {
        answer = answer.with(name, value.clone());
    }
    deliver(interaction, &answer)
}

/// No page was to be shown, and somebody would have to be asked.
pub(super) fn interaction_required(shared: &Shared, interaction: &Interaction) -> Response {
    let error = match interaction.request.prompt.silence {
        Some(Silence::Immediate) => "immediate_failed",
        _ => "interaction_required",
    };
    let answer =
        opening(shared, interaction).with("error_subtype", "access_denied").with("error", error);
    deliver(interaction, &answer)
}

/// `state`, then RFC 9207's `iss`, which belongs to errors as much as to codes.
fn opening(shared: &Shared, interaction: &Interaction) -> Object {
    let is_wrong = matches!(interaction.twist, Some(Twist::WrongIss));
    let iss = if is_wrong { WRONG_ISSUER } else { &shared.origin };
    let iss = shared.state().profile.iss_parameter.then_some(iss);
    Object::default().with_some("state", interaction.request.state.as_deref()).with_some("iss", iss)
}

fn deliver(interaction: &Interaction, answer: &Object) -> Response {
    let request = &interaction.request;
    match (&request.redirect, request.mode) {
        (Redirect::Uri(uri), ResponseMode::Query) => reply::redirect(&with_query(uri, answer)),
        (Redirect::Uri(uri), ResponseMode::Fragment) => {
            reply::redirect(&with_fragment(uri, answer))
        }
        (Redirect::Uri(uri), ResponseMode::FormPost) => pages::form_post::html(uri, answer),
        (Redirect::Popup { origin, id }, _) => {
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

/// A space is `+` in a query and `%20` here.
fn with_fragment(uri: &str, answer: &Object) -> String {
    let pairs = answer.members().map(|(name, value)| {
        let value = utf8_percent_encode(value.as_str().unwrap_or_default(), FRAGMENT);
        format!("{name}={value}")
    });
    format!("{uri}#{}", pairs.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_and_fragments_escape_differently() {
        let answer = Object::default().with("code", "4/0A").with("scope", "a b");
        assert_eq!(
            with_query("https://x/cb?y=1", &answer),
            "https://x/cb?y=1&code=4%2F0A&scope=a+b"
        );
        assert_eq!(with_fragment("https://x/cb", &answer), "https://x/cb#code=4/0A&scope=a%20b");
    }
}
