//! `POST /auth/{provider}/disconnect`: takes back what the user gave at a provider.

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use serde::Serialize;
use standin::session::csrf::require_same_origin;
use standin::{Refusal, Revoked};

use super::provider::NamedProvider;
use crate::Shared;
use crate::cookies::CurrentSession;
use crate::problem::Problem;

#[derive(Serialize)]
pub(super) struct Answer {
    revoked: &'static str,
}

pub(super) async fn post(
    State(shared): State<Shared>,
    NamedProvider(provider): NamedProvider,
    CurrentSession(session): CurrentSession,
    headers: HeaderMap,
) -> Result<Json<Answer>, Problem> {
    require_same_origin(&headers, shared.standin.public_url())?;
    let revoked = shared.standin.revocations().disconnect(session.user, &provider).await?;
    let revoked = match revoked.ok_or(Refusal::NoGrant)? {
        Revoked::Confirmed => "confirmed",
        Revoked::Queued => "queued",
        Revoked::Untold => "untold",
    };
    Ok(Json(Answer { revoked }))
}
