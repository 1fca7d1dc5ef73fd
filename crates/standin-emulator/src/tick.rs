//! What the emulator's own time does around every request: scheduled keys have moved by then, and the
//! answer's `Date` is this clock's, which the `iat` of an ID token equals to the second.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::reply;
use crate::state::Shared;

pub(crate) async fn tick(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let now = shared.clock.now_unix();
    {
        let mut state = shared.state();
        if state.profile.scheduled_keys {
            state.keys.follow_schedule(now);
        }
    }
    let mut response = next.run(request).await;
    if let Ok(date) = HeaderValue::try_from(reply::http_date(shared.clock.now_unix())) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}
