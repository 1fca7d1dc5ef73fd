//! `POST keys/rotate`: a new key signs, the oldest is dropped.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::state::Shared;

pub(super) async fn rotate(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let mut state = shared.state();
    state.keys.rotate();
    let kids: Vec<String> = state.keys.published().into_iter().map(|key| key.kid).collect();
    Json(json!({"kids": kids, "signs": state.keys.signer().kid}))
}
