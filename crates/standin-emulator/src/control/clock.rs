//! `GET` and `POST clock`: the emulator's own time.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{self, Body, Problem};
use crate::state::Shared;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: i64,
}

pub(super) async fn read(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let clock = &shared.clock;
    Json(json!({"now": clock.now_unix(), "offset_seconds": clock.offset_seconds()}))
}

/// A negative number turns the clock back. Both end a hundred years from the machine's time.
pub(super) async fn advance(
    State(shared): State<Arc<Shared>>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    let Advance { advance_seconds } = problem::read(&body)?;
    if !shared.clock.shift_ms(advance_seconds.saturating_mul(1000)) {
        let detail = "The clock goes at most 100 years away from the machine's; `advance_seconds` is too much.";
        return Err(Problem::invalid(detail));
    }
    Ok(read(State(shared)).await)
}
