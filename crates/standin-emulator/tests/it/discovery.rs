//! Discovery and keys.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Google, SIGN_IN};

#[tokio::test]
async fn every_url_is_on_the_emulators_own_origin() {
    let google = Google::start().await;
    let document = google.json("/.well-known/openid-configuration").await;
    assert_eq!(document["issuer"], google.emulator.origin());
    for (name, value) in document.as_object().unwrap() {
        if name.ends_with("_endpoint") || name.ends_with("_uri") {
            assert!(value.as_str().unwrap().starts_with(google.emulator.origin()), "{name}");
        }
    }
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
}

#[tokio::test]
async fn the_signing_key_is_published_and_caching_is_said_out_loud() {
    let google = Google::with_ada().await;
    let kid = google.sign_in(SIGN_IN, &[]).await.header()["kid"].clone();
    let response = google.get("/oauth2/v3/certs").await;
    let caching = response.headers()["cache-control"].to_str().unwrap().to_owned();
    assert!(caching.starts_with("public, max-age=") && caching.contains("no-transform"));
    let keys: serde_json::Value = response.json().await.unwrap();
    let keys = keys["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().any(|key| key["kid"] == kid));
    for key in keys {
        assert_eq!(key["n"].as_str().unwrap().len(), 342);
        assert_eq!(key["kid"].as_str().unwrap().len(), 40);
    }
}

#[tokio::test]
async fn id_tokens_verify_with_the_published_key() {
    let google = Google::with_ada().await;
    let id_token = google.sign_in(SIGN_IN, &[]).await.text("id_token");
    let info = google.get(&format!("/tokeninfo?id_token={id_token}")).await;
    assert_eq!(info.status(), StatusCode::OK);
    let info: serde_json::Value = info.json().await.unwrap();
    assert_eq!(info["email_verified"], "true", "v3 says everything in strings");
}

#[tokio::test]
async fn a_rotation_changes_the_key_that_signs_and_two_drop_the_old_one() {
    let google = Google::with_ada().await;
    let before = google.sign_in(SIGN_IN, &[]).await;
    let verifies = async |id_token: &str| {
        google.get(&format!("/tokeninfo?id_token={id_token}")).await.status() == StatusCode::OK
    };
    let id_token = before.text("id_token");
    google.post("/_emulator/keys/rotate", &json!({})).await;
    let after = google.sign_in(SIGN_IN, &[]).await;
    assert_ne!(before.header()["kid"], after.header()["kid"]);
    assert!(verifies(&id_token).await && verifies(&after.text("id_token")).await);
    google.post("/_emulator/keys/rotate", &json!({})).await;
    assert!(!verifies(&id_token).await && verifies(&after.text("id_token")).await);
}

#[tokio::test]
async fn unknown_paths_and_wrong_verbs_are_googles_404() {
    let google = Google::start().await;
    assert_eq!(google.get("/nowhere").await.status(), StatusCode::NOT_FOUND);
    let response = google.post("/oauth2/v3/certs", &json!({})).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert!(response.text().await.unwrap().contains("Error 404 (Not Found)!!1"));
}
