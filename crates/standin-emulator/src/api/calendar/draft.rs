//! What a caller writes into an event: picked from the body, completed, and checked.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::shapes::WRITABLE;
use crate::api::refusal::Refusal;
use crate::api::time::instant;

/// The members that callers may write, complete and consistent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Draft(pub(super) Map<String, Value>);

impl Draft {
    /// A whole new event, or one that replaces another.
    pub(super) fn new(given: &Map<String, Value>) -> Result<Self, Refusal> {
        let known = given.iter().filter(|(name, value)| is_writable(name) && !value.is_null());
        let mut members: Map<String, Value> =
            known.map(|(name, value)| (name.clone(), value.clone())).collect();
        check_times(&members)?;
        check_words(&members)?;
        complete(&mut members)?;
        Ok(Self(members))
    }

    /// An event after a patch: objects are merged, lists replaced, `null` deletes.
    pub(super) fn patched(
        event: &Map<String, Value>,
        patch: &Map<String, Value>,
    ) -> Result<Self, Refusal> {
        let mut event = Value::Object(event.clone());
        merge(&mut event, &Value::Object(patch.clone()));
        Self::new(event.as_object().unwrap_or(patch))
    }
}

fn is_writable(name: &str) -> bool {
    WRITABLE.contains(&name)
}

fn merge(value: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *value = patch.clone();
        return;
    };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    for (name, change) in changes {
        if change.is_null() {
            value.as_object_mut().map(|members| members.remove(name));
        } else {
            merge(&mut value[name], change);
        }
    }
}

/// Where an event begins or ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Edge {
    at: OffsetDateTime,
    is_all_day: bool,
}

/// The end is looked at first: an empty body misses its end.
fn check_times(members: &Map<String, Value>) -> Result<(), Refusal> {
    let end = edge(members, "end", "Missing time zone definition for end time.")?
        .ok_or_else(|| Refusal::bad_request("required", "Missing end time."))?;
    let start = edge(members, "start", "Missing time zone definition for start time.")?;
    let start = start.filter(|start| start.is_all_day == end.is_all_day).ok_or_else(|| {
        let message = "Start and end times must either both be date or both be dateTime.";
        Refusal::bad_request("invalid", message)
    })?;
    if end.at < start.at {
        let message = "The specified time range is empty.";
        return Err(Refusal::bad_request("timeRangeEmpty", message).domain("calendar"));
    }
    Ok(())
}

fn edge(
    members: &Map<String, Value>,
    name: &str,
    no_zone: &'static str,
) -> Result<Option<Edge>, Refusal> {
    let edge = members.get(name).unwrap_or(&Value::Null);
    let text = |name: &str| edge[name].as_str();
    let all_day = |at| Edge { at, is_all_day: true };
    let timed = |at| Edge { at, is_all_day: false };
    let malformed = || Refusal::bad_request("badRequest", "Bad Request");
    match (text("dateTime"), text("date")) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(malformed()),
        (None, Some(date)) => midnight(date).map(all_day).map(Some).ok_or_else(malformed),
        (Some(time), None) => match (instant(time), instant(&format!("{time}Z"))) {
            (Some(time), _) => Ok(Some(timed(time))),
            (None, Some(time)) if text("timeZone").is_some() => Ok(Some(timed(time))),
            (None, Some(_)) => Err(Refusal::bad_request("required", no_zone)),
            (None, None) => Err(malformed()),
        },
    }
}

fn midnight(date: &str) -> Option<OffsetDateTime> {
    instant(&format!("{date}T00:00:00Z"))
}

/// When a stored event begins or ends, for filters and order.
///
/// A time without an offset counts as UTC: the emulator has no time zone tables.
pub(super) fn instant_of(event: &Map<String, Value>, name: &str) -> Option<OffsetDateTime> {
    edge(event, name, "").ok()?.map(|edge| edge.at)
}

fn check_words(members: &Map<String, Value>) -> Result<(), Refusal> {
    let words: [(&str, &[&str]); 3] = [
        ("status", &["cancelled", "confirmed", "tentative"]),
        ("transparency", &["opaque", "transparent"]),
        ("visibility", &["confidential", "default", "private", "public"]),
    ];
    for (name, allowed) in words {
        let value = members.get(name).map(|value| value.as_str().unwrap_or_default());
        if value.is_some_and(|value| !allowed.contains(&value)) {
            let message = format!("Invalid value for: {name}");
            return Err(Refusal::bad_request("invalid", message));
        }
    }
    Ok(())
}

