//! Userinfo and tokeninfo, in all their versions.

use reqwest::StatusCode;
use serde_json::{Value, json};
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
    for path in ["/oauth2/v1/userinfo", "/oauth2/v2/userinfo", "/userinfo/v2/me"] {
        let info = userinfo(&google, path, &token).await;
        assert_eq!(info.body["verified_email"], true);
        assert_eq!(info.text("id").len(), 21);
    }
    let token = google.sign_in("openid", &[]).await.text("access_token");
    let info = userinfo(&google, "/v1/userinfo", &token).await;
    assert_eq!(info.body.as_object().unwrap().len(), 1, "{}", info.raw);
}

#[tokio::test]
async fn an_organization_is_told_with_the_address_or_the_name_only() {
    let google = Google::start().await;
    google.autopilot(json!({"user": "linus@corp.example", "decision": "allow"})).await;
    for (scope, expected) in [
        ("openid", Value::Null),
        ("openid email", json!("corp.example")),
        ("openid profile", json!("corp.example")),
    ] {
        let token = google.sign_in(scope, &[]).await.text("access_token");
        let info = userinfo(&google, "/v1/userinfo", &token).await;
        assert_eq!(info.body["hd"], expected, "{scope}");
    }
}

#[tokio::test]
async fn a_user_has_a_picture_that_can_be_fetched() {
    let google = Google::with_ada().await;
    let token = google.sign_in(SIGN_IN, &[]).await.text("access_token");
    let url = userinfo(&google, "/v1/userinfo", &token).await.text("picture");
    let picture = google.http.get(url).send().await.unwrap();
    assert_eq!(picture.status(), StatusCode::OK);
    assert_eq!(picture.headers()["content-type"], "image/svg+xml");
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

#[tokio::test]
async fn tokeninfo_reads_its_token_from_everywhere() {
    let google = Google::with_ada().await;
    let answer = google.sign_in(SIGN_IN, &[]).await;
    let (access, id) = (answer.text("access_token"), answer.text("id_token"));
    let path = |name: &str| google.url(&format!("/tokeninfo{name}"));
    let requests = [
        google.http.get(path(&format!("?access_token={access}"))),
        google.http.post(path(&format!("?access_token={access}"))),
        google.http.post(path("")).bearer_auth(&access),
        google.http.post(path("")).form(&[("access_token", &access)]),
        google.http.post(path("")).form(&[("id_token", &id)]),
        google.http.post(path("")).json(&json!({"access_token": access})),
        google.http.post(path("")).json(&json!({"id_token": id})),
    ];
    for (index, request) in requests.into_iter().enumerate() {
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/json; charset=UTF-8");
        let info: Value = response.json().await.unwrap();
        assert_eq!(info["aud"], google.emulator.client_id(), "{index}");
        assert!(info.as_object().unwrap().values().all(Value::is_string), "{info}");
    }
    let nothing = google.http.post(path("")).send().await.unwrap();
    assert_eq!(Answer::of(nothing).await.error(), "400 invalid_request: Bad Request");
}

#[tokio::test]
async fn tokeninfo_repeats_an_id_token_in_its_own_order_and_adds_the_header() {
    let google = Google::with_ada().await;
    let id_token = google.sign_in(SIGN_IN, &[("nonce", "n")]).await.text("id_token");
    let raw = google.get(&format!("/tokeninfo?id_token={id_token}")).await.text().await.unwrap();
    let order = [
        "iss",
        "azp",
        "aud",
        "sub",
        "email",
        "email_verified",
        "at_hash",
        "nonce",
        "name",
        "picture",
        "given_name",
        "family_name",
        "iat",
        "exp",
        "alg",
        "kid",
        "typ",
    ];
    let positions = order.map(|name| raw.find(&format!("\"{name}\":")).expect(name));
    assert!(positions.is_sorted(), "{raw}");
    let older = google.json(&format!("/oauth2/v1/tokeninfo?id_token={id_token}")).await;
    assert_eq!(older["issuer"], google.emulator.origin());
    assert_eq!(older["issued_to"], google.emulator.client_id());
    assert!(older["expires_in"].is_number() && older["issued_at"].is_number());
    let (message, _) = id_token.rsplit_once('.').unwrap();
    let spoilt = google.get(&format!("/tokeninfo?id_token={message}.AAAA")).await;
    assert_eq!(Answer::of(spoilt).await.error(), "400 invalid_token: Invalid Value");
}

#[tokio::test]
async fn a_provider_may_tell_names_at_userinfo_only() {
    let google = Google::with_ada().await;
    google.put("/_emulator/profile", &json!({ "terse_id_tokens": true })).await;
    let answer = google.sign_in(SIGN_IN, &[]).await;
    let claims = answer.claims();
    assert!(claims["email"].is_null() && claims["name"].is_null(), "{claims}");
    let told = userinfo(&google, "/v1/userinfo", &answer.text("access_token")).await;
    assert_eq!((&told.body["sub"], &told.body["given_name"]), (&claims["sub"], &json!("Ada")));
    assert_eq!(google.events("userinfo_read").await.len(), 1);
    userinfo(&google, "/v1/userinfo", "ya29.nobodys").await;
    assert_eq!(google.events("userinfo_read").await.len(), 1);
}
