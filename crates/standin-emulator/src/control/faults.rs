//! `POST`, `GET` and `DELETE faults`: the script of what goes wrong next.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::problem::{self, Body, Problem};
use crate::faults::{Fault, Script};
use crate::state::Shared;

pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let faults: Vec<Value> = shared.state().faults.iter().map(view).collect();
    Json(json!({"faults": faults}))
}

/// All or nothing: one bad entry and none is queued.
pub(super) async fn add(
    State(shared): State<Arc<Shared>>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    let scripts: Vec<Script> = problem::read_list(&body)?;
    let faults: Vec<Fault> =
        scripts.into_iter().map(Script::parse).collect::<Result<_, _>>().map_err(|refusal| {
            Problem::new(StatusCode::BAD_REQUEST, "invalid_fault", refusal.to_string())
        })?;
    for fault in faults {
        shared.state().faults.push(fault);
    }
    Ok(list(State(shared)).await)
}

/// Answers with what was still to come: faults that a test ordered and that nothing ran into.
pub(super) async fn clear(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let unconsumed = unconsumed(&shared);
    shared.state().faults.clear();
    shared.hold.release();
    unconsumed
}

/// `POST faults/release`: requests that are held go on.
pub(super) async fn release(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.hold.release();
    StatusCode::NO_CONTENT
}

pub(super) fn unconsumed(shared: &Shared) -> Json<Value> {
    let faults: Vec<Value> = shared.state().faults.iter().map(view).collect();
    Json(json!({"unconsumed": faults}))
}

pub(super) fn view(fault: &Fault) -> Value {
    json!({"endpoint": fault.endpoint, "fault": fault.name, "remaining": fault.remaining})
}
