//! `POST /auth/{provider}/access-token`: a short-lived token for the page, if pages may have one.

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use standin::Refusal;
use standin::provider::Scopes;
use standin::session::csrf::require_same_origin;
use standin::time::Timestamp;

use super::provider::NamedProvider;
use crate::Shared;
use crate::cookies::CurrentSession;
use crate::json::StrictJson;
use crate::problem::Problem;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Body {
    scopes: Vec<String>,
    subject: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Answer {
    access_token: String,
    expires_at: Timestamp,
    scopes: Scopes,
}

pub(super) async fn post(
    State(shared): State<Shared>,
    NamedProvider(provider): NamedProvider,
    CurrentSession(session): CurrentSession,
    headers: HeaderMap,
    StrictJson(body): StrictJson<Body>,
) -> Result<Json<Answer>, Problem> {
    require_same_origin(&headers, shared.standin.public_url())?;
    let scopes = Scopes::try_from(body.scopes).map_err(|_| Refusal::ScopeNotAllowed)?;
    let (vend, subject) = (shared.standin.vend(), body.subject.as_deref());
    let vended = vend.for_page(session.user, &provider, subject, &scopes).await?;
    Ok(Json(Answer {
        access_token: vended.token.access_token.expose().to_owned(),
        expires_at: vended.token.expires_at,
        scopes: vended.token.scopes.clone(),
    }))
}
