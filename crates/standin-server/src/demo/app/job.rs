//! `POST /demo/job/…`: beginning one's own job, and running it now.

use std::sync::Arc;

use ::http::HeaderMap;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::NightlyNotes;
use crate::http::problem::Problem;

/// From now on the job runs for this person, whether or not they are there.
pub(super) async fn start(
    State(notes): State<Arc<NightlyNotes>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    notes.require_own_page(&headers)?;
    let visitor = notes.signed_in(&headers).await?;
    let ran = notes.job.start(&visitor.user).await;
    Ok(Json(json!({"ran": ran})))
}

pub(super) async fn run(
    State(notes): State<Arc<NightlyNotes>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    notes.require_own_page(&headers)?;
    let visitor = notes.signed_in(&headers).await?;
    let run = notes.job.run(&visitor.user).await;
    Ok(Json(json!({"run": run})))
}
