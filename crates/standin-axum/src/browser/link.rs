//! `POST /auth/{provider}/link`: adds one more account to those that the signed-in user can sign in with.
//!
//! Answered like `grant`. There is no other way to it: no address and no link in a mail begins it (requirement
//! AR-11).

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use standin::Refusal;
use standin::provider::Scopes;
use standin::session::cookie::Cookies;
use standin::signin::{LinkRequest, Parameters};

use super::grant::sent;
use super::posted::{Fields, Posted};
use super::provider::NamedProvider;
use crate::Shared;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    #[serde(default)]
    scopes: Vec<String>,
    return_to: Option<String>,
    login_hint: Option<String>,
}

impl Fields for Body {
    fn take(form: &mut Parameters) -> Result<Self, Refusal> {
        let scopes = form.take("scopes").unwrap_or_default();
        let scopes = scopes.split_ascii_whitespace().map(str::to_owned).collect();
        Ok(Self { scopes, return_to: form.take("return_to"), login_hint: form.take("login_hint") })
    }
}

pub(super) async fn post(
    State(shared): State<Shared>,
    NamedProvider(provider): NamedProvider,
    posted: Posted<Body>,
) -> Response {
    let Body { scopes, return_to, login_hint } = &posted.body;
    let Ok(scopes) = Scopes::try_from(scopes.clone()) else {
        return posted.refused(Refusal::ScopeNotAllowed);
    };
    let request = LinkRequest {
        scopes,
        return_to: return_to.clone(),
        login_hint: login_hint.clone().filter(|hint| hint.len() <= 320),
    };
    let cookies = Cookies::of(&posted.headers);
    let signin = shared.standin.signin();
    match signin.begin_link(&provider, &posted.session, request, cookies).await {
        Ok(begun) => sent(posted.is_form, begun),
        Err(error) => posted.refused(error),
    }
}
