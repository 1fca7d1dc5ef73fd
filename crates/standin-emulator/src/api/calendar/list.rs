//! `GET /calendar/v3/calendars/{id}/events`: filtered, in pages, and what changed since a sync token.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::filter::Filter;
use super::store::Calendar;
use super::tokens::{Page, Sync};
use super::{API, READING, shapes};
use crate::api::call::{Answer, Call, Method, call};
use crate::api::refusal::Refusal;
use crate::api::time::rfc3339;
use crate::state::Shared;

const LIST: Method = Method {
    api: &API,
    name: "calendar.v3.Events.List",
    scopes: READING,
    shape: &shapes::EVENTS,
    default_fields: None,
    limit: super::BODY_LIMIT,
};
const DEFAULT_PAGE: usize = 250;
const LARGEST_PAGE: usize = 2500;

pub(crate) async fn endpoint(
    State(shared): State<Arc<Shared>>,
    Path(calendar): Path<String>,
    request: Request,
) -> Response {
    call(&shared, request, &LIST, |call| {
        call.own_calendar(&calendar)?;
        listed(call).map(Answer::Resource)
    })
    .await
}

fn listed(call: &Call) -> Result<Value, Refusal> {
    let now = call.now();
    let sync = sync(call, now)?;
    let filter = Filter::parse(&call.params, sync)?;
    let size = call.params.number("maxResults", 1..=i32::MAX.unsigned_abs())?;
    let size = size.unwrap_or(DEFAULT_PAGE).min(LARGEST_PAGE);
    let page = page(call)?;
    let mut state = call.shared.state();
    let calendar = state.calendars.of(&call.user.sub, now);
    let page = page.unwrap_or(Page { offset: 0, since: calendar.changed });
    let events = filter.apply(&calendar.events);
    let mut list = head(&call.user.email, calendar);
    let end = page.offset.saturating_add(size);
    if events.len() > end {
        list["nextPageToken"] = Page { offset: end, ..page }.to_token().into();
    } else {
        list["nextSyncToken"] = Sync { changed: page.since, issued: now }.to_token().into();
    }
    let items = events.into_iter().skip(page.offset).take(size);
    list["items"] = items.map(|event| Value::Object(event.members)).collect();
    Ok(list)
}

fn head(email: &str, calendar: &Calendar) -> Value {
    json!({
        "kind": "calendar#events",
        "etag": calendar.etag(),
        "summary": email,
        "description": "",
        "updated": rfc3339(calendar.changed),
        "timeZone": "UTC",
        "accessRole": "owner",
        "defaultReminders": [{"method": "popup", "minutes": 10}],
    })
}

fn page(call: &Call) -> Result<Option<Page>, Refusal> {
    let Some(token) = call.params.get("pageToken") else {
        return Ok(None);
    };
    let refusal = || Refusal::bad_request("invalid", "Invalid page token value.");
    Page::parse(token).map(Some).ok_or_else(|| refusal().at("parameter", "pageToken"))
}

/// A token that is none is a mistake; one that is too old is a call for a new beginning.
fn sync(call: &Call, now: i64) -> Result<Option<Sync>, Refusal> {
    let Some(token) = call.params.get("syncToken") else {
        return Ok(None);
    };
    let refusal = match Sync::parse(token) {
        Some(sync) if !sync.is_stale(now) => return Ok(Some(sync)),
        Some(_) => Refusal::new(
            StatusCode::GONE,
            "fullSyncRequired",
            "Sync token is no longer valid, a full sync is required.",
        )
        .domain("calendar"),
        None => Refusal::bad_request("invalid", "Invalid sync token value."),
    };
    Err(refusal.at("parameter", "syncToken"))
}
