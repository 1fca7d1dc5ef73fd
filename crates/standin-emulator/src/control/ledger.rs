//! `GET ledger?after=SEQ`: what happened since; with `wait_seconds`, what happens next.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::problem::Problem;
use crate::state::Shared;
use crate::state::ledger::{Filter, Kind};

const LONGEST_WAIT: u64 = 60;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default)]
    after: u64,
    kind: Option<Kind>,
    user: Option<String>,
    client_id: Option<String>,
    #[serde(default)]
    wait_seconds: u64,
}

/// `next` is what the caller passes as the next `after`. With `wait_seconds` (at most a minute) the
/// answer comes with the first event that fits, or empty when none has come. A `next` that is smaller
/// than `after` says that the ledger has begun anew.
pub(super) async fn read(
    State(shared): State<Arc<Shared>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(wanted) = wanted.map_err(|error| Problem::invalid_query(&error.body_text()))?;
    let wait = Duration::from_secs(wanted.wait_seconds.min(LONGEST_WAIT));
    let filter = Filter { kind: wanted.kind, user: wanted.user, client_id: wanted.client_id };
    let deadline = Instant::now() + wait;
    loop {
        // Enlisted before looking, so that what happens in between still wakes us.
        let grown = shared.grown.notified();
        tokio::pin!(grown);
        grown.as_mut().enable();
        let (events, seq) = {
            let state = shared.state();
            (state.ledger.after(wanted.after, &filter), state.ledger.seq())
        };
        let begun_anew = seq < wanted.after;
        if begun_anew || !events.is_empty() || timeout_at(deadline, grown).await.is_err() {
            return Ok(Json(json!({"events": events, "next": seq})));
        }
    }
}
