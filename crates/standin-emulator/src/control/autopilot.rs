//! `PUT autopilot`: chooser and consent answered without a person.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{self, Body, Problem};
use crate::state::{Autopilot, Decision, Shared};

/// What somebody sets. `ask` is no autopilot at all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    user: String,
    decision: WantedDecision,
    #[serde(default)]
    untick: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WantedDecision {
    Allow,
    Deny,
    Ask,
}

pub(super) async fn read(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({"autopilot": shared.state().autopilot}))
}

pub(super) async fn set(
    State(shared): State<Arc<Shared>>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    let Wanted { user, decision, untick } = problem::read(&body)?;
    let decision = match decision {
        WantedDecision::Allow => Some(Decision::Allow),
        WantedDecision::Deny => Some(Decision::Deny),
        WantedDecision::Ask => None,
    };
    let mut state = shared.state();
    if decision.is_some() && state.users.find(&user).is_none() {
        return Err(Problem::unknown_user(&user));
    }
    state.autopilot = decision.map(|decision| Autopilot { user, decision, untick });
    Ok(Json(json!({"autopilot": state.autopilot})))
}

pub(super) async fn clear(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.state().autopilot = None;
    StatusCode::NO_CONTENT
}
