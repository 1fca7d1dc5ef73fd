//! Kinds of clients: where each may be answered, and what each is given.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::authorize::error_page;
use crate::support::{CALLBACK, Google, SIGN_IN, location};

const ID: &str = "1234-app.apps.googleusercontent.com";

async fn with_client(kind: &str, more: Value) -> Google {
    let google = Google::with_ada().await;
    let mut client = json!({"client_id": ID, "kind": kind, "redirect_uris": []});
    client.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let response = google.put("/_emulator/clients", &client).await;
    assert_eq!(response.status(), StatusCode::OK, "{}", response.text().await.unwrap());
    google
}

async fn ask(google: &Google, redirect_uri: &str) -> Response {
    let more = [("client_id", ID), ("redirect_uri", redirect_uri)];
    google.authorize(SIGN_IN, &more).send().await.unwrap()
}

/// A kind, a redirect URI, and the error it gets; none means that the answer goes there.
const PLACES: &[(&str, &str, &str)] = &[
    ("web", "https://app.example.com/cb", ""),
    ("web", "https://app.example.com/cb/", "redirect_uri_mismatch"),
    ("web", "https://App.example.com/cb", "redirect_uri_mismatch"),
    ("web", "http://localhost:3000/cb", "redirect_uri_mismatch"),
    ("web", "https://app.example.com/cb#x", "one or more Google validation rules"),
    ("web", "https://ada@app.example.com/cb", "one or more Google validation rules"),
    ("web", "com.example.app:/cb", "not allowed for 'WEB' client type"),
    ("web", "urn:ietf:wg:oauth:2.0:oob", "not allowed for the WEB client type"),
    ("desktop", "http://127.0.0.1:51004/any/path?x=1", ""),
    ("desktop", "http://[::1]:51004", ""),
    ("desktop", "http://localhost", ""),
    ("desktop", "https://app.example.com/cb", ""),
    ("desktop", "https://localhost:1/", "redirect_uri_mismatch"),
    ("desktop", "http://localhost.evil.example/", "redirect_uri_mismatch"),
    ("desktop", "http://127.0.0.1@evil.example/", "one or more Google validation rules"),
    ("desktop", "https://evil.example/", "redirect_uri_mismatch"),
    ("desktop", "urn:ietf:wg:oauth:2.0:oob", "The out-of-band (OOB) flow has been blocked"),
    ("ios", "com.googleusercontent.apps.1234-app:/oauth2redirect", ""),
    ("ios", "com.googleusercontent.apps.1234-other:/oauth2redirect", "redirect_uri_mismatch"),
    ("ios", "http://127.0.0.1:51004", "The loopback flow has been blocked"),
    ("android", "com.googleusercontent.apps.1234-app:/oauth2redirect", ""),
    ("android", "com.googleusercontent.apps.1234-app://x", "Custom schemes cannot have authority"),
    ("android", "myapp:/cb", "redirect_uri_mismatch"),
    ("android", "http://localhost:1/", "The loopback flow has been blocked"),
    ("limited_input", "http://localhost:1/", "redirect_uri_mismatch"),
];

#[tokio::test]
async fn each_kind_of_client_is_answered_only_where_it_may_be() {
    for kind in ["web", "desktop", "ios", "android", "limited_input"] {
        let registered = json!({"redirect_uris": ["https://app.example.com/cb"]});
        let google = with_client(kind, registered).await;
        for (_, uri, error) in PLACES.iter().filter(|(known, _, _)| *known == kind) {
            let response = ask(&google, uri).await;
            let there = location(&response).starts_with(uri);
            assert_eq!(there, error.is_empty(), "{kind} {uri}: {}", location(&response));
            if !error.is_empty() {
                let more = [("client_id", ID), ("redirect_uri", *uri)];
                let page = error_page(&google, SIGN_IN, &more).await;
                assert!(page.contains(error), "{kind} {uri}: {page}");
            }
        }
    }
}

#[tokio::test]
async fn an_app_is_answered_under_a_scheme_it_has_registered() {
    let registered = json!({"redirect_uris": ["com.example.app:/oauth2redirect"]});
    let google = with_client("ios", registered).await;
    let uri = "com.example.app:/another/path";
    assert!(location(&ask(&google, uri).await).starts_with(uri));
}

#[tokio::test]
async fn an_installed_application_is_told_less_and_is_always_offline() {
    let google = with_client("desktop", json!({})).await;
    let location = location(&ask(&google, "http://127.0.0.1:51004/").await);
    let query = location.split_once('?').unwrap().1;
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let names: Vec<_> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["state", "iss", "code", "scope"]);
    assert_eq!(google.events("authorization").await[0]["access_type"], "offline");
}

#[tokio::test]
async fn included_scopes_are_not_for_installed_applications() {
    let google = with_client("desktop", json!({})).await;
    let more = [
        ("client_id", ID),
        ("redirect_uri", "http://127.0.0.1:51004/"),
        ("include_granted_scopes", "true"),
    ];
    google.authorize(SIGN_IN, &more).send().await.unwrap();
    assert_eq!(google.events("authorization").await[0]["include_granted_scopes"], false);
}

#[tokio::test]
async fn a_private_address_needs_a_device() {
    let uri = "http://192.168.0.112:3000/cb";
    let google = with_client("web", json!({"redirect_uris": [uri]})).await;
    let device = [
        ("client_id", ID),
        ("redirect_uri", uri),
        ("device_id", "tv-in-the-hall"),
        ("device_name", "TV"),
    ];
    let page = error_page(&google, SIGN_IN, &device[..3]).await;
    assert!(page.contains(&format!("required for private IP: {uri}")), "{page}");
    let response = google.authorize(SIGN_IN, &device).send().await.unwrap();
    assert!(location(&response).starts_with(uri));
}

/// The rules themselves are proved where they are written; here, that registering goes through them.
#[tokio::test]
async fn a_bad_registration_names_the_uri_and_the_rule() {
    let google = Google::start().await;
    for (field, value, rule) in [
        ("redirect_uris", "http://app.example.com/cb", "https"),
        ("redirect_uris", "https://app.example.com/../cb", "`..`"),
        ("javascript_origins", "https://app.example.com/", "nothing more"),
        ("javascript_origins", "http://app.example.com", "https"),
    ] {
        let client = json!({"client_id": ID, field: [value]});
        let response = google.put("/_emulator/clients", &client).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let problem: Value = response.json().await.unwrap();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(value) && detail.contains(rule) && detail.contains(ID), "{detail}");
    }
    let known = google.json("/_emulator/clients").await;
    assert!(!known.to_string().contains(ID), "nothing was registered");
    assert!(known.to_string().contains(CALLBACK));
}
