//! `POST`, `GET` and `DELETE faults`: the script of what goes wrong next.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::problem::{self, Body, Problem};
use crate::faults::{Fault, Faults, Script};
use crate::state::Shared;

pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(listed(&shared.state().faults))
}

fn listed(faults: &Faults) -> Value {
    json!({"faults": faults.iter().map(view).collect::<Vec<_>>()})
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
    let mut state = shared.state();
    state.faults.extend(faults);
    Ok(Json(listed(&state.faults)))
}

/// Answers with what was still to come: faults that a test ordered and that nothing ran into.
pub(super) async fn clear(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let left = std::mem::take(&mut shared.state().faults);
    shared.hold.release();
    unconsumed(&left)
}

/// `POST faults/release`: requests that are held go on.
pub(super) async fn release(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.hold.release();
    StatusCode::NO_CONTENT
}

pub(super) fn unconsumed(left: &Faults) -> Json<Value> {
    Json(json!({"unconsumed": left.iter().map(view).collect::<Vec<_>>()}))
}

pub(super) fn view(fault: &Fault) -> Value {
    json!({"endpoint": fault.endpoint, "fault": fault.name, "remaining": fault.remaining})
}
