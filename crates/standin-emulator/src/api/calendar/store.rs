//! The users' events, each change with a stamp that no other has.
//!
//! A stamp is the time in milliseconds, or one more than the last where two changes meet. It is what
//! `updated`, the etag and the sync tokens are made of.

use std::collections::HashMap;

use axum::http::StatusCode;
use data_encoding::BASE64_NOPAD;
use serde_json::{Map, Value, json};

use super::draft::Draft;
use super::tokens::LIFETIME_MS;
use crate::api::refusal::Refusal;
use crate::api::time::rfc3339;

/// Where a user's events end; more than any test makes.
const EVENTS_PER_USER: usize = 10_000;

/// All calendars, by subject.
#[derive(Debug, Default)]
pub(crate) struct Calendars(HashMap<String, Calendar>);

/// One user's events, in the order in which they were made.
#[derive(Debug)]
pub(super) struct Calendar {
    pub(super) events: Vec<Event>,
    /// The newest stamp.
    pub(super) changed: i64,
}

/// An event, or what is left of a deleted one.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) changed: i64,
    pub(super) members: Map<String, Value>,
}

impl Calendars {
    /// A subject's calendar, made on first sight.
    pub(super) fn of(&mut self, sub: &str, now: i64) -> &mut Calendar {
        let fresh = || Calendar { events: Vec::new(), changed: now };
        self.0.entry(sub.to_owned()).or_insert_with(fresh)
    }
}

impl Calendar {
    pub(super) fn find(&mut self, id: &str) -> Option<&mut Event> {
        self.events.iter_mut().find(|event| event.id == id)
    }

    pub(super) fn stamp(&mut self, now: i64) -> i64 {
        self.changed = now.max(self.changed + 1);
        self.changed
    }

    pub(super) fn etag(&self) -> String {
        format!("\"p3{:x}\"", self.changed)
    }

    /// Adds an event under an id that nobody has, not even a deleted event.
    pub(super) fn insert(
        &mut self,
        id: &str,
        email: &str,
        now: i64,
        draft: Draft,
    ) -> Result<&Event, Refusal> {
        if self.events.len() >= EVENTS_PER_USER {
            self.forget_deleted(now);
        }
        if self.find(id).is_some() {
            let message = "The requested identifier already exists.";
            return Err(Refusal::new(StatusCode::CONFLICT, "duplicate", message));
        }
        if self.events.len() >= EVENTS_PER_USER {
            let message = "Calendar usage limits exceeded.";
            let refusal = Refusal::new(StatusCode::FORBIDDEN, "quotaExceeded", message);
            return Err(refusal.domain("usageLimits"));
        }
        let stamp = self.stamp(now);
        let mut event = Event { id: id.to_owned(), changed: stamp, members: own(id, email, now) };
        event.write(draft, stamp);
        let at = self.events.len();
        self.events.push(event);
        Ok(&self.events[at])
    }

    /// What was deleted must be kept for as long as a sync token may ask for it, and no longer.
    fn forget_deleted(&mut self, now: i64) {
        let oldest = now.saturating_sub(LIFETIME_MS);
        self.events.retain(|event| !event.is_deleted() || event.changed >= oldest);
    }
}

impl Event {
    pub(super) fn is_deleted(&self) -> bool {
        self.members.get("status").and_then(Value::as_str) == Some("cancelled")
    }

    pub(super) fn etag(&self) -> &str {
        self.members.get("etag").and_then(Value::as_str).unwrap_or_default()
    }

    /// Puts a draft in place of what a caller wrote before.
    pub(super) fn write(&mut self, draft: Draft, stamp: i64) {
        for name in super::shapes::WRITABLE {
            self.members.remove(*name);
        }
        self.members.extend(draft.0);
        self.touch(stamp);
    }

    pub(super) fn delete(&mut self, stamp: i64) {
        self.members.insert("status".to_owned(), "cancelled".into());
        self.touch(stamp);
    }

    fn touch(&mut self, stamp: i64) {
        self.changed = stamp;
        self.members.insert("etag".to_owned(), format!("\"{}\"", stamp * 2).into());
        self.members.insert("updated".to_owned(), rfc3339(stamp).into());
    }
}

/// What Google itself writes into a new event, once. `created` has no fraction of a second.
fn own(id: &str, email: &str, now: i64) -> Map<String, Value> {
    let eid = BASE64_NOPAD.encode(format!("{id} {email}").as_bytes());
    let own = json!({
        "kind": "calendar#event",
        "id": id,
        "htmlLink": format!("https://www.google.com/calendar/event?eid={eid}"),
        "created": rfc3339(now - now.rem_euclid(1000)),
        "creator": {"email": email, "self": true},
        "organizer": {"email": email, "self": true},
        "iCalUID": format!("{id}@google.com"),
        "eventType": "default",
    });
    own.as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_never_repeat_and_never_go_back() {
        let mut calendars = Calendars::default();
        let calendar = calendars.of("1", 1000);
        assert_eq!(
            [1000, 1000, 900, 2000].map(|now| calendar.stamp(now)),
            [1001, 1002, 1003, 2000]
        );
    }

    #[test]
    fn a_full_calendar_takes_no_more_until_deletions_are_old() {
        let edge = json!({"date": "2026-01-01"});
        let draft = Draft::new(json!({"start": edge, "end": edge}).as_object().unwrap()).unwrap();
        let mut calendars = Calendars::default();
        let calendar = calendars.of("1", 0);
        let event = calendar.insert("event", "a", 0, draft.clone()).unwrap().clone();
        calendar.events.extend(std::iter::repeat_n(event, EVENTS_PER_USER - 1));
        let refused = calendar.insert("more", "a", 0, draft.clone()).unwrap_err();
        assert_eq!(refused.message, "Calendar usage limits exceeded.");
        let stamp = calendar.stamp(0);
        calendar.find("event").unwrap().delete(stamp);
        assert!(calendar.insert("more", "a", 0, draft.clone()).is_err());
        assert!(calendar.insert("more", "a", LIFETIME_MS + stamp + 1, draft).is_ok());
    }
}
