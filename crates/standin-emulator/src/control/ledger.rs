//! `GET ledger?after=SEQ`: what happened since.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::state::Shared;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    #[serde(default)]
    after: u64,
}

/// `next` is what the caller passes as the next `after`.
pub(super) async fn read(
    State(shared): State<Arc<Shared>>,
    Query(After { after }): Query<After>,
) -> Json<Value> {
    let state = shared.state();
    let events = state.ledger.after(after);
    let next = after + events.len() as u64;
    Json(json!({"events": events, "next": next}))
}
