//! The calendar itself: `GET /calendar/v3/calendars/{id}` and `GET /calendar/v3/users/me/calendarList`.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::tokens::Sync;
use super::{API, shapes};
use crate::api::call::{Answer, Method, call};
use crate::state::Shared;

const GET: Method = Method {
    api: &API,
    name: "calendar.v3.Calendars.Get",
    scopes: &[
        "calendar",
        "calendar.app.created",
        "calendar.calendars",
        "calendar.calendars.readonly",
        "calendar.readonly",
    ],
    shape: &shapes::CALENDAR,
    default_fields: None,
    limit: super::BODY_LIMIT,
};
const LIST: Method = Method {
    name: "calendar.v3.CalendarList.List",
    scopes: &[
        "calendar",
        "calendar.calendarlist",
        "calendar.calendarlist.readonly",
        "calendar.readonly",
    ],
    shape: &shapes::ENTRIES,
    ..GET
};

pub(crate) async fn get(
    State(shared): State<Arc<Shared>>,
    Path(calendar): Path<String>,
    request: Request,
) -> Response {
    call(&shared, request, &GET, |call| {
        call.own_calendar(&calendar)?;
        Ok(Answer::Resource(resource("calendar#calendar", &call.user.email)))
    })
    .await
}

pub(crate) async fn list(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    call(&shared, request, &LIST, |call| {
        let now = call.now();
        let list = json!({
            "kind": "calendar#calendarList",
            "etag": "\"p320\"",
            "nextSyncToken": Sync { changed: now, issued: now }.to_token(),
            "items": [entry(&call.user.email)],
        });
        Ok(Answer::Resource(list))
    })
    .await
}

fn resource(kind: &str, email: &str) -> Value {
    json!({
        "kind": kind,
        "etag": "\"1\"",
        "id": email,
        "summary": email,
        "timeZone": "UTC",
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    })
}

/// The calendar as its owner's list shows it.
fn entry(email: &str) -> Value {
    let mut entry = resource("calendar#calendarListEntry", email);
    for (name, value) in [
        ("colorId", json!("14")),
        ("backgroundColor", json!("#9fe1e7")),
        ("foregroundColor", json!("#000000")),
        ("selected", json!(true)),
        ("accessRole", json!("owner")),
        ("defaultReminders", json!([{"method": "popup", "minutes": 10}])),
        ("primary", json!(true)),
    ] {
        entry[name] = value;
    }
    entry
}
