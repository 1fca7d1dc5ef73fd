//! The operator's listener: whether the process lives, whether it can work, and its numbers.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};
use standin::{NotReady, Standin};

use super::problem::Problem;
use crate::metrics;

/// What Prometheus takes.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// `/healthz`, `/readyz` and `/metrics`.
pub fn router(standin: Standin) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(numbers))
        .with_state(standin)
}

/// The process answers: nothing else is asked, so that a slow database does not get it killed.
async fn healthz() -> &'static str {
    "ok"
}

/// The database takes writes, the keys are current, the journal can be written: traffic is welcome.
async fn readyz(State(standin): State<Standin>) -> Response {
    match standin.ready().await {
        Ok(()) => "ok".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            let detail = match error {
                NotReady::Database(_) => "The database does not answer, or takes no writes.",
                NotReady::Journal(_) => {
                    "The journal of rotated refresh tokens cannot be written; look at its disk and directory."
                }
                NotReady::Keys(_) => {
                    "The vault's keys cannot be read; check where the key-encryption keys are: the key file, or their service."
                }
            };
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail).into_response()
        }
    }
}

/// What is a state is looked at now, what is counted from the rows seldom.
async fn numbers(State(standin): State<Standin>) -> Response {
    standin.observe().await;
    ([(header::CONTENT_TYPE, TEXT)], metrics::text()).into_response()
}
