//! Which events a list holds and in which order, from its query.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::draft::instant_of;
use super::store::Event;
use super::tokens::Sync;
use crate::api::params::Params;
use crate::api::refusal::Refusal;
use crate::api::time::instant;

/// What may not stand beside a sync token: the first list said it already.
const NOT_WITH_SYNC: [&str; 8] = [
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMax",
    "timeMin",
    "updatedMin",
];

/// A list's conditions.
#[derive(Debug)]
pub(super) struct Filter {
    starts_before: Option<OffsetDateTime>,
    ends_after: Option<OffsetDateTime>,
    updated_since: Option<i64>,
    words: Vec<String>,
    uid: Option<String>,
    deleted_too: bool,
    order: Order,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Order {
    /// As they were made.
    Unspecified,
    StartTime,
    Updated,
}

impl Filter {
    pub(super) fn parse(params: &Params, sync: Option<Sync>) -> Result<Self, Refusal> {
        if sync.is_some() && NOT_WITH_SYNC.iter().any(|name| params.get(name).is_some()) {
            return Err(Refusal::bad_request("badRequest", "Bad Request"));
        }
        let (ends_after, starts_before) = (time(params, "timeMin")?, time(params, "timeMax")?);
        if ends_after.zip(starts_before).is_some_and(|(min, max)| min >= max) {
            let message = "The specified time range is empty.";
            let refusal = Refusal::bad_request("timeRangeEmpty", message).domain("calendar");
            return Err(refusal.at("parameter", "timeMax"));
        }
        let updated_min = time(params, "updatedMin")?.map(unix_ms);
        let words = params.get("q").unwrap_or_default().to_lowercase();
        Ok(Self {
            starts_before,
            ends_after,
            // What has changed since includes what was deleted.
            deleted_too: params.is_true("showDeleted") || sync.is_some() || updated_min.is_some(),
            updated_since: sync.map(|sync| sync.changed + 1).or(updated_min),
            words: words.split_whitespace().map(str::to_owned).collect(),
            uid: params.get("iCalUID").map(str::to_owned),
            order: order(params)?,
        })
    }

    /// The events that meet the conditions, in order.
    pub(super) fn apply(&self, events: &[Event]) -> Vec<Event> {
        let mut events: Vec<Event> =
            events.iter().filter(|event| self.takes(event)).cloned().collect();
        match self.order {
            Order::Unspecified => {}
            Order::StartTime => events.sort_by_key(|event| instant_of(&event.members, "start")),
            Order::Updated => events.sort_by_key(|event| event.changed),
        }
        events
    }

    fn takes(&self, event: &Event) -> bool {
        let edge = |name| instant_of(&event.members, name);
        let uid = || event.members.get("iCalUID").and_then(Value::as_str);
        (self.deleted_too || !event.is_deleted())
            && self.updated_since.is_none_or(|since| event.changed >= since)
            && self.ends_after.is_none_or(|min| edge("end").is_none_or(|end| end > min))
            && self.starts_before.is_none_or(|max| edge("start").is_none_or(|start| start < max))
            && self.uid.as_deref().is_none_or(|wanted| uid() == Some(wanted))
            && self.has_words(&event.members)
    }

    fn has_words(&self, event: &Map<String, Value>) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let text = searchable(event).to_lowercase();
        self.words.iter().all(|word| text.contains(word.as_str()))
    }
}

fn order(params: &Params) -> Result<Order, Refusal> {
    Ok(match params.one_of("orderBy", &["startTime", "updated"])? {
        Some("startTime") if params.is_true("singleEvents") => Order::StartTime,
        Some("startTime") => {
            let message = "The requested ordering is not available for the particular query.";
            return Err(Refusal::bad_request("badRequest", message));
        }
        Some(_) => Order::Updated,
        None => Order::Unspecified,
    })
}

fn time(params: &Params, name: &str) -> Result<Option<OffsetDateTime>, Refusal> {
    let time = params.get(name).map(|text| instant(text).ok_or(()));
    time.transpose().map_err(|()| Refusal::bad_request("badRequest", "Bad Request"))
}

fn unix_ms(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// Where `q` looks.
fn searchable(event: &Map<String, Value>) -> String {
    let own = ["summary", "description", "location"].map(|name| event.get(name));
    let people = event.get("attendees").and_then(Value::as_array).into_iter().flatten();
    let people = people.chain(event.get("organizer"));
    let people = people.flat_map(|person| [person.get("email"), person.get("displayName")]);
    let texts = own.into_iter().chain(people).flatten().filter_map(Value::as_str);
    texts.collect::<Vec<_>>().join("\n")
}
