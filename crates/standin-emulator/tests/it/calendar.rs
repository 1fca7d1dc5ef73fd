//! Calendar v3: shapes, rules of time, paging, sync, etags, deletion.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::api::{Api, compact, refusal};
use crate::support::{Answer, CALENDAR};

const EVENTS: &str = "/calendar/v3/calendars/primary/events";

fn meeting(summary: &str, hour: u32) -> Value {
    json!({
        "summary": summary,
        "start": {"dateTime": format!("2026-10-12T{hour:02}:00:00+01:00"), "timeZone": "Europe/London"},
        "end": {"dateTime": format!("2026-10-12T{:02}:00:00+01:00", hour + 1)},
    })
}

fn summaries(list: &Answer) -> Vec<&str> {
    let items = list.body["items"].as_array().unwrap_or_else(|| panic!("{}", list.raw));
    items.iter().map(|item| item["summary"].as_str().unwrap_or_default()).collect()
}

async fn insert(api: &Api, summary: &str, hour: u32) -> Answer {
    api.post(EVENTS, &meeting(summary, hour)).await
}

#[tokio::test]
async fn an_event_has_googles_members_in_googles_order() {
    let api = Api::with(CALENDAR).await;
    let mut event = meeting("Backup", 10);
    event["id"] = json!("3i3b0qqov3bilepslbbck0tqqn");
    event["etag"] = json!("not mine to choose");
    event["unknown"] = json!(1);
    let made = api.post(EVENTS, &event).await;
    let (created, updated) = (made.text("created"), made.text("updated"));
    assert_eq!(created, format!("{}.000Z", &updated[..19]));
    let etag = made.text("etag").replace('"', "\\\"");
    let eid = "M2kzYjBxcW92M2JpbGVwc2xiYmNrMHRxcW4gYWRhQGV4YW1wbGUuY29t";
    let expected = [
        r#"{"kind":"calendar#event","#,
        &format!(r#""etag":"{etag}","#),
        r#""id":"3i3b0qqov3bilepslbbck0tqqn","status":"confirmed","#,
        &format!(r#""htmlLink":"https://www.google.com/calendar/event?eid={eid}","#),
        &format!(r#""created":"{created}","updated":"{updated}","summary":"Backup","#),
        r#""creator":{"email":"ada@example.com","self":true},"#,
        r#""organizer":{"email":"ada@example.com","self":true},"#,
        r#""start":{"dateTime":"2026-10-12T10:00:00+01:00","timeZone":"Europe/London"},"#,
        r#""end":{"dateTime":"2026-10-12T11:00:00+01:00","timeZone":"UTC"},"#,
        r#""iCalUID":"3i3b0qqov3bilepslbbck0tqqn@google.com","sequence":0,"#,
        r#""reminders":{"useDefault":true},"eventType":"default"}"#,
    ];
    assert_eq!(compact(&made.raw), expected.concat());
    let got = api.get(&format!("{EVENTS}/3i3b0qqov3bilepslbbck0tqqn")).await;
    assert_eq!(got.raw, made.raw);
}

#[tokio::test]
async fn the_etag_is_twice_the_time_of_the_change_in_milliseconds() {
    let api = Api::with(CALENDAR).await;
    let before = api.google.emulator.clock().now_unix_ms();
    let made = insert(&api, "a", 10).await;
    let etag: i64 = made.text("etag").trim_matches('"').parse().unwrap();
    assert!(etag % 2 == 0 && etag / 2 >= before, "{etag}");
}

#[tokio::test]
async fn a_list_has_googles_members_in_googles_order() {
    let api = Api::with(CALENDAR).await;
    let list = api.get("/calendar/v3/calendars/ada@example.com/events").await;
    let (etag, updated) = (list.text("etag").replace('"', "\\\""), list.text("updated"));
    assert!(etag.starts_with("\\\"p3"));
    let sync = list.text("nextSyncToken");
    let expected = [
        r#"{"kind":"calendar#events","#,
        &format!(r#""etag":"{etag}","#),
        r#""summary":"ada@example.com","description":"","#,
        &format!(r#""updated":"{updated}","timeZone":"UTC","accessRole":"owner","#),
        r#""defaultReminders":[{"method":"popup","minutes":10}],"#,
        &format!(r#""nextSyncToken":"{sync}","items":[]}}"#),
    ];
    assert_eq!(compact(&list.raw), expected.concat());
}

#[tokio::test]
async fn what_cannot_be_an_event_is_refused_with_googles_text() {
    let api = Api::with(CALENDAR).await;
    let post = async |body: Value| refusal(&api.post(EVENTS, &body).await);
    let (date, time) = (json!({"date": "2026-01-01"}), json!({"dateTime": "2026-01-01T00:00:00Z"}));
    assert_eq!(post(json!({})).await, "400 required: Missing end time.");
    assert_eq!(post(json!({"start": date})).await, "400 required: Missing end time.");
    let both = "400 invalid: Start and end times must either both be date or both be dateTime.";
    assert_eq!(post(json!({"end": date})).await, both);
    assert_eq!(post(json!({"start": date, "end": time})).await, both);
    let early = json!({"dateTime": "2025-12-31T00:00:00Z"});
    let empty = "400 timeRangeEmpty: The specified time range is empty.";
    assert_eq!(post(json!({"start": time, "end": early})).await, empty);
    for id in ["abcd", "with-dash", "UPPER", "wxyz0"] {
        let event = json!({"id": id, "start": date, "end": date});
        assert_eq!(post(event).await, "400 invalid: Invalid resource id value.", "{id}");
    }
    let request = api.request(Method::POST, EVENTS).body("{");
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(refusal(&answer), "400 parseError: Parse Error");
    let path = format!("{EVENTS}?sendUpdates=some");
    let message = "400 invalidParameter: Invalid string value: 'some'. \
        Allowed values: [all, externalOnly, none]";
    assert_eq!(refusal(&api.post(&path, &meeting("a", 1)).await), message);
    assert_eq!(api.get(EVENTS).await.body["items"], json!([]));
}

#[tokio::test]
async fn an_id_is_taken_once_even_by_a_deleted_event() {
    let api = Api::with(CALENDAR).await;
    let mut event = meeting("a", 10);
    event["id"] = json!("abcde");
    assert_eq!(api.post(EVENTS, &event).await.status, StatusCode::OK);
    let twice = api.post(EVENTS, &event).await;
    let body = concat!(
        r#"{"error":{"errors":[{"domain":"global","reason":"duplicate","#,
        r#""message":"The requested identifier already exists."}],"code":409,"#,
        r#""message":"The requested identifier already exists."}}"#,
    );
    assert_eq!((twice.status, compact(&twice.raw)), (StatusCode::CONFLICT, body.to_owned()));
    let path = format!("{EVENTS}/abcde");
    let gone = api.delete(&path).await;
    assert_eq!((gone.status, gone.raw.as_str()), (StatusCode::NO_CONTENT, ""));
    assert_eq!(refusal(&api.delete(&path).await), "410 deleted: Resource has been deleted");
    assert_eq!(api.post(EVENTS, &event).await.status, StatusCode::CONFLICT);
    assert_eq!(api.get(&path).await.text("status"), "cancelled");
    assert_eq!(api.get(EVENTS).await.body["items"], json!([]));
    let with_deleted = api.get(&format!("{EVENTS}?showDeleted=true")).await;
    assert_eq!(summaries(&with_deleted), ["a"]);
    let unknown = api.delete(&format!("{EVENTS}/unknown")).await;
    assert_eq!(refusal(&unknown), "404 notFound: Not Found");
}

#[tokio::test]
async fn a_change_of_a_version_that_is_no_more_is_refused() {
    let api = Api::with(CALENDAR).await;
    let made = insert(&api, "a", 10).await;
    let path = format!("{EVENTS}/{}", made.text("id"));
    let change = async |method: Method, etag: &str| {
        let request = api.request(method, &path).header("if-match", etag).json(&meeting("b", 11));
        Answer::of(request.send().await.unwrap()).await
    };
    let changed = change(Method::PUT, &made.text("etag")).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.raw);
    let stale = change(Method::PATCH, &made.text("etag")).await;
    assert_eq!(refusal(&stale), "412 conditionNotMet: Precondition Failed");
    assert_eq!(stale.body["error"]["errors"][0]["location"], "If-Match");
    assert_eq!(change(Method::DELETE, &made.text("etag")).await.status, stale.status);
    assert_eq!(change(Method::DELETE, "*").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_patch_changes_parts_and_an_update_replaces() {
    let api = Api::with(CALENDAR).await;
    let mut event = meeting("a", 10);
    event["location"] = json!("London");
    let made = api.post(EVENTS, &event).await;
    let path = format!("{EVENTS}/{}", made.text("id"));
    let patch = json!({"summary": "b", "end": {"dateTime": "2026-10-12T12:00:00+01:00"}});
    let patched = api.send(Method::PATCH, &path, &patch).await;
    assert_eq!((patched.text("summary"), patched.text("location")), ("b".into(), "London".into()));
    assert_eq!(patched.body["sequence"], 1);
    assert_ne!(patched.text("etag"), made.text("etag"));
    let updated = api.send(Method::PUT, &path, &meeting("c", 10)).await;
    assert_eq!(updated.body.get("location"), None);
    for same in ["id", "created", "iCalUID", "htmlLink"] {
        assert_eq!(updated.body[same], made.body[same]);
    }
    let without_end = api.send(Method::PUT, &path, &json!({"summary": "d"})).await;
    assert_eq!(refusal(&without_end), "400 required: Missing end time.");
    assert_eq!(api.get(&path).await.text("summary"), "c");
}

#[tokio::test]
async fn a_list_is_bounded_in_time_searched_and_sorted() {
    let api = Api::with(CALENDAR).await;
    for (summary, hour) in [("noon", 12), ("breakfast", 8), ("tea time", 17)] {
        insert(&api, summary, hour).await;
    }
    let list = async |query: &str| api.get(&format!("{EVENTS}?{query}")).await;
    assert_eq!(summaries(&list("").await), ["noon", "breakfast", "tea time"]);
    let sorted = list("singleEvents=true&orderBy=startTime").await;
    assert_eq!(summaries(&sorted), ["breakfast", "noon", "tea time"]);
    // Bounds are exclusive: what ends at timeMin and what starts at timeMax is out.
    let bounded = "timeMin=2026-10-12T08:00:00Z&timeMax=2026-10-12T16:00:00Z";
    assert_eq!(summaries(&list(bounded).await), ["noon"]);
    assert_eq!(summaries(&list("q=TIME%20tea").await), ["tea time"]);
    assert_eq!(summaries(&list("q=ada@example").await).len(), 3);
    assert_eq!(summaries(&list("q=nothing").await).len(), 0);
    let refused = async |query: &str| refusal(&list(query).await);
    let unordered =
        "400 badRequest: The requested ordering is not available for the particular query.";
    assert_eq!(refused("orderBy=startTime").await, unordered);
    let order = "400 invalidParameter: Invalid string value: 'end'. \
        Allowed values: [startTime, updated]";
    assert_eq!(refused("orderBy=end").await, order);
    assert_eq!(refused("timeMin=2026-10-12").await, "400 badRequest: Bad Request");
    assert_eq!(refused("timeMin=2026-10-12T10:00:00").await, "400 badRequest: Bad Request");
    let backwards = "timeMin=2026-10-13T00:00:00Z&timeMax=2026-10-12T00:00:00Z";
    let empty = list(backwards).await;
    assert_eq!(
        empty.body["error"]["errors"][0],
        json!({
            "domain": "calendar", "reason": "timeRangeEmpty",
            "message": "The specified time range is empty.",
            "locationType": "parameter", "location": "timeMax",
        })
    );
    let size = "400 invalidParameter: Invalid value '0'. \
        Values must be within the range: [1, 2147483647]";
    assert_eq!(refused("maxResults=0").await, size);
}

#[tokio::test]
async fn a_recurring_event_is_stored_and_not_expanded() {
    let api = Api::with(CALENDAR).await;
    let mut daily = meeting("daily", 9);
    daily["recurrence"] = json!(["RRULE:FREQ=DAILY;COUNT=5"]);
    assert_eq!(api.post(EVENTS, &daily).await.body["recurrence"], daily["recurrence"]);
    let list = api.get(&format!("{EVENTS}?singleEvents=true")).await;
    assert_eq!(summaries(&list), ["daily"]);
}

#[tokio::test]
async fn pages_follow_each_other_and_only_the_last_has_a_sync_token() {
    let api = Api::with(CALENDAR).await;
    for hour in 1..=5 {
        insert(&api, &hour.to_string(), hour).await;
    }
    let mut path = format!("{EVENTS}?maxResults=2");
    let mut seen = Vec::new();
    let last = loop {
        let page = api.get(&path).await;
        seen.extend(summaries(&page).into_iter().map(str::to_owned));
        let Some(token) = page.body.get("nextPageToken") else {
            break page;
        };
        assert_eq!(page.body.get("nextSyncToken"), None);
        path = format!("{EVENTS}?maxResults=2&pageToken={}", token.as_str().unwrap());
    };
    assert_eq!(seen, ["1", "2", "3", "4", "5"]);
    assert!(last.body["nextSyncToken"].is_string());
    let wrong = api.get(&format!("{EVENTS}?pageToken=wrong")).await;
    assert_eq!(refusal(&wrong), "400 invalid: Invalid page token value.");
}

#[tokio::test]
async fn a_sync_token_brings_what_has_changed_since_deletions_included() {
    let api = Api::with(CALENDAR).await;
    let (kept, doomed) = (insert(&api, "kept", 1).await, insert(&api, "doomed", 2).await);
    let token = api.get(EVENTS).await.text("nextSyncToken");
    let since = async |token: &str| api.get(&format!("{EVENTS}?syncToken={token}")).await;
    assert_eq!(since(&token).await.body["items"], json!([]));
    api.delete(&format!("{EVENTS}/{}", doomed.text("id"))).await;
    insert(&api, "new", 3).await;
    let changes = since(&token).await;
    assert_eq!(summaries(&changes), ["doomed", "new"]);
    assert_eq!(changes.body["items"][0]["status"], "cancelled");
    assert_eq!(since(&changes.text("nextSyncToken")).await.body["items"], json!([]));
    let patch = json!({"summary": "kept, changed"});
    api.send(Method::PATCH, &format!("{EVENTS}/{}", kept.text("id")), &patch).await;
    assert_eq!(summaries(&since(&changes.text("nextSyncToken")).await), ["kept, changed"]);
    let both = api.get(&format!("{EVENTS}?syncToken={token}&q=x")).await;
    assert_eq!(refusal(&both), "400 badRequest: Bad Request");
    assert_eq!(refusal(&since("wrong").await), "400 invalid: Invalid sync token value.");
}

#[tokio::test]
async fn a_sync_token_that_is_too_old_asks_for_a_new_beginning() {
    let api = Api::with(CALENDAR).await;
    let token = api.get(EVENTS).await.text("nextSyncToken");
    api.google.emulator.clock().advance(Duration::from_hours(24 * 31));
    let fresh = api.google.sign_in(CALENDAR, &[]).await.text("access_token");
    let api = Api { token: fresh, ..api };
    let old = api.get(&format!("{EVENTS}?syncToken={token}")).await;
    let message = "Sync token is no longer valid, a full sync is required.";
    assert_eq!(refusal(&old), format!("410 fullSyncRequired: {message}"));
    assert_eq!(old.body["error"]["errors"][0]["domain"], "calendar");
}

#[tokio::test]
async fn the_calendar_itself_answers_to_primary_and_to_the_address() {
    let api = Api::with("https://www.googleapis.com/auth/calendar.readonly").await;
    let primary = api.get("/calendar/v3/calendars/primary").await;
    let expected = concat!(
        r#"{"kind":"calendar#calendar","etag":"\"1\"","id":"ada@example.com","#,
        r#""summary":"ada@example.com","timeZone":"UTC","conferenceProperties":{"#,
        r#""allowedConferenceSolutionTypes":["hangoutsMeet"]}}"#,
    );
    assert_eq!(compact(&primary.raw), expected);
    let by_address = api.get("/calendar/v3/calendars/ada@example.com").await;
    assert_eq!(by_address.raw, primary.raw);
    let list = api.get("/calendar/v3/users/me/calendarList").await;
    assert_eq!(list.body["items"][0]["id"], "ada@example.com");
    assert_eq!(list.body["items"][0]["primary"], true);
    assert_eq!(api.post(EVENTS, &meeting("a", 1)).await.status, StatusCode::FORBIDDEN);
}
