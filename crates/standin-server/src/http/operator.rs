//! The operator's listener: whether the process lives, and whether it can work.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;
use standin::store::Store;

use super::problem::Problem;

/// `/healthz` and `/readyz`.
pub fn router(store: Arc<dyn Store>) -> Router {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).with_state(store)
}

/// The process answers: nothing else is asked, so that a slow database does not get it killed.
async fn healthz() -> &'static str {
    "ok"
}

/// The database answers: traffic is welcome.
async fn readyz(State(store): State<Arc<dyn Store>>) -> Response {
    match store.ping().await {
        Ok(()) => "ok".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            let detail = "The database does not answer.";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail).into_response()
        }
    }
}
