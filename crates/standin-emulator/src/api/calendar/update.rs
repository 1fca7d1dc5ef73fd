//! `PUT` and `PATCH /calendar/v3/calendars/{id}/events/{event}`: replace an event, or parts of it.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::Method as Verb;
use axum::response::Response;
use serde_json::Value;

use super::draft::Draft;
use super::store::Event;
use super::{API, WRITING, not_found, shapes};
use crate::api::call::{Answer, Call, Method, call};
use crate::api::refusal::Refusal;
use crate::state::Shared;

const UPDATE: Method = Method {
    api: &API,
    name: "calendar.v3.Events.Update",
    scopes: WRITING,
    shape: &shapes::EVENT,
    default_fields: None,
    limit: super::BODY_LIMIT,
};
const PATCH: Method = Method { name: "calendar.v3.Events.Patch", ..UPDATE };

pub(crate) async fn endpoint(
    State(shared): State<Arc<Shared>>,
    Path((calendar, event)): Path<(String, String)>,
    request: Request,
) -> Response {
    let patches = request.method() == Verb::PATCH;
    let method = if patches { &PATCH } else { &UPDATE };
    call(&shared, request, method, |call| {
        call.own_calendar(&calendar)?;
        updated(call, &event, patches)
    })
    .await
}

fn updated(call: &Call, id: &str, patches: bool) -> Result<Answer, Refusal> {
    call.send_updates()?;
    let given = call.json()?;
    let now = call.now();
    let mut state = call.shared.state();
    let calendar = state.calendars.of(&call.user.sub, now);
    let event = calendar.find(id).ok_or_else(not_found)?;
    call.if_match(event.etag())?;
    let mut draft =
        if patches { Draft::patched(&event.members, &given)? } else { Draft::new(&given)? };
    next_sequence(event, &mut draft);
    let stamp = calendar.stamp(now);
    let event = calendar.find(id).ok_or_else(not_found)?;
    event.write(draft, stamp);
    Ok(Answer::Resource(Value::Object(event.members.clone())))
}

/// An event that moves is a new revision in the sense of iCalendar.
fn next_sequence(event: &Event, draft: &mut Draft) {
    let sequence = |value: Option<&Value>| value.and_then(Value::as_i64).unwrap_or(0);
    let known = sequence(event.members.get("sequence"));
    let moved = ["start", "end"].iter().any(|edge| event.members.get(*edge) != draft.0.get(*edge));
    let given = sequence(draft.0.get("sequence"));
    let next = given.max(known + i64::from(moved));
    draft.0.insert("sequence".to_owned(), next.into());
}
