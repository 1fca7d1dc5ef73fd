//! A request's body: whole, in time and not too large, before anything looks at it (requirements HH-2, HH-3).
//!
//! No request of ours is large, so a handler never waits for a peer: it gets bytes that are there.

use std::error::Error;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use http::StatusCode;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::problem::Problem;

/// Reads the body. The time-out is for all of it: a byte now and then does not extend it.
pub async fn read(body: Body, max_bytes: usize, within: Duration) -> Result<Body, Problem> {
    if body.is_end_stream() {
        return Ok(body);
    }
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(too_large());
    }
    let whole = Limited::new(body, max_bytes).collect();
    match tokio::time::timeout(within, whole).await {
        Ok(Ok(whole)) => Ok(Body::from(whole.to_bytes())),
        Ok(Err(error)) if is_too_long(&*error) => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_body",
            "The request's body broke off or is not framed as announced.",
        )),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            "The request's body did not come in time.",
        )),
    }
}

fn is_too_long(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    error.is::<LengthLimitError>()
}

fn too_large() -> Problem {
    let detail = "The request's body is larger than this service reads.";
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", detail)
}
