//! `GET /auth/attempts/{attempt}`: how an attempt of this browser stands, for a page that waits.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use standin::Refusal;
use standin::id::AttemptId;
use standin::session::cookie::Cookies;

use crate::Shared;
use crate::problem::Problem;

pub(super) async fn get(
    State(shared): State<Shared>,
    attempt: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // An attempt of somebody else's, and no attempt at all, look the same.
    let missing = || Problem::from(Refusal::AttemptMissing);
    let Path(attempt) = attempt.map_err(|_| missing())?;
    let attempt: AttemptId = attempt.parse().map_err(|_| missing())?;
    let outcome = shared.standin.signin().outcome(attempt, Cookies::of(&headers)).await?;
    outcome.map(|outcome| Json(outcome).into_response()).ok_or_else(missing)
}
