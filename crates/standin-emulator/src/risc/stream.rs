//! A project's event stream: where events go, which ones, and whether they go at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::access::{self, Permission};
use super::deliver;
use super::error::Refusal;
use super::event::{self, Happening};
use crate::loopback;
use crate::state::Shared;

const PUSH: &str = "https://schemas.openid.net/secevent/risc/delivery-method/push";

/// Streams by project.
pub(crate) type Streams = BTreeMap<String, Stream>;

/// What an application has registered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Stream {
    pub(crate) url: String,
    /// Event types, as URLs.
    pub(crate) events: BTreeSet<String>,
    pub(crate) enabled: bool,
}

#[derive(Debug, Deserialize)]
struct Update {
    delivery: Option<DeliveryPart>,
    events_requested: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct DeliveryPart {
    delivery_method: Option<String>,
    url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Status {
    status: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Verification {
    #[serde(default)]
    state: String,
}

pub(super) async fn update(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let project = access::project(&shared, &headers, Permission::Configure)?;
    let update: Update = parse(&body)?;
    let delivery = update.delivery.ok_or_else(|| Refusal::missing_field("delivery"))?;
    let url = destination(&delivery)?;
    let events = update.events_requested.filter(|events| !events.is_empty());
    let events = events.ok_or_else(|| Refusal::missing_field("events_requested"))?;
    let mut state = shared.state();
    if !state.clients.iter().any(|client| client.project == project) {
        return Err(Refusal::denied(
            "To use this API your project must have at least one OAuth client configured.",
        ));
    }
    let enabled = state.streams.get(&project).is_none_or(|known| known.enabled);
    let stream = Stream { url, events: events.into_iter().collect(), enabled };
    let view = stream.view(&shared.origin);
    state.streams.insert(project, stream);
    Ok(Json(view))
}

pub(super) async fn read(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let project = access::project(&shared, &headers, Permission::ReadConfiguration)?;
    let state = shared.state();
    let stream = state.streams.get(&project).ok_or_else(Refusal::no_stream)?;
    Ok(Json(stream.view(&shared.origin)))
}

pub(super) async fn read_status(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let project = access::project(&shared, &headers, Permission::ReadStatus)?;
    let state = shared.state();
    let stream = state.streams.get(&project).ok_or_else(Refusal::no_stream)?;
    Ok(Json(json!({"status": stream.status()})))
}

pub(super) async fn update_status(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let project = access::project(&shared, &headers, Permission::SetStatus)?;
    let status: Status = parse(&body)?;
    let enabled = match status.status.as_deref() {
        Some("enabled") => true,
        Some("disabled") => false,
        _ => return Err(Refusal::denied("Unsupported status. Invalid status.")),
    };
    let mut state = shared.state();
    let stream = state.streams.get_mut(&project).ok_or_else(Refusal::no_stream)?;
    stream.enabled = enabled;
    Ok(Json(json!({"status": stream.status()})))
}

/// Sends a verification event with the caller's `state`, and answers before it has arrived.
pub(super) async fn verify(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let project = access::project(&shared, &headers, Permission::Verify)?;
    let Verification { state } =
        if body.is_empty() { Verification::default() } else { parse(&body)? };
    if !shared.state().streams.contains_key(&project) {
        return Err(Refusal::no_stream());
    }
    let token = event::verification(&shared, &project, &state);
    deliver::in_background(&shared, project, token);
    Ok(Json(json!({})))
}

/// Every user who has granted e-mail or profile is a subject already.
pub(super) async fn add_subject(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    access::project(&shared, &headers, Permission::Configure)?;
    Ok(Json(json!({})))
}

impl Stream {
    pub(super) fn wants(&self, happening: &Happening) -> bool {
        self.enabled && self.events.contains(happening.event_type())
    }

    fn status(&self) -> &'static str {
        if self.enabled { "enabled" } else { "disabled" }
    }

    fn view(&self, origin: &str) -> Value {
        json!({
            "iss": origin,
            "delivery": {"delivery_method": PUSH, "url": self.url},
            "events_requested": self.events,
            "status": self.status(),
        })
    }
}

/// Google delivers to https only. A receiver under test listens on loopback, where http will do; https
/// is taken, and nothing delivered there.
fn destination(delivery: &DeliveryPart) -> Result<String, Refusal> {
    let method = delivery.delivery_method.as_deref();
    let method = method.ok_or_else(|| Refusal::missing_field("delivery_method"))?;
    if method != PUSH {
        return Err(Refusal::denied(
            "Existing stream configuration does not have spec-compliant delivery method for RISC.",
        ));
    }
    let url = delivery.url.as_deref().ok_or_else(|| Refusal::missing_field("url"))?;
    let parsed = Url::parse(url).ok().filter(|parsed| {
        parsed.scheme() == "https" || (parsed.scheme() == "http" && loopback::is_loopback(parsed))
    });
    parsed
        .map(|_| url.to_owned())
        .ok_or_else(|| Refusal::denied("The delivery endpoint must be an HTTPS URL."))
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::malformed())
}
