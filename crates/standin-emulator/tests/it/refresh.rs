//! What stops a refresh token that was good yesterday.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Answer, CALENDAR, Google, SIGN_IN};

const DEAD: &str = "400 invalid_grant: Token has been expired or revoked.";

async fn linus() -> Google {
    let google = Google::start().await;
    google.autopilot(json!({"user": "linus@corp.example", "decision": "allow"})).await;
    google
}

async fn reauth(google: &Google, body: &serde_json::Value) -> StatusCode {
    google.post("/_emulator/users/linus@corp.example/reauth", body).await.status()
}

#[tokio::test]
async fn an_ended_session_refuses_every_refresh_until_the_next_sign_in() {
    let google = linus().await;
    let refresh_token = google.offline(CALENDAR).await;
    assert_eq!(reauth(&google, &json!({})).await, StatusCode::NO_CONTENT);
    for _ in 0..2 {
        let refused = google.refresh(&refresh_token).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert_eq!(
            refused.raw.split_whitespace().collect::<Vec<_>>().join(" "),
            "{ \"error\": \"invalid_grant\", \
             \"error_description\": \"reauth related error (invalid_rapt)\", \
             \"error_uri\": \"https://support.google.com/a/answer/9368756\", \
             \"error_subtype\": \"invalid_rapt\" }"
        );
    }
    assert_eq!(google.events("refresh_refused").await[0]["error_subtype"], "invalid_rapt");
    google.sign_in(SIGN_IN, &[]).await;
    assert_eq!(google.refresh(&refresh_token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_other_form_of_an_ended_session_has_no_description() {
    let google = linus().await;
    let refresh_token = google.offline(CALENDAR).await;
    reauth(&google, &json!({"error_subtype": "rapt_required"})).await;
    let refused = google.refresh(&refresh_token).await;
    assert_eq!(refused.body, json!({"error": "invalid_grant", "error_subtype": "rapt_required"}));
    assert_eq!(reauth(&google, &json!({"error_subtype": "x"})).await, StatusCode::BAD_REQUEST);
    let unknown = google.post("/_emulator/users/nobody@x.example/reauth", &json!({})).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_organization_can_stop_what_it_once_allowed() {
    let google = linus().await;
    let refresh_token = google.offline(CALENDAR).await;
    let internal = json!({
        "id": "emulated-project", "user_type": "internal", "organization": "other.example"
    });
    let external = json!({"id": "emulated-project"});
    let user = |block: &str| json!({"email": "linus@corp.example", "block": block});
    let blocked = json!({"admin_blocked_domains": ["corp.example"]});
    let cases = [
        ("/_emulator/projects", internal, "403 org_internal: "),
        ("/_emulator/projects", external, "200 : "),
        ("/_emulator/users", user("admin_policy"), "400 admin_policy_enforced: "),
        ("/_emulator/users", user("under_age"), "400 access_not_configured: "),
        ("/_emulator/users", user("none"), "200 : "),
        ("/_emulator/profile", blocked, "400 admin_policy_enforced: "),
    ];
    for (path, change, expected) in cases {
        let changed = google.put(path, &change).await.status();
        assert_eq!(changed, StatusCode::OK, "{path} {change}");
        assert_eq!(google.refresh(&refresh_token).await.error(), expected, "{path} {change}");
    }
}

#[tokio::test]
async fn six_months_without_use_end_a_refresh_token_and_use_prolongs_it() {
    let google = Google::with_ada().await;
    let (used, unused) = (google.offline(SIGN_IN).await, {
        let forced = [("access_type", "offline"), ("prompt", "consent")];
        google.sign_in(SIGN_IN, &forced).await.text("refresh_token")
    });
    let month = Duration::from_hours(30 * 24);
    for _ in 0..7 {
        google.emulator.clock().advance(month);
        assert_eq!(google.refresh(&used).await.status, StatusCode::OK);
    }
    assert_eq!(google.refresh(&unused).await.error(), DEAD);
    assert_eq!(google.revoke(&unused).await.error(), "400 invalid_token: Token expired or revoked");
}

#[tokio::test]
async fn a_token_of_a_combined_authorization_keeps_its_scopes_and_an_older_one_does_not_grow() {
    let google = Google::with_ada().await;
    let older = google.offline(SIGN_IN).await;
    let combined = [("access_type", "offline"), ("include_granted_scopes", "true")];
    let combined = google.sign_in(CALENDAR, &combined).await;
    let all = combined.scopes();
    assert_eq!(all.len(), 4);
    let refreshed = google.refresh(&combined.text("refresh_token")).await;
    assert_eq!(refreshed.scopes(), all);
    assert_eq!(google.refresh(&older).await.scopes().len(), 3);
}

#[tokio::test]
async fn a_refreshed_id_token_is_fresh_and_fits_the_new_access_token() {
    let google = Google::with_ada().await;
    let offline = [("access_type", "offline"), ("nonce", "n")];
    let first = google.sign_in(SIGN_IN, &offline).await;
    google.emulator.clock().advance(Duration::from_secs(100));
    let second = google.refresh(&first.text("refresh_token")).await;
    let (before, after) = (first.claims(), second.claims());
    assert!(after["iat"].as_i64().unwrap() - before["iat"].as_i64().unwrap() >= 100);
    assert_ne!(before["at_hash"], after["at_hash"]);
    assert_eq!((&before["nonce"], &after["nonce"]), (&json!("n"), &json!(null)));
    assert_eq!((&before["sub"], &before["name"]), (&after["sub"], &after["name"]));
}

#[tokio::test]
async fn the_answers_date_is_the_second_of_the_id_token() {
    let google = Google::with_ada().await;
    google.emulator.clock().advance(Duration::from_hours(1_000));
    let code = google.code(SIGN_IN, &[]).await;
    let (id, secret) = (google.emulator.client_id(), google.emulator.client_secret());
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", crate::support::CALLBACK),
        ("client_id", id),
        ("client_secret", secret),
    ];
    let response = google.http.post(google.url("/token")).form(&form).send().await.unwrap();
    let date = response.headers()["date"].to_str().unwrap().to_owned();
    let server = response.headers()["server"].clone();
    assert_eq!(server, "scaffolding on HTTPServer2");
    let iat = Answer::of(response).await.claims()["iat"].as_i64().unwrap();
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let date = time::PrimitiveDateTime::parse(&date, format).unwrap().assume_utc();
    assert!((0..=1).contains(&(date.unix_timestamp() - iat)));
}

#[tokio::test]
async fn a_deleted_account_is_named_and_can_be_restored() {
    let google = linus().await;
    let answer = google.sign_in(SIGN_IN, &[("access_type", "offline")]).await;
    let code = google.code(SIGN_IN, &[]).await;
    let path = google.url("/_emulator/users/linus@corp.example");
    let delete = async || google.http.delete(&path).send().await.unwrap().status();
    assert_eq!(delete().await, StatusCode::NO_CONTENT);
    assert_eq!(delete().await, StatusCode::NOT_FOUND);
    let refresh_token = answer.text("refresh_token");
    let gone = "400 invalid_grant: Account has been deleted";
    assert_eq!(google.refresh(&refresh_token).await.error(), gone);
    assert_eq!(google.redeem(&code).await.error(), gone);
    let info =
        google.get(&format!("/tokeninfo?access_token={}", answer.text("access_token"))).await;
    assert_eq!(info.status(), StatusCode::BAD_REQUEST);
    let sub = answer.claims()["sub"].clone();
    let again = json!({"email": "linus@corp.example", "sub": sub});
    google.put("/_emulator/users", &again).await;
    assert_eq!(google.refresh(&refresh_token).await.claims()["sub"], sub);
}

#[tokio::test]
async fn a_provider_that_rotates_gives_a_new_refresh_token_each_time() {
    let google = Google::with_ada().await;
    google.put("/_emulator/profile", &json!({"rotate_refresh_tokens": true})).await;
    let mut refresh_token = google.offline(SIGN_IN).await;
    for _ in 0..2 {
        let next = google.refresh(&refresh_token).await.text("refresh_token");
        assert_eq!(google.refresh(&refresh_token).await.error(), DEAD);
        refresh_token = next;
    }
    google.put("/_emulator/profile", &json!({"rotate_refresh_tokens": false})).await;
    assert_eq!(google.refresh(&refresh_token).await.body.get("refresh_token"), None);
}

#[tokio::test]
async fn a_rotated_refresh_token_goes_on_for_its_grace() {
    let google = Google::with_ada().await;
    let profile = json!({"rotate_refresh_tokens": true, "rotation_grace_seconds": 30});
    google.put("/_emulator/profile", &profile).await;
    let first = google.offline(SIGN_IN).await;
    let second = google.refresh(&first).await.text("refresh_token");
    let again = google.refresh(&first).await.text("refresh_token");
    assert_ne!(second, again);
    google.post("/_emulator/clock", &json!({"advance_seconds": 31})).await;
    assert_eq!(google.refresh(&first).await.error(), DEAD);
    google.refresh(&second).await.text("access_token");
    google.refresh(&again).await.text("access_token");
}

#[tokio::test]
async fn a_browser_that_was_signed_in_does_not_end_the_demand_to_sign_in() {
    let google = linus().await;
    let refresh_token = google.offline(CALENDAR).await;
    let response = google.authorize(SIGN_IN, &[]).send().await.unwrap();
    let cookie = response.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split_once(';').unwrap().0.to_owned();
    google.http.delete(google.url("/_emulator/autopilot")).send().await.unwrap();
    let silent = async || {
        let request = google.authorize(SIGN_IN, &[("prompt", "none")]).header("cookie", &cookie);
        crate::support::Callback::of(&request.send().await.unwrap())
    };
    assert_eq!(silent().await.get("error"), None);
    reauth(&google, &json!({})).await;
    assert_eq!(silent().await.get("error"), Some("interaction_required"));
    let refused = google.refresh(&refresh_token).await;
    assert_eq!(refused.body["error_subtype"], "invalid_rapt");
}
