//! `PUT autopilot`: chooser and consent answered without a person.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::problem::{self, Body, Problem};
use crate::state::{Autopilot, Decision, Shared};

pub(super) async fn read(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({"autopilot": shared.state().autopilot}))
}

pub(super) async fn set(
    State(shared): State<Arc<Shared>>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    let autopilot: Autopilot = problem::read(&body)?;
    let mut state = shared.state();
    if autopilot.decision == Decision::Ask {
        state.autopilot = None;
    } else if state.users.find(&autopilot.user).is_none() {
        return Err(Problem::unknown_user(&autopilot.user));
    } else {
        state.autopilot = Some(autopilot);
    }
    Ok(Json(json!({"autopilot": state.autopilot})))
}

pub(super) async fn clear(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.state().autopilot = None;
    StatusCode::NO_CONTENT
}
