//! Calendar v3 events: list and insert, on the user's own calendar.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use data_encoding::BASE64_NOPAD;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Caller, Method, call, query_param, refusal, rfc3339, taken_apart};
use crate::chance;
use crate::object::Object;
use crate::reply;
use crate::state::Shared;

const LIST: Method = Method {
    service: "calendar-json.googleapis.com",
    name: "calendar.v3.Events.List",
    scopes: &[
        "calendar",
        "calendar.app.created",
        "calendar.events",
        "calendar.events.owned",
        "calendar.events.readonly",
        "calendar.readonly",
    ],
};
const INSERT: Method = Method {
    service: "calendar-json.googleapis.com",
    name: "calendar.v3.Events.Insert",
    scopes: &["calendar", "calendar.app.created", "calendar.events", "calendar.events.owned"],
};

/// `GET /calendar/v3/calendars/{id}/events`.
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    Path(calendar): Path<String>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    call(&shared, &parts, &LIST, |caller| match calendar_of(caller, &calendar) {
        Some(calendar) => listed(&shared, caller, &calendar, &parts),
        None => not_found(),
    })
}

/// `POST /calendar/v3/calendars/{id}/events`.
pub(crate) async fn insert(
    State(shared): State<Arc<Shared>>,
    Path(calendar): Path<String>,
    request: Request,
) -> Response {
    let (parts, body) = match taken_apart(request).await {
        Ok(taken) => taken,
        Err(response) => return response,
    };
    call(&shared, &parts, &INSERT, |caller| match calendar_of(caller, &calendar) {
        Some(calendar) => inserted(&shared, caller, &calendar, &body),
        None => not_found(),
    })
}

/// A user has one calendar, which answers to `primary` and to the user's address.
fn calendar_of(caller: &Caller, id: &str) -> Option<(String, String)> {
    let email = &caller.user.email;
    (id == "primary" || id == email).then(|| (caller.user.sub.clone(), email.clone()))
}

fn not_found() -> Response {
    refusal(StatusCode::NOT_FOUND, "notFound", "Not Found")
}

fn listed(
    shared: &Shared,
    caller: &Caller,
    calendar: &(String, String),
    parts: &Parts,
) -> Response {
    let by_start = query_param(parts, "orderBy").as_deref() == Some("startTime");
    if by_start && query_param(parts, "singleEvents").as_deref() != Some("true") {
        let message = "The requested ordering is not available for the particular query.";
        return refusal(StatusCode::BAD_REQUEST, "invalid", message);
    }
    let bound = |name| query_param(parts, name).and_then(|text| instant(&text));
    let (min, max) = (bound("timeMin"), bound("timeMax"));
    let events = shared.state().calendars.get(calendar).cloned().unwrap_or_default();
    let mut events: Vec<Value> = events
        .into_iter()
        .filter(|event| min.is_none_or(|min| edge(event, "end").is_none_or(|end| end > min)))
        .filter(|event| max.is_none_or(|max| edge(event, "start").is_none_or(|start| start < max)))
        .collect();
    if by_start {
        events.sort_by_key(|event| edge(event, "start"));
    }
    let limit = query_param(parts, "maxResults").and_then(|text| text.parse().ok()).unwrap_or(250);
    events.truncate(limit);
    let now = shared.clock.now_unix_ms();
    let list = Object::default()
        .with("kind", "calendar#events")
        .with("etag", format!("\"p3{now}\""))
        .with("summary", caller.user.email.as_str())
        .with("description", "")
        .with("updated", rfc3339(now))
        .with("timeZone", "UTC")
        .with("accessRole", "owner")
        .with("defaultReminders", json!([{"method": "popup", "minutes": 10}]))
        .with("nextSyncToken", BASE64_NOPAD.encode(now.to_string().as_bytes()))
        .with("items", events);
    reply::json(StatusCode::OK, &list)
}

fn inserted(
    shared: &Shared,
    caller: &Caller,
    calendar: &(String, String),
    body: &[u8],
) -> Response {
    let Ok(given) = serde_json::from_slice::<Map<String, Value>>(body) else {
        return refusal(StatusCode::BAD_REQUEST, "parseError", "Parse Error");
    };
    for (edge_name, message) in [("start", "Missing start time."), ("end", "Missing end time.")] {
        if !given.get(edge_name).is_some_and(Value::is_object) {
            return refusal(StatusCode::BAD_REQUEST, "required", message);
        }
    }
    let (start, end) = (edge_of(&given, "start"), edge_of(&given, "end"));
    if start.zip(end).is_some_and(|(start, end)| end < start) {
        let message = "The specified time range is empty.";
        return refusal(StatusCode::BAD_REQUEST, "timeRangeEmpty", message);
    }
    let id = given.get("id").and_then(Value::as_str).map_or_else(chance::event_id, str::to_owned);
    let event = event(shared, caller, &id, &given);
    let mut state = shared.state();
    let events = state.calendars.entry(calendar.clone()).or_default();
    if events.iter().any(|known| known["id"] == *id) {
        let message = "The requested identifier already exists.";
        return refusal(StatusCode::CONFLICT, "duplicate", message);
    }
    events.push(serde_json::to_value(&event).unwrap_or_default());
    reply::json(StatusCode::OK, &event)
}

/// What Google adds comes first; what the caller gave follows and cannot change it.
fn event(shared: &Shared, caller: &Caller, id: &str, given: &Map<String, Value>) -> Object {
    let now = shared.clock.now_unix_ms();
    let email = caller.user.email.as_str();
    let eid = BASE64_NOPAD.encode(format!("{id} {email}").as_bytes());
    let mut event = Object::default()
        .with("kind", "calendar#event")
        .with("etag", format!("\"{}\"", now * 2))
        .with("id", id)
        .with("status", "confirmed")
        .with("htmlLink", format!("https://www.google.com/calendar/event?eid={eid}"))
        .with("created", rfc3339(now))
        .with("updated", rfc3339(now))
        .with("creator", json!({"email": email, "self": true}))
        .with("organizer", json!({"email": email, "self": true}))
        .with("iCalUID", format!("{id}@google.com"))
        .with("sequence", 0)
        .with("eventType", "default");
    let own: Vec<String> = event.members().map(|(name, _)| name.to_owned()).collect();
    for (name, value) in given.iter().filter(|(name, _)| !own.contains(name)) {
        event.set(name, value.clone());
    }
    if given.contains_key("reminders") {
        return event;
    }
    event.with("reminders", json!({"useDefault": true}))
}

fn edge(event: &Value, name: &str) -> Option<OffsetDateTime> {
    edge_of(event.as_object()?, name)
}

/// `dateTime`, or midnight UTC of an all-day `date`.
fn edge_of(event: &Map<String, Value>, name: &str) -> Option<OffsetDateTime> {
    let edge = event.get(name)?;
    match edge["dateTime"].as_str() {
        Some(text) => instant(text),
        None => instant(&format!("{}T00:00:00Z", edge["date"].as_str()?)),
    }
}

fn instant(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}
