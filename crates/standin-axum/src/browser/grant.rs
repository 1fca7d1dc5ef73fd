//! `POST /auth/{provider}/grant`: asks the signed-in user for more, and keeps their session.
//!
//! A page's script posts JSON and is told where to go; a form is sent there at once.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use standin::Refusal;
use standin::id::AttemptId;
use standin::provider::Scopes;
use standin::session::cookie::Cookies;
use standin::signin::{Begun, GrantRequest, Parameters};

use super::posted::{Fields, Posted};
use super::provider::NamedProvider;
use crate::Shared;
use crate::cookies::with_cookies;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    scopes: Vec<String>,
    return_to: Option<String>,
    subject: Option<String>,
}

impl Fields for Body {
    /// `scopes` as the space-separated list of RFC 6749 §3.3.
    fn take(form: &mut Parameters) -> Result<Self, Refusal> {
        let scopes = form.take("scopes").unwrap_or_default();
        let scopes = scopes.split_ascii_whitespace().map(str::to_owned).collect();
        Ok(Self { scopes, return_to: form.take("return_to"), subject: form.take("subject") })
    }
}

/// The URL holds the state of the attempt: it is for the browser that the answer goes to, and no log.
#[derive(Serialize)]
struct Answer {
    authorization_url: String,
    attempt: AttemptId,
}

pub(super) async fn post(
    State(shared): State<Shared>,
    NamedProvider(provider): NamedProvider,
    posted: Posted<Body>,
) -> Response {
    let Body { scopes, return_to, subject } = &posted.body;
    let Ok(scopes) = Scopes::try_from(scopes.clone()) else {
        return posted.refused(Refusal::ScopeNotAllowed);
    };
    let request = GrantRequest { scopes, return_to: return_to.clone(), subject: subject.clone() };
    let cookies = Cookies::of(&posted.headers);
    let signin = shared.standin.signin();
    match signin.begin_grant(&provider, &posted.session, request, cookies).await {
        Ok(begun) => sent(posted.is_form, begun),
        Err(error) => posted.refused(error),
    }
}

/// To the provider: at once, or by the page's script.
pub(super) fn sent(is_form: bool, begun: Begun) -> Response {
    let response = if is_form {
        Redirect::to(begun.location.as_str()).into_response()
    } else {
        let (authorization_url, attempt) = (begun.location.into(), begun.attempt);
        Json(Answer { authorization_url, attempt }).into_response()
    };
    with_cookies(response, &begun.cookies)
}
