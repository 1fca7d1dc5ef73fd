//! `GET /calendar/v3/calendars/{id}/events/{event}`: one event, deleted ones included.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde_json::Value;

use super::{API, READING, not_found, shapes};
use crate::api::call::{Answer, Method, call};
use crate::state::Shared;

const GET: Method = Method {
    api: &API,
    name: "calendar.v3.Events.Get",
    scopes: READING,
    shape: &shapes::EVENT,
    default_fields: None,
    limit: super::BODY_LIMIT,
};

pub(crate) async fn endpoint(
    State(shared): State<Arc<Shared>>,
    Path((calendar, event)): Path<(String, String)>,
    request: Request,
) -> Response {
    call(&shared, request, &GET, |call| {
        call.own_calendar(&calendar)?;
        let mut state = call.shared.state();
        let calendar = state.calendars.of(&call.user.sub, call.now());
        let event = calendar.find(&event).ok_or_else(not_found)?;
        Ok(Answer::Resource(Value::Object(event.members.clone())))
    })
    .await
}
