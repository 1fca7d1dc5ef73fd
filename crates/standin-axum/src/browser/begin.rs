//! `POST /auth/{provider}/begin`: an attempt for the provider's own script: its one-time-code popup, its button,
//! its One Tap.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use standin::Refusal;
use standin::id::AttemptId;
use standin::provider::Scopes;
use standin::session::cookie::Cookies;
use standin::session::csrf::require_same_origin;
use standin::signin::CodeRequest;

use super::provider::NamedProvider;
use crate::Shared;
use crate::cookies::with_cookies;
use crate::json::StrictJson;
use crate::problem::Problem;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Body {
    scope: Option<String>,
    login_hint: Option<String>,
    return_to: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    attempt: AttemptId,
    state: String,
    client_id: String,
    scope: String,
    nonce: String,
    expires_in: u64,
    script_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    login_hint: Option<String>,
}

pub(super) async fn post(
    State(shared): State<Shared>,
    NamedProvider(provider): NamedProvider,
    headers: HeaderMap,
    StrictJson(body): StrictJson<Body>,
) -> Result<Response, Problem> {
    require_same_origin(&headers, shared.standin.public_url())?;
    let scopes = Scopes::parse(body.scope.as_deref().unwrap_or_default())
        .map_err(|_| Refusal::ScopeNotAllowed)?;
    let request = CodeRequest { scopes, return_to: body.return_to };
    let begun =
        shared.standin.signin().begin_code(&provider, &request, Cookies::of(&headers)).await?;
    let answer = Answer {
        attempt: begun.attempt,
        state: begun.state,
        client_id: begun.client_id,
        scope: begun.scopes.to_string(),
        nonce: begun.nonce,
        expires_in: begun.expires_in,
        script_url: begun.script_url,
        login_hint: body.login_hint,
    };
    Ok(with_cookies(Json(answer).into_response(), &begun.cookies))
}
