//! `POST keys/publish`: the next key is shown, and does not sign yet. `POST keys/rotate`: it signs, and
//! the oldest is no longer shown.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::keys::Keys;
use crate::state::Shared;

pub(super) async fn publish(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let mut state = shared.state();
    state.keys.publish();
    Json(shown(&state.keys))
}

pub(super) async fn rotate(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let mut state = shared.state();
    state.keys.rotate();
    Json(shown(&state.keys))
}

fn shown(keys: &Keys) -> Value {
    let kids: Vec<String> = keys.published().into_iter().map(|key| key.kid).collect();
    json!({"kids": kids, "signs": keys.signer().kid})
}
