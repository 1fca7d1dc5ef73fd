//! `/revoke`: any token ends everything the user gave the project.

use reqwest::StatusCode;

use crate::support::{Answer, CALENDAR, Google, SIGN_IN};

#[tokio::test]
async fn any_token_ends_the_projects_whole_grant() {
    let google = Google::with_ada().await;
    let refresh_token = google.offline(CALENDAR).await;
    let access_token = google.sign_in(SIGN_IN, &[]).await.text("access_token");
    let answer = google.revoke(&access_token).await;
    assert_eq!((answer.status, answer.raw.as_str()), (StatusCode::OK, "{}"));
    let refreshed = google.refresh(&refresh_token).await;
    assert_eq!(refreshed.error(), "400 invalid_grant: Token has been expired or revoked.");
    let again = google.revoke(&access_token).await;
    assert_eq!(again.error(), "400 invalid_token: Token expired or revoked");
    let callback = google.callback(CALENDAR, &[]).await;
    assert_eq!(callback.get("prompt"), Some("consent"), "the grant is gone too");
    assert_eq!(google.events("revoked").await.len(), 1);
}

#[tokio::test]
async fn another_users_grant_is_left_alone() {
    let google = Google::with_ada().await;
    let ada = google.offline(CALENDAR).await;
    let grace = serde_json::json!({"user": "grace@example.com", "decision": "allow"});
    google.autopilot(grace).await;
    let grace = google.offline(CALENDAR).await;
    google.revoke(&grace).await;
    assert_eq!(google.refresh(&ada).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_old_path_takes_get_and_the_new_one_does_not() {
    let google = Google::with_ada().await;
    let token = google.sign_in(SIGN_IN, &[]).await.text("access_token");
    let new = google.get(&format!("/revoke?token={token}")).await;
    assert_eq!(new.status(), StatusCode::NOT_FOUND);
    let old = google.get(&format!("/o/oauth2/revoke?token={token}")).await;
    assert_eq!(old.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_old_path_calls_a_scripts_function_back() {
    let google = Google::with_ada().await;
    let token = google.sign_in(SIGN_IN, &[]).await.text("access_token");
    let bad = google.get(&format!("/o/oauth2/revoke?token={token}&callback=alert(1)//")).await;
    assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
    let path = format!("/o/oauth2/revoke?token={token}&callback=app.done_1");
    let good = google.get(&path).await;
    assert_eq!(good.headers()["content-type"], "application/javascript; charset=utf-8");
    assert_eq!(good.text().await.unwrap(), "// API callback\napp.done_1({});");
    let again = google.get(&path).await;
    assert_eq!(again.status(), StatusCode::BAD_REQUEST);
    assert!(again.text().await.unwrap().contains("Token expired or revoked"));
}

#[tokio::test]
async fn the_token_comes_in_a_form_or_in_the_query() {
    let google = Google::with_ada().await;
    let token = google.sign_in(SIGN_IN, &[]).await.text("access_token");
    let empty = google.http.post(google.url("/revoke")).send().await.unwrap();
    assert_eq!(Answer::of(empty).await.error(), "400 invalid_request: Bad Request");
    let query = google.http.post(google.url(&format!("/revoke?token={token}"))).send().await;
    let query = query.unwrap();
    assert_eq!(query.status(), StatusCode::OK);
    assert_eq!(query.headers()["server"], "ESF");
}

#[tokio::test]
async fn a_code_of_a_revoked_grant_is_dead_and_not_unknown() {
    let google = Google::with_ada().await;
    let tokens = google.sign_in(SIGN_IN, &[]).await;
    let (spent, unspent) = (google.code(SIGN_IN, &[]).await, google.code(SIGN_IN, &[]).await);
    assert_eq!(google.redeem(&spent).await.status, StatusCode::OK);
    google.revoke(&tokens.text("access_token")).await;
    for code in [spent, unspent] {
        assert_eq!(google.redeem(&code).await.error(), "400 invalid_grant: Bad Request");
    }
    let invented = google.redeem("4/0Ainvented").await;
    assert_eq!(invented.error(), "400 invalid_grant: Malformed auth code.");
}
