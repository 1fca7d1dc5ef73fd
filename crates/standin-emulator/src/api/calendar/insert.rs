//! `POST /calendar/v3/calendars/{id}/events`: a new event, under a chosen id or one of ours.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde_json::{Map, Value};

use super::draft::Draft;
use super::{API, WRITING, shapes};
use crate::api::call::{Answer, Call, Method, call};
use crate::api::refusal::Refusal;
use crate::chance;
use crate::state::Shared;

const INSERT: Method = Method {
    api: &API,
    name: "calendar.v3.Events.Insert",
    scopes: WRITING,
    shape: &shapes::EVENT,
    default_fields: None,
    limit: super::BODY_LIMIT,
};

pub(crate) async fn endpoint(
    State(shared): State<Arc<Shared>>,
    Path(calendar): Path<String>,
    request: Request,
) -> Response {
    call(&shared, request, &INSERT, |call| {
        call.own_calendar(&calendar)?;
        inserted(call)
    })
    .await
}

fn inserted(call: &Call) -> Result<Answer, Refusal> {
    call.send_updates()?;
    let given = call.json()?;
    let id = id(&given)?;
    let draft = Draft::new(&given)?;
    let now = call.now();
    let mut state = call.shared.state();
    let calendar = state.calendars.of(&call.user.sub, now);
    let event = calendar.insert(&id, &call.user.email, now, draft)?;
    Ok(Answer::Resource(Value::Object(event.members.clone())))
}

/// A chosen id is 5 to 1024 characters of base32hex in lower case.
fn id(given: &Map<String, Value>) -> Result<String, Refusal> {
    let Some(id) = given.get("id").filter(|id| !id.is_null()) else {
        return Ok(chance::event_id());
    };
    let is_base32hex = |id: &str| id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v'));
    let id = id.as_str().filter(|id| (5..=1024).contains(&id.len()) && is_base32hex(id));
    let id = id.ok_or_else(|| Refusal::bad_request("invalid", "Invalid resource id value."))?;
    Ok(id.to_owned())
}
