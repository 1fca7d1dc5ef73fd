//! `POST /auth/{provider}/grant`: asks the signed-in user for more, and keeps their session.
//!
//! A page's script posts JSON and is told where to go; a form is sent there at once.

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use standin::id::AttemptId;
use standin::provider::Scopes;
use standin::session::cookie::Cookies;
use standin::session::csrf::{require_own_form, require_same_origin};
use standin::signin::{GrantRequest, Parameters};
use standin::{Error, Refusal};
use url::Url;

use super::login::require_top_level;
use super::provider::NamedProvider;
use crate::Shared;
use crate::cookies::{CurrentSession, with_cookies};
use crate::json::{from_object, has_type, unreadable, wrong_type};
use crate::page::{self, Waiting};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    scopes: Vec<String>,
    return_to: Option<String>,
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
    session: Result<CurrentSession, <CurrentSession as FromRequestParts<Shared>>::Rejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let is_form = has_type(&headers, "application/x-www-form-urlencoded");
    if !is_form && !has_type(&headers, "application/json") {
        return wrong_type("application/json or application/x-www-form-urlencoded");
    }
    let (CurrentSession(session), body) = match (session, body) {
        (Ok(session), Ok(body)) => (session, body),
        (Err(nobody), _) => return nobody,
        (_, Err(rejection)) => return unreadable(&rejection),
    };
    let refused = |error: Error| page::failed(&headers, error.into(), Waiting::Nobody, None);
    let request = guard(&headers, is_form, shared.standin.public_url())
        .and_then(|()| if is_form { from_form(&body) } else { from_json(&body) });
    let request = match request {
        Ok(request) => request,
        Err(refusal) => return refused(refusal.into()),
    };
    let cookies = Cookies::of(&headers);
    let begun =
        match shared.standin.signin().begin_grant(&provider, &session, request, cookies).await {
            Ok(begun) => begun,
            Err(error) => return refused(error),
        };
    let response = if is_form {
        Redirect::to(begun.location.as_str()).into_response()
    } else {
        let (authorization_url, attempt) = (begun.location.into(), begun.attempt);
        Json(Answer { authorization_url, attempt }).into_response()
    };
    with_cookies(response, &begun.cookies)
}

/// A page of ours, in either way of asking (requirements AR-11, SC-12).
fn guard(headers: &HeaderMap, is_form: bool, public_url: &Url) -> Result<(), Refusal> {
    if is_form {
        require_top_level(headers)?;
        require_own_form(headers, public_url)
    } else {
        require_same_origin(headers, public_url)
    }
}

fn from_json(body: &[u8]) -> Result<GrantRequest, Refusal> {
    let body: Body = from_object(body).map_err(|_| Refusal::InvalidRequest)?;
    let scopes = Scopes::try_from(body.scopes).map_err(|_| Refusal::ScopeNotAllowed)?;
    Ok(GrantRequest { scopes, return_to: body.return_to })
}

/// `scopes` as the space-separated list of RFC 6749 §3.3.
fn from_form(body: &[u8]) -> Result<GrantRequest, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| Refusal::InvalidRequest)?;
    let mut fields = Parameters::parse(text)?;
    let scopes = fields.take("scopes").unwrap_or_default();
    let scopes = Scopes::parse(&scopes).map_err(|_| Refusal::ScopeNotAllowed)?;
    let return_to = fields.take("return_to");
    if fields.is_empty() {
        Ok(GrantRequest { scopes, return_to })
    } else {
        Err(Refusal::InvalidRequest)
    }
}
