//! Discovery and keys.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

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

/// The names of an object's members as they stand in the text.
fn order(raw: &str) -> Vec<&str> {
    let lines = raw.lines().filter_map(|line| line.strip_prefix("  \""));
    lines.filter_map(|line| line.split_once('"')).map(|(name, _)| name).collect()
}

const GOOGLES: [&str; 15] = [
    "issuer",
    "authorization_endpoint",
    "device_authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "revocation_endpoint",
    "jwks_uri",
    "response_types_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "scopes_supported",
    "token_endpoint_auth_methods_supported",
    "claims_supported",
    "code_challenge_methods_supported",
    "grant_types_supported",
];

#[tokio::test]
async fn the_document_is_googles_member_by_member() {
    let google = Google::start().await;
    let path = "/.well-known/openid-configuration";
    let response = google.get(path).await;
    assert_eq!(response.headers()["cache-control"], "public, max-age=3600");
    assert_eq!(response.headers()["content-type"], "application/json");
    let raw = response.text().await.unwrap();
    let today = [&GOOGLES[..], &["response_modes_supported"]].concat();
    let today = [&today[..], &["authorization_response_iss_parameter_supported"]].concat();
    assert_eq!(order(&raw), today);
    google.put("/_emulator/profile", &json!({"discovery_2026": false})).await;
    let raw = google.get(path).await.text().await.unwrap();
    assert_eq!(order(&raw), GOOGLES);
    let document: Value = serde_json::from_str(&raw).unwrap();
    assert_eq!(document["response_types_supported"].as_array().unwrap().len(), 8);
    assert_eq!(document["code_challenge_methods_supported"], json!(["plain", "S256"]));
    assert_eq!(
        document["grant_types_supported"],
        json!([
            "authorization_code",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
            "urn:ietf:params:oauth:grant-type:jwt-bearer"
        ])
    );
}

fn max_age(response: &reqwest::Response) -> i64 {
    let caching = response.headers()["cache-control"].to_str().unwrap();
    let seconds = caching.strip_prefix("public, max-age=").unwrap();
    let seconds = seconds.strip_suffix(", must-revalidate, no-transform").unwrap();
    seconds.parse().unwrap()
}

