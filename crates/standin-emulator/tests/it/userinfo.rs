//! Userinfo and tokeninfo, in all their versions.

use reqwest::StatusCode;
use std::time::Duration;

use crate::support::{Answer, CALENDAR, Google, SIGN_IN};

async fn userinfo(google: &Google, path: &str, token: &str) -> Answer {
    let request = google.http.get(google.url(path)).bearer_auth(token);
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test]
async fn userinfo_says_what_the_scopes_allow_under_each_versions_names() {
    let google = Google::with_ada().await;
    let token = google.sign_in(SIGN_IN, &[]).await.text("access_token");
    for path in ["/v1/userinfo", "/oauth2/v3/userinfo"] {
        let info = userinfo(&google, path, &token).await;
        assert_eq!(info.body["email_verified"], true);
        assert_eq!(info.body["given_name"], "Ada");
        assert_eq!(info.text("sub").len(), 21);
    }
    for path in ["/oauth2/v1/userinfo", "/oauth2/v2/userinfo"] {
        let info = userinfo(&google, path, &token).await;
        assert_eq!(info.body["verified_email"], true);
        assert_eq!(info.text("id").len(), 21);
    }
    let token = google.sign_in("openid", &[]).await.text("access_token");
    let info = userinfo(&google, "/v1/userinfo", &token).await;
    assert_eq!(info.body.as_object().unwrap().len(), 1, "{}", info.raw);
}

#[tokio::test]
async fn a_bad_token_is_refused_in_each_versions_words() {
    let google = Google::with_ada().await;
    let v3 = userinfo(&google, "/oauth2/v3/userinfo", "nonsense").await;
    assert_eq!(v3.error(), "401 invalid_request: Invalid Credentials");
    let v2 = userinfo(&google, "/oauth2/v2/userinfo", "nonsense").await;
    assert_eq!(v2.status, StatusCode::UNAUTHORIZED);
    assert_eq!(v2.body["error"]["status"], "UNAUTHENTICATED");
}

#[tokio::test]
async fn tokeninfo_speaks_in_strings_and_forgets_expired_tokens() {
    let google = Google::with_ada().await;
    let token = google.sign_in(&format!("{SIGN_IN} {CALENDAR}"), &[]).await.text("access_token");
    let v3 = google.json(&format!("/tokeninfo?access_token={token}")).await;
    assert_eq!(v3["email_verified"], "true");
    assert_eq!(v3["access_type"], "online");
    assert_eq!(v3["aud"], google.emulator.client_id());
    assert!(v3["exp"].is_string() && v3["expires_in"].is_string());
    let v1 = google.json(&format!("/oauth2/v1/tokeninfo?access_token={token}")).await;
    assert_eq!(v1["verified_email"], true);
    assert!(v1["expires_in"].is_number());
    google.emulator.clock().advance(Duration::from_hours(1));
    let response = google.get(&format!("/tokeninfo?access_token={token}")).await;
    assert_eq!(Answer::of(response).await.error(), "400 invalid_token: Invalid Value");
}
