//! `DELETE /calendar/v3/calendars/{id}/events/{event}`: 204 once, 410 from then on.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::{API, WRITING, not_found, shapes};
use crate::api::call::{Answer, Call, Method, call};
use crate::api::refusal::Refusal;
use crate::state::Shared;

const DELETE: Method = Method {
    api: &API,
    name: "calendar.v3.Events.Delete",
    scopes: WRITING,
    shape: &shapes::EVENT,
    default_fields: None,
    limit: super::BODY_LIMIT,
};

pub(crate) async fn endpoint(
    State(shared): State<Arc<Shared>>,
    Path((calendar, event)): Path<(String, String)>,
    request: Request,
) -> Response {
    call(&shared, request, &DELETE, |call| {
        call.own_calendar(&calendar)?;
        deleted(call, &event)
    })
    .await
}

fn deleted(call: &Call, id: &str) -> Result<Answer, Refusal> {
    call.send_updates()?;
    let now = call.now();
    let mut state = call.shared.state();
    let calendar = state.calendars.of(&call.user.sub, now);
    let event = calendar.find(id).ok_or_else(not_found)?;
    if event.is_deleted() {
        return Err(Refusal::new(StatusCode::GONE, "deleted", "Resource has been deleted"));
    }
    call.if_match(event.etag())?;
    let stamp = calendar.stamp(now);
    calendar.find(id).ok_or_else(not_found)?.delete(stamp);
    Ok(Answer::Empty)
}
