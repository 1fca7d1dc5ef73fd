//! The control API: seeding, ledger, clock, guards.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Answer, CALENDAR, Google, SIGN_IN};

#[tokio::test]
async fn the_ledger_tells_a_sign_in_in_order_and_only_in_hashes() {
    let google = Google::with_ada().await;
    let answer = google.sign_in(SIGN_IN, &[("access_type", "offline")]).await;
    let ledger = google.json("/_emulator/ledger").await;
    let events = ledger["events"].as_array().unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["authorization", "consent_shown", "code_issued", "code_redeemed"]);
    assert_eq!(ledger["next"], 4);
    assert_eq!(events[3]["user"], "ada@example.com");
    assert_eq!(events[3]["client_id"], google.emulator.client_id());
    assert_eq!(events[2]["code_sha256"], events[3]["code_sha256"]);
    assert_eq!(events[3]["refresh_token_sha256"].as_str().unwrap().len(), 64);
    let text = ledger.to_string();
    for secret in ["access_token", "refresh_token"] {
        assert!(!text.contains(&answer.text(secret)));
    }
    let rest = google.json("/_emulator/ledger?after=3").await;
    assert_eq!(rest["events"].as_array().unwrap().len(), 1);
    let none = google.json("/_emulator/ledger?after=4").await;
    assert_eq!(none, json!({"events": [], "next": 4}));
}

#[tokio::test]
async fn reset_goes_back_to_the_seed_and_keeps_the_keys() {
    let google = Google::with_ada().await;
    let refresh_token = google.offline(SIGN_IN).await;
    let keys = google.json("/oauth2/v3/certs").await;
    google.put("/_emulator/users", &json!({"email": "mary@example.com"})).await;
    google.post("/_emulator/clock", &json!({"advance_seconds": 60})).await;
    let response = google.post("/_emulator/reset", &json!({})).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(google.json("/_emulator/ledger").await, json!({"events": [], "next": 0}));
    assert_eq!(google.json("/_emulator/clock").await["offset_seconds"], 0);
    assert_eq!(google.json("/_emulator/users").await["users"].as_array().unwrap().len(), 3);
    assert_eq!(google.json("/_emulator/autopilot").await["autopilot"], Value::Null);
    assert_eq!(google.json("/oauth2/v3/certs").await, keys);
    assert_eq!(google.refresh(&refresh_token).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn users_and_clients_change_at_run_time_and_keep_what_is_not_named() {
    let google = Google::with_ada().await;
    let sub = google.sign_in(SIGN_IN, &[]).await.claims()["sub"].clone();
    google
        .put("/_emulator/users", &json!([{"email": "ada@example.com", "name": "Ada King"}]))
        .await;
    let claims = google.sign_in(SIGN_IN, &[]).await.claims();
    assert_eq!((&claims["sub"], &claims["family_name"]), (&sub, &json!("King")));
    let moved = json!({"email": "ada@new.example", "sub": sub});
    google.put("/_emulator/users", &moved).await;
    google.autopilot(json!({"user": "ada@new.example", "decision": "allow"})).await;
    assert_eq!(google.sign_in(SIGN_IN, &[]).await.claims()["sub"], sub);
    let id = google.emulator.client_id();
    let client = json!({"client_id": id, "redirect_uris": ["http://localhost:1/cb"]});
    let put: Value = google.put("/_emulator/clients", &client).await.json().await.unwrap();
    assert_eq!(put["clients"][0]["client_secret"], google.emulator.client_secret());
    let clients = google.json("/_emulator/clients").await;
    assert_eq!(clients["clients"][0]["redirect_uris"], json!(["http://localhost:1/cb"]));
    assert_eq!(clients["clients"][0]["javascript_origins"].as_array().unwrap().len(), 2);
    assert!(!clients.to_string().contains(google.emulator.client_secret()));
}

#[tokio::test]
async fn a_user_who_revokes_ends_every_grant() {
    let google = Google::with_ada().await;
    let refresh_token = google.offline(CALENDAR).await;
    let response = google.post("/_emulator/users/ada@example.com/revoke", &json!({})).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(google.refresh(&refresh_token).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(google.events("revoked").await[0]["by"], "user");
    let nobody = google.post("/_emulator/users/nobody/revoke", &json!({})).await;
    assert_eq!(Answer::of(nobody).await.body["code"], "unknown_user");
}

#[tokio::test]
async fn a_misspelt_field_is_a_problem_with_its_name() {
    let google = Google::start().await;
    let response = google.put("/_emulator/autopilot", &json!({"usr": "x"})).await;
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem = Answer::of(response).await;
    assert_eq!(problem.status, StatusCode::BAD_REQUEST);
    assert!(problem.text("detail").contains("unknown field `usr`"), "{}", problem.raw);
    let fault = json!([{"endpoint": "token", "fault": "rotat"}]);
    let problem = Answer::of(google.post("/_emulator/faults", &fault).await).await;
    assert_eq!(problem.text("code"), "invalid_fault");
    assert!(problem.text("detail").contains("did you mean `rotate`?"), "{}", problem.raw);
    let unknown = google.get("/_emulator/nothing").await;
    assert_eq!(Answer::of(unknown).await.text("code"), "not_found");
}

#[tokio::test]
async fn foreign_hosts_and_foreign_pages_are_refused() {
    let google = Google::start().await;
    let health = || google.http.get(google.url("/_emulator/health"));
    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status();
    let port = google.emulator.origin().rsplit_once(':').unwrap().1;
    for host in ["evil.example".to_owned(), format!("evil.example:{port}"), "localhost".to_owned()]
    {
        assert_eq!(status(health().header("host", host)).await, StatusCode::FORBIDDEN);
    }
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let host = format!("{host}:{port}");
        assert_eq!(status(health().header("host", host)).await, StatusCode::OK);
    }
    let foreign = health().header("origin", "https://evil.example");
    assert_eq!(status(foreign).await, StatusCode::FORBIDDEN);
    let local = health().header("origin", "http://127.0.0.1:8080").send().await.unwrap();
    assert_eq!(local.status(), StatusCode::OK);
    assert!(local.headers().get("access-control-allow-origin").is_none());
}

#[tokio::test]
async fn the_clock_can_be_moved_from_outside_and_inside() {
    let google = Google::start().await;
    let answer = google.post("/_emulator/clock", &json!({"advance_seconds": 3600})).await;
    let clock: Value = answer.json().await.unwrap();
    assert_eq!(clock["offset_seconds"], 3600);
    let inside = google.emulator.clock().now_unix_ms() / 1000;
    assert!((inside - clock["now"].as_i64().unwrap()).abs() <= 1);
}

#[tokio::test]
async fn a_project_in_testing_gives_refresh_tokens_that_end_after_seven_days() {
    let google = Google::with_ada().await;
    let testing = json!({"id": "emulated-project", "publishing_status": "testing"});
    let response = google.put("/_emulator/projects", &testing).await;
    assert_eq!(response.status(), StatusCode::OK);
    let tokens =
        google.sign_in(&format!("{SIGN_IN} {CALENDAR}"), &[("access_type", "offline")]).await;
    let expires_in = tokens.body["refresh_token_expires_in"].as_i64().unwrap();
    assert!((604_790..=604_799).contains(&expires_in), "{expires_in}");
    let response =
        google.put("/_emulator/projects", &json!({"id": "x", "user_type": "internal"})).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}