#[tokio::test]
async fn the_signing_key_is_published_and_caching_is_said_out_loud() {
    let google = Google::with_ada().await;
    let kid = google.sign_in(SIGN_IN, &[]).await.header()["kid"].clone();
    let response = google.get("/oauth2/v3/certs").await;
    assert_eq!((max_age(&response), &response.headers()["age"]), (21_600, &"0".parse().unwrap()));
    let keys: Value = response.json().await.unwrap();
    let keys = keys["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().any(|key| key["kid"] == kid));
    for key in keys {
        assert_eq!(key.as_object().unwrap().len(), 6);
        assert_eq!(key["n"].as_str().unwrap().len(), 342);
        assert_eq!(key["kid"].as_str().unwrap().len(), 40);
    }
}

#[tokio::test]
async fn the_time_to_keep_keys_shrinks_as_the_cache_ages() {
    let google = Google::start().await;
    assert_eq!(max_age(&google.get("/oauth2/v3/certs").await), 21_600);
    google.emulator.clock().advance(Duration::from_secs(2_000));
    let later = google.get("/oauth2/v3/certs").await;
    let age: i64 = later.headers()["age"].to_str().unwrap().parse().unwrap();
    assert!((2_000..2_600).contains(&age), "{age}");
    assert_eq!(max_age(&later), 21_600 - age);
    let expires = &later.headers()["expires"];
    assert_ne!(expires, &later.headers()["date"]);
}

#[tokio::test]
async fn no_two_fetches_need_have_the_same_order() {
    let google = Google::start().await;
    let mut texts = std::collections::BTreeSet::new();
    for _ in 0..20 {
        texts.insert(google.get("/oauth2/v3/certs").await.text().await.unwrap());
    }
    assert!(texts.len() > 1, "the order of 2 keys and 6 members cannot be the same 20 times");
}

#[tokio::test]
async fn the_older_map_holds_the_same_keys_in_certificates() {
    let google = Google::start().await;
    let keys = google.json("/oauth2/v3/certs").await;
    let map = google.json("/oauth2/v1/certs").await;
    assert_eq!(map.as_object().unwrap().len(), 2);
    for key in keys["keys"].as_array().unwrap() {
        let pem = map[key["kid"].as_str().unwrap()].as_str().unwrap();
        let body = pem.strip_prefix("-----BEGIN CERTIFICATE-----\n").unwrap();
        let body = body.strip_suffix("-----END CERTIFICATE-----\n").unwrap().replace('\n', "");
        let der = data_encoding::BASE64.decode(body.as_bytes()).unwrap();
        let n = key["n"].as_str().unwrap();
        let n = data_encoding::BASE64URL_NOPAD.decode(n.as_bytes()).unwrap();
        assert!(der.windows(n.len()).any(|window| window == n));
    }
    let again = google.json("/oauth2/v1/certs").await;
    assert_eq!(map, again);
}

/// With a library that is neither the emulator's nor the product's.
#[tokio::test]
async fn id_tokens_verify_with_the_published_key() {
    let google = Google::with_ada().await;
    let answer = google.sign_in(SIGN_IN, &[]).await;
    let kid = answer.header()["kid"].clone();
    let keys = google.json("/oauth2/v3/certs").await;
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap();
    let (n, e) = (key["n"].as_str().unwrap(), key["e"].as_str().unwrap());
    let key = jsonwebtoken::DecodingKey::from_rsa_components(n, e).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    validation.set_audience(&[google.emulator.client_id()]);
    validation.set_issuer(&[google.emulator.origin()]);
    let id_token = answer.text("id_token");
    let verified = jsonwebtoken::decode::<Value>(&id_token, &key, &validation).unwrap();
    assert_eq!(verified.claims["email"], "ada@example.com");
}

#[tokio::test]
async fn a_key_can_be_shown_before_it_signs() {
    let google = Google::with_ada().await;
    let published = google.post("/_emulator/keys/publish", &json!({})).await;
    let published: Value = published.json().await.unwrap();
    assert_eq!(published["kids"].as_array().unwrap().len(), 3);
    let keys = google.json("/oauth2/v3/certs").await;
    assert_eq!(keys["keys"].as_array().unwrap().len(), 3);
    let kid = google.sign_in(SIGN_IN, &[]).await.header()["kid"].clone();
    assert_eq!((&kid, &kid), (&published["kids"][1], &published["signs"]));
    google.post("/_emulator/keys/rotate", &json!({})).await;
    let kid = google.sign_in(SIGN_IN, &[]).await.header()["kid"].clone();
    assert_eq!(kid, published["kids"][2]);
}

#[tokio::test]
async fn keys_move_by_googles_schedule_if_told_to() {
    let google = Google::start().await;
    let kids = async || {
        let keys = google.json("/oauth2/v3/certs").await;
        let kids = keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone());
        kids.collect::<Vec<_>>()
    };
    let before = kids().await;
    google.emulator.clock().advance(Duration::from_hours(24 * 24));
    assert!(kids().await.iter().all(|kid| before.contains(kid)), "nothing moves by itself");
    google.put("/_emulator/profile", &json!({"scheduled_keys": true})).await;
    kids().await;
    google.emulator.clock().advance(Duration::from_hours(24 * 24));
    assert!(kids().await.iter().all(|kid| !before.contains(kid)));
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

#[tokio::test]
async fn pages_of_other_origins_may_call_what_google_lets_them_call() {
    let google = Google::start().await;
    let origin = "http://app.example";
    let preflight = |path: &str| {
        let request = google.http.request(reqwest::Method::OPTIONS, google.url(path));
        let request =
            request.header("origin", origin).header("access-control-request-method", "POST");
        request.header("access-control-request-headers", "authorization").send()
    };
    for path in ["/token", "/revoke", "/oauth2/v3/userinfo", "/v1/userinfo", "/tokeninfo"] {
        let answer = preflight(path).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(answer.headers()["access-control-allow-origin"], origin);
        assert_eq!(answer.headers()["access-control-allow-headers"], "authorization");
    }
    assert_eq!(preflight("/o/oauth2/v2/auth").await.unwrap().status(), StatusCode::NOT_FOUND);
    let answer = google.http.post(google.url("/token")).header("origin", origin).send().await;
    assert_eq!(answer.unwrap().headers()["access-control-allow-origin"], origin);
}

#[tokio::test]
async fn a_provider_may_have_a_single_key() {
    let google = Google::with_ada().await;
    google.put("/_emulator/profile", &json!({ "lone_key": true })).await;
    let keys = google.json("/oauth2/v3/certs").await;
    let [key] = &keys["keys"].as_array().unwrap()[..] else { panic!("{keys}") };
    assert_eq!(key["kid"], google.sign_in(SIGN_IN, &[]).await.header()["kid"]);
}

#[tokio::test]
async fn an_end_of_session_is_there_only_if_told_to() {
    let google = Google::with_ada().await;
    let named = async || {
        let document = google.json("/.well-known/openid-configuration").await;
        document["end_session_endpoint"].as_str().map(str::to_owned)
    };
    assert_eq!(named().await, None);
    google.put("/_emulator/profile", &json!({"end_session": true})).await;
    let endpoint = named().await.unwrap();
    assert_eq!(endpoint, format!("{}/_emulator/end-session", google.emulator.origin()));

    let clients = google.json("/_emulator/clients").await;
    let registered = clients["clients"][0]["redirect_uris"][0].as_str().unwrap().to_owned();
    let origin = url::Url::parse(&registered).unwrap().origin().ascii_serialization();
    let ask = async |client_id: &str, back: &str| {
        let query = format!("client_id={client_id}&post_logout_redirect_uri={back}&state=s1");
        google.get(&format!("/_emulator/end-session?{query}&logout_hint=ada@example.com")).await
    };
    let own = google.emulator.client_id();
    let answer = ask(own, &format!("{origin}/bye")).await;
    assert_eq!(answer.headers()["location"], format!("{origin}/bye?state=s1"));
    for (client_id, back) in [
        ("nobody", format!("{origin}/bye")),
        (own, "https://evil.example/".into()),
        (own, "x".into()),
    ] {
        assert_eq!(ask(client_id, &back).await.status(), StatusCode::BAD_REQUEST, "{back}");
    }
    let ledger = google.json("/_emulator/ledger?kind=session_ended").await;
    assert_eq!(ledger["events"].as_array().unwrap().len(), 1);
    assert_eq!(ledger["events"][0]["user"], "ada@example.com");
}
