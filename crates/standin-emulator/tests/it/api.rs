//! Calendar and Drive: scopes, storage per user, Google's refusals.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Answer, CALENDAR, DRIVE, Google, SIGN_IN};

const EVENTS: &str = "/calendar/v3/calendars/primary/events";
const FILES: &str = "/drive/v3/files";

async fn token(google: &Google, scope: &str) -> String {
    google.sign_in(scope, &[]).await.text("access_token")
}

async fn get(google: &Google, path: &str, token: &str) -> Answer {
    Answer::of(google.http.get(google.url(path)).bearer_auth(token).send().await.unwrap()).await
}

async fn insert(google: &Google, token: &str, event: &serde_json::Value) -> Answer {
    let request = google.http.post(google.url(EVENTS)).bearer_auth(token).json(event);
    Answer::of(request.send().await.unwrap()).await
}

async fn upload(google: &Google, token: &str, name: &str, content: &str) -> Answer {
    let body = format!(
        "--foo\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{{\"name\":\"{name}\"}}\r\n\
         --foo\r\nContent-Type: text/plain\r\n\r\n{content}\r\n--foo--"
    );
    let request = google
        .http
        .post(google.url("/upload/drive/v3/files?uploadType=multipart"))
        .header("content-type", "multipart/related; boundary=foo")
        .bearer_auth(token);
    Answer::of(request.body(body).send().await.unwrap()).await
}

fn meeting() -> serde_json::Value {
    json!({
        "summary": "Backup",
        "start": {"dateTime": "2026-10-12T10:00:00+01:00"},
        "end": {"dateTime": "2026-10-12T11:00:00+01:00"},
    })
}

#[tokio::test]
async fn an_event_is_stored_for_its_user_alone() {
    let google = Google::with_ada().await;
    let ada = token(&google, CALENDAR).await;
    let event = insert(&google, &ada, &meeting()).await;
    assert_eq!(event.status, StatusCode::OK, "{}", event.raw);
    assert_eq!(event.body["kind"], "calendar#event");
    assert_eq!(event.body["creator"]["email"], "ada@example.com");
    let list = get(&google, EVENTS, &ada).await;
    assert_eq!(list.body["items"][0]["id"], event.body["id"]);
    google.autopilot(json!({"user": "grace@example.com", "decision": "allow"})).await;
    let grace = token(&google, CALENDAR).await;
    assert_eq!(get(&google, EVENTS, &grace).await.body["items"], json!([]));
    let foreign = get(&google, "/calendar/v3/calendars/ada@example.com/events", &grace).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_calendar_refuses_it_refuses_in_googles_words() {
    let google = Google::with_ada().await;
    let token = token(&google, CALENDAR).await;
    let missing = insert(&google, &token, &json!({"start": {"date": "2026-01-01"}})).await;
    assert_eq!(missing.body["error"]["message"], "Missing end time.");
    let mut event = meeting();
    event["id"] = json!("abcde");
    insert(&google, &token, &event).await;
    let twice = insert(&google, &token, &event).await;
    assert_eq!(twice.body["error"]["errors"][0]["reason"], "duplicate");
    let ordered = get(&google, &format!("{EVENTS}?orderBy=startTime"), &token).await;
    assert_eq!(ordered.status, StatusCode::BAD_REQUEST);
    let later = "?singleEvents=true&orderBy=startTime&timeMin=2027-01-01T00:00:00Z";
    assert_eq!(get(&google, &format!("{EVENTS}{later}"), &token).await.body["items"], json!([]));
}

#[tokio::test]
async fn no_token_a_bad_one_and_one_too_weak_are_told_apart() {
    let google = Google::with_ada().await;
    let none = google.get(EVENTS).await;
    assert_eq!(none.status(), StatusCode::UNAUTHORIZED);
    let realm = "Bearer realm=\"https://accounts.google.com/\"";
    assert_eq!(none.headers()["www-authenticate"], realm);
    let none = Answer::of(none).await;
    assert_eq!(none.body["error"]["details"][0]["reason"], "CREDENTIALS_MISSING");
    let bad = google.http.get(google.url(EVENTS)).bearer_auth("nonsense").send().await.unwrap();
    assert_eq!(bad.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(bad.headers()["www-authenticate"], format!("{realm}, error=\"invalid_token\""));
    let weak = token(&google, SIGN_IN).await;
    let weak = google.http.get(google.url(EVENTS)).bearer_auth(weak).send().await.unwrap();
    assert_eq!(weak.status(), StatusCode::FORBIDDEN);
    let challenge = weak.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert!(challenge.contains("error=\"insufficient_scope\"") && challenge.contains(CALENDAR));
    let weak = Answer::of(weak).await;
    assert_eq!(weak.body["error"]["errors"][0]["reason"], "insufficientPermissions");
    let metadata = &weak.body["error"]["details"][0]["metadata"];
    assert_eq!(metadata["method"], "calendar.v3.Events.List");
    let calls = google.events("api_call").await;
    let statuses: Vec<_> = calls.iter().map(|call| call["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [401, 401, 403]);
    assert_eq!(calls[2]["user"], "ada@example.com");
    assert_eq!(calls[2]["path"], EVENTS);
}

#[tokio::test]
async fn a_file_goes_up_and_comes_back() {
    let google = Google::with_ada().await;
    let token = token(&google, DRIVE).await;
    let file = upload(&google, &token, "blog.txt", "hello").await;
    assert_eq!(file.status, StatusCode::OK, "{}", file.raw);
    let id = file.text("id");
    let list = get(&google, FILES, &token).await;
    assert_eq!(list.body["files"][0]["name"], "blog.txt");
    let content = get(&google, &format!("{FILES}/{id}?alt=media"), &token).await;
    assert_eq!(content.raw, "hello");
}

#[tokio::test]
async fn drive_file_sees_only_what_its_own_project_made() {
    let google = Google::with_ada().await;
    let own = token(&google, DRIVE).await;
    upload(&google, &own, "mine", "x").await;
    let redirect = crate::support::CALLBACK;
    let client = json!({
        "client_id": "other", "client_secret": "s", "project": "other", "redirect_uris": [redirect]
    });
    google.put("/_emulator/clients", &client).await;
    let other = async |scope: &str| {
        let code = google.code(scope, &[("client_id", "other")]).await;
        let more = [("client_id", "other"), ("client_secret", "s")];
        google.redeem_with(&code, &more).await.text("access_token")
    };
    let per_file = other(DRIVE).await;
    assert_eq!(get(&google, FILES, &per_file).await.body["files"], json!([]));
    let everything = other("https://www.googleapis.com/auth/drive.readonly").await;
    assert_eq!(get(&google, FILES, &everything).await.body["files"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn uploads_may_be_larger_than_other_bodies_up_to_five_mebibytes() {
    let google = Google::with_ada().await;
    let token = token(&google, DRIVE).await;
    let content = "x".repeat(2 * 1024 * 1024);
    assert_eq!(upload(&google, &token, "big", &content).await.status, StatusCode::OK);
    let content = "x".repeat(6 * 1024 * 1024);
    assert_eq!(
        upload(&google, &token, "huge", &content).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let body = format!("grant_type={}", "x".repeat(2 * 1024 * 1024));
    let response = google.http.post(google.url("/token")).body(body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}
