//! `/token` by kind of client: which secrets are needed, and what is given.

use serde_json::{Value, json};

use crate::support::{ABSENT, CALLBACK, Google, SIGN_IN};

/// Registers a client of a kind and returns its secret.
async fn register(google: &Google, kind: &str) -> String {
    let mut client = json!({"client_id": kind, "kind": kind});
    if kind == "web" {
        client["redirect_uris"] = json!([CALLBACK]);
    }
    let answer = google.put("/_emulator/clients", &client).await;
    let answer: Value = answer.json().await.unwrap();
    answer["clients"][0]["client_secret"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn only_mobile_apps_may_leave_the_secret_out() {
    let google = Google::start().await;
    let missing = "400 invalid_request: client_secret is missing.";
    let passed = "400 invalid_grant: Malformed auth code.";
    let cases = [
        ("web", missing),
        ("desktop", missing),
        ("limited_input", missing),
        ("android", passed),
        ("ios", passed),
    ];
    for (kind, expected) in cases {
        register(&google, kind).await;
        let client = [("client_id", kind), ("client_secret", ABSENT)];
        assert_eq!(google.redeem_with("4/0Ax", &client).await.error(), expected, "{kind}");
        let wrong = [("client_id", kind), ("client_secret", "x")];
        let answer = google.redeem_with("4/0Ax", &wrong).await.error();
        assert_eq!(answer, "401 invalid_client: The provided client secret is invalid.", "{kind}");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_named_in_the_words_of_its_year() {
    let google = Google::start().await;
    google.put("/_emulator/profile", &json!({"secret_error_text": "2024"})).await;
    let answer = google.redeem_with("4/0Ax", &[("client_secret", "x")]).await;
    assert_eq!(answer.error(), "401 invalid_client: Unauthorized");
}

#[tokio::test]
async fn a_client_that_was_deleted_or_disabled_gets_nothing() {
    let google = Google::start().await;
    let secret = register(&google, "web").await;
    let client = [("client_id", "web"), ("client_secret", secret.as_str())];
    let cases = [
        ("deleted", "401 deleted_client: The OAuth client was deleted."),
        ("disabled", "403 disabled_client: The OAuth client was disabled."),
        ("active", "400 invalid_grant: Malformed auth code."),
    ];
    for (status, expected) in cases {
        google.put("/_emulator/clients", &json!({"client_id": "web", "status": status})).await;
        assert_eq!(google.redeem_with("4/0Ax", &client).await.error(), expected, "{status}");
    }
}

#[tokio::test]
async fn an_installed_application_always_gets_a_refresh_token() {
    let google = Google::with_ada().await;
    let secret = register(&google, "desktop").await;
    let uri = "http://127.0.0.1:54321";
    let asked = [("client_id", "desktop"), ("redirect_uri", uri)];
    for round in ["first", "second, without a consent page"] {
        let response = google.authorize(SIGN_IN, &asked).send().await.unwrap();
        let location = crate::support::location(&response);
        let (_, query) = location.split_once('?').unwrap();
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        let code = pairs.find(|(name, _)| name == "code").unwrap().1.into_owned();
        let client = [asked[0], asked[1], ("client_secret", secret.as_str())];
        let answer = google.redeem_with(&code, &client).await;
        assert!(answer.text("refresh_token").starts_with("1//0"), "{round}");
        let info =
            google.json(&format!("/tokeninfo?access_token={}", answer.text("access_token"))).await;
        assert_eq!(info["access_type"], "offline");
    }
}
