//! `GET /demo/state`: all that the page shows, in one answer. One's own runs only, and no token.

use std::sync::Arc;

use ::http::HeaderMap;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use standin::time::Clock as _;

use super::{NightlyNotes, flow};
use crate::demo::job::EVERY;
use crate::http::problem::Problem;

pub(super) async fn get(
    State(notes): State<Arc<NightlyNotes>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let visitor = notes.visitor(&headers).await?;
    let (runs, flow) = match &visitor {
        Some(visitor) => {
            let ledger = notes.control.ledger().await?;
            (notes.job.runs(&visitor.user), flow::of(&visitor.email, &ledger))
        }
        None => (Vec::new(), flow::to_come()),
    };
    Ok(Json(json!({
        "clock": {"now": notes.time.now(), "ahead_seconds": notes.time.ahead().as_secs()},
        "session": visitor.map(|visitor| visitor.session),
        "job": {
            "people": notes.job.people_count(),
            "every_seconds": EVERY.as_secs(),
            "runs": runs,
        },
        "flow": flow,
    })))
}