/// What Google adds where the caller says nothing.
fn complete(members: &mut Map<String, Value>) -> Result<(), Refusal> {
    for name in ["start", "end"] {
        let edge = members.get_mut(name).and_then(Value::as_object_mut);
        if let Some(edge) = edge.filter(|edge| edge.contains_key("dateTime")) {
            edge.entry("timeZone").or_insert_with(|| "UTC".into());
        }
    }
    let attendees = members.get_mut("attendees").and_then(Value::as_array_mut);
    for attendee in attendees.into_iter().flatten() {
        if !attendee["email"].is_string() {
            return Err(Refusal::bad_request("required", "Missing attendee email."));
        }
        if attendee["responseStatus"].is_null() {
            attendee["responseStatus"] = "needsAction".into();
        }
    }
    members.entry("reminders").or_insert_with(|| json!({"useDefault": true}));
    members.entry("status").or_insert_with(|| "confirmed".into());
    members.entry("sequence").or_insert_with(|| 0.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(event: &Value) -> Result<Draft, String> {
        Draft::new(event.as_object().unwrap()).map_err(|refusal| refusal.message)
    }

    fn refused(start: &Value, end: &Value) -> String {
        draft(&json!({"start": start, "end": end})).unwrap_err()
    }

    #[test]
    fn times_are_held_to_googles_rules() {
        let (time, date) =
            (json!({"dateTime": "2026-10-12T10:00:00Z"}), json!({"date": "2026-10-12"}));
        let both = "Start and end times must either both be date or both be dateTime.";
        assert_eq!(refused(&Value::Null, &Value::Null), "Missing end time.");
        assert_eq!(refused(&time, &json!({})), "Missing end time.");
        assert_eq!(refused(&Value::Null, &date), both);
        assert_eq!(refused(&time, &date), both);
        let earlier = json!({"dateTime": "2026-10-12T10:00:00+01:00"});
        assert_eq!(refused(&time, &earlier), "The specified time range is empty.");
        let no_zone = json!({"dateTime": "2026-10-12T10:00:00"});
        assert_eq!(refused(&no_zone, &time), "Missing time zone definition for start time.");
        assert_eq!(refused(&json!({"dateTime": "ten"}), &time), "Bad Request");
        let zoned = json!({"dateTime": "2026-10-12T10:00:00", "timeZone": "Europe/London"});
        assert!(draft(&json!({"start": zoned, "end": zoned})).is_ok());
        assert!(draft(&json!({"start": date, "end": date})).is_ok());
    }

    #[test]
    fn a_draft_is_completed_and_holds_only_what_callers_may_write() {
        let edge = json!({"dateTime": "2026-10-12T10:00:00Z"});
        let attendees = json!([{"email": "grace@example.com"}]);
        let given = json!({
            "etag": "mine", "kind": "x", "id": "y", "colorId": null,
            "start": edge, "end": edge, "attendees": attendees,
        });
        let edge = json!({"dateTime": "2026-10-12T10:00:00Z", "timeZone": "UTC"});
        let whole = json!({
            "attendees": [{"email": "grace@example.com", "responseStatus": "needsAction"}],
            "end": edge, "start": edge, "reminders": {"useDefault": true},
            "sequence": 0, "status": "confirmed",
        });
        assert_eq!(Value::Object(draft(&given).unwrap().0), whole);
        let wrong = json!({"start": edge, "end": edge, "status": "maybe"});
        assert_eq!(draft(&wrong).unwrap_err(), "Invalid value for: status");
        let nameless = json!({"start": edge, "end": edge, "attendees": [{}]});
        assert_eq!(draft(&nameless).unwrap_err(), "Missing attendee email.");
    }

    #[test]
    fn a_patch_merges_objects_and_deletes_with_null() {
        let timed = json!({"dateTime": "2026-10-12T10:00:00Z", "timeZone": "UTC"});
        let event = json!({"summary": "a", "location": "b", "start": timed, "end": timed});
        let patch = json!({"location": null, "end": {"dateTime": "2026-10-12T11:00:00Z"}});
        let patched = Draft::patched(event.as_object().unwrap(), patch.as_object().unwrap());
        let patched = Value::Object(patched.unwrap().0);
        assert_eq!(patched["end"], json!({"dateTime": "2026-10-12T11:00:00Z", "timeZone": "UTC"}));
        assert_eq!((&patched["summary"], &patched["location"]), (&json!("a"), &Value::Null));
    }
}
