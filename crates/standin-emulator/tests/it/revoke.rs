//! `/revoke`: any token ends everything the user gave the project.

use reqwest::StatusCode;

use crate::support::{CALENDAR, Google, SIGN_IN};

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
