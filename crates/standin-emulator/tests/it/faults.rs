//! Every fault does what it is named after, once, and is written down.

use std::collections::HashMap;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Answer, CALENDAR, DRIVE, Google, SIGN_IN, location, payload};

const OFFLINE: [(&str, &str); 1] = [("access_type", "offline")];

/// A sign-in whose token answer is spoiled by one fault.
async fn spoiled(fault: Value) -> (Google, Answer) {
    let google = Google::with_ada().await;
    google.fault(fault).await;
    let answer = google.sign_in(SIGN_IN, &[OFFLINE[0], ("nonce", "n")]).await;
    (google, answer)
}

fn token(fault: &str) -> Value {
    json!({"endpoint": "token", "fault": fault})
}

#[tokio::test]
async fn a_status_is_answered_without_doing_anything() {
    let google = Google::with_ada().await;
    let code = google.code(SIGN_IN, &[]).await;
    google
        .fault(json!({
            "endpoint": "token", "fault": "status", "status": 503, "retry_after": 7, "times": 2,
            "body": {"error": "temporarily_unavailable"}
        }))
        .await;
    let response = google.http.post(google.url("/token")).send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "7");
    let faults = google.json("/_emulator/faults").await;
    assert_eq!(faults["faults"], json!([{"endpoint": "token", "fault": "status", "remaining": 1}]));
    let answer = google.redeem(&code).await;
    assert_eq!(
        (answer.status, answer.text("error")),
        (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable".to_owned())
    );
    assert_eq!(google.redeem(&code).await.status, StatusCode::OK);
    assert_eq!(google.events("fault_used").await.len(), 2);
}

#[tokio::test]
async fn a_time_to_come_back_may_be_a_date() {
    let google = Google::start().await;
    let date = "Fri, 31 Dec 2399 23:59:59 GMT";
    let fault = json!({
        "endpoint": "token", "fault": "status", "status": 429, "retry_after": date
    });
    google.fault(fault).await;
    let response = google.http.post(google.url("/token")).send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], date);
}

#[tokio::test]
async fn a_delay_is_only_a_delay() {
    let google = Google::start().await;
    google.fault(json!({"endpoint": "jwks", "fault": "delay", "delay_ms": 1})).await;
    assert_eq!(google.get("/oauth2/v3/certs").await.status(), StatusCode::OK);
    google.fault(json!({"endpoint": "jwks", "fault": "delay", "delay_ms": 3_600_000})).await;
    let meanwhile = async {
        let next = &google.json("/_emulator/ledger").await["next"];
        let path = format!("/_emulator/ledger?kind=fault_used&after={next}&wait_seconds=20");
        let slow = google.get("/oauth2/v3/certs");
        tokio::select! {
            _ = slow => panic!("answered an hour too early"),
            ledger = google.json(&path) => ledger,
        }
    };
    assert_eq!(meanwhile.await["events"][0]["fault"], "delay");
    // What comes after it is not delayed, and the delayed one is still to be answered.
    assert_eq!(google.get("/oauth2/v3/certs").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_connection_dropped_before_leaves_the_code_alone() {
    let google = Google::with_ada().await;
    let code = google.code(SIGN_IN, &[]).await;
    google.fault(token("drop_before")).await;
    assert!(google.http.post(google.url("/token")).send().await.is_err());
    assert_eq!(google.redeem(&code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_connection_dropped_after_has_done_it_all() {
    let google = Google::with_ada().await;
    let refresh_token = google.offline(SIGN_IN).await;
    google.put("/_emulator/profile", &json!({"rotate_refresh_tokens": true})).await;
    google.fault(token("drop_after")).await;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.as_str()),
        ("client_id", google.emulator.client_id()),
        ("client_secret", google.emulator.client_secret()),
    ];
    assert!(google.http.post(google.url("/token")).form(&form).send().await.is_err());
    assert_eq!(google.events("token_refreshed").await.len(), 1);
    let lost = google.refresh(&refresh_token).await;
    assert_eq!(lost.error(), "400 invalid_grant: Token has been expired or revoked.");
}

#[tokio::test]
async fn malformed_is_200_with_half_a_json_or_with_the_body_given() {
    let (google, answer) = spoiled(token("malformed")).await;
    assert_eq!((answer.status, &answer.body), (StatusCode::OK, &Value::Null));
    google.fault(json!({"endpoint": "jwks", "fault": "malformed", "body": "<html>"})).await;
    assert_eq!(google.get("/oauth2/v3/certs").await.text().await.unwrap(), "<html>");
}

#[tokio::test]
async fn id_tokens_can_be_wrong_in_every_claim() {
    let claim =
        async |fault: &str, name: &str| spoiled(token(fault)).await.1.claims()[name].clone();
    assert_eq!(claim("wrong_iss", "iss").await, "https://issuer.invalid");
    assert_ne!(claim("wrong_nonce", "nonce").await, "n");
    assert_eq!(claim("other_subject", "sub").await, "999999999999999999999");
    let (google, answer) = spoiled(token("wrong_aud")).await;
    assert_ne!(answer.claims()["aud"], google.emulator.client_id());
    let (google, answer) = spoiled(token("expired")).await;
    let now = google.json("/_emulator/clock").await["now"].as_i64().unwrap();
    assert!(answer.claims()["exp"].as_i64().unwrap() < now - 3000);
    let claims = json!({"claims": {"email": null, "groups": ["a"]}, "header": {"typ": "at+jwt"},
        "endpoint": "token", "fault": "id_token_claims"});
    let (_, answer) = spoiled(claims).await;
    assert_eq!(answer.claims()["groups"], json!(["a"]));
    assert!(answer.claims()["email"].is_null());
    assert_eq!(answer.header()["typ"], "at+jwt");
}

#[tokio::test]
async fn id_tokens_can_be_signed_wrongly() {
    let verifies = async |google: &Google, answer: &Answer| {
        let path = format!("/tokeninfo?id_token={}", answer.text("id_token"));
        google.get(&path).await.status() == StatusCode::OK
    };
    let (google, answer) = spoiled(token("alg_none")).await;
    assert_eq!(answer.header()["alg"], "none");
    assert!(answer.text("id_token").ends_with('.') && !verifies(&google, &answer).await);
    let (google, answer) = spoiled(token("bad_signature")).await;
    assert!(!verifies(&google, &answer).await);
    assert!(verifies(&google, &google.sign_in(SIGN_IN, &[]).await).await, "once is once");
    let (google, answer) = spoiled(token("unknown_kid")).await;
    let keys = google.json("/oauth2/v3/certs").await;
    let kid = answer.header()["kid"].clone();
    assert!(!keys["keys"].as_array().unwrap().iter().any(|key| key["kid"] == kid));
}

/// What is ordered at the authorization endpoint spoils its own ID token, and the token endpoint's stays good.
#[tokio::test]
async fn the_front_channels_id_token_can_be_wrong_too() {
    let google = Google::with_ada().await;
    for (fault, claims, claim, value) in [
        ("wrong_nonce", Value::Null, "nonce", json!("a-nonce-nobody-sent")),
        ("other_subject", Value::Null, "sub", json!("999999999999999999999")),
        ("id_token_claims", json!({"c_hash": null}), "c_hash", Value::Null),
        ("id_token_claims", json!({"c_hash": "x"}), "c_hash", json!("x")),
    ] {
        let mut script = json!({"endpoint": "authorize", "fault": fault});
        if claims.is_object() {
            script["claims"] = claims;
        }
        google.fault(script).await;
        let front = hybrid(&google).await;
        assert_eq!(payload(&front["id_token"])[claim], value, "{fault}");
        let back = google.redeem(&front["code"]).await.claims();
        assert_eq!(
            (&back["nonce"], back["sub"].as_str().unwrap().len()),
            (&json!("n"), 21),
            "{fault}"
        );
    }
    google.fault(json!({"endpoint": "authorize", "fault": "alg_none"})).await;
    assert!(hybrid(&google).await["id_token"].ends_with('.'));
}

/// What a hybrid request is answered with.
async fn hybrid(google: &Google) -> HashMap<String, String> {
    let request = [("response_type", "code id_token"), ("nonce", "n")];
    let answer = location(&google.authorize(SIGN_IN, &request).send().await.unwrap());
    let (_, fragment) = answer.split_once('#').unwrap();
    form_urlencoded::parse(fragment.as_bytes()).into_owned().collect()
}

#[tokio::test]
async fn the_answer_can_lack_or_change_fields() {
    let (_, answer) = spoiled(token("no_refresh_token")).await;
    assert!(answer.status.is_success() && answer.body["refresh_token"].is_null());
    let fields = json!({"endpoint": "token", "fault": "token_response",
        "fields": {"expires_in": "soon", "token_type": null}});
    let (_, answer) = spoiled(fields).await;
    assert_eq!(answer.body["expires_in"], "soon");
    assert!(answer.body.get("token_type").is_none());
    let google = Google::with_ada().await;
    google.fault(json!({"endpoint": "token", "fault": "narrow_scope", "scopes": [DRIVE]})).await;
    let answer = google.sign_in(&format!("{CALENDAR} {DRIVE}"), &[]).await;
    assert_eq!(answer.scopes(), [CALENDAR]);
}

#[tokio::test]
async fn refusals_can_be_ordered_and_cost_nothing() {
    let google = Google::with_ada().await;
    let refresh_token = google.offline(SIGN_IN).await;
    google
        .post("/_emulator/faults", &json!([token("invalid_grant"), token("invalid_client")]))
        .await;
    let first = google.refresh(&refresh_token).await;
    assert_eq!(first.error(), "400 invalid_grant: Token has been expired or revoked.");
    let second = google.refresh(&refresh_token).await;
    assert_eq!(second.error(), "401 invalid_client: The provided client secret is invalid.");
    assert_eq!(google.refresh(&refresh_token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_rotation_gives_a_new_refresh_token_and_kills_the_old_one() {
    let google = Google::with_ada().await;
    let old = google.offline(SIGN_IN).await;
    google.fault(token("rotate")).await;
    let new = google.refresh(&old).await.text("refresh_token");
    assert_eq!(google.refresh(&old).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(google.refresh(&new).await.status, StatusCode::OK);
    let refreshed = &google.events("token_refreshed").await[0];
    assert_ne!(refreshed["refresh_token_sha256"], refreshed["new_refresh_token_sha256"]);
}

#[tokio::test]
async fn other_endpoints_have_their_faults_too() {
    let google = Google::with_ada().await;
    google.fault(json!({"endpoint": "discovery", "fault": "wrong_iss"})).await;
    let document = google.json("/.well-known/openid-configuration").await;
    assert_eq!(document["issuer"], "https://issuer.invalid");
    google.fault(json!({"endpoint": "authorize", "fault": "wrong_iss"})).await;
    let callback = google.callback(SIGN_IN, &[]).await;
    assert_eq!(callback.get("iss"), Some("https://issuer.invalid"));
    let access_token = google.redeem(&callback.code()).await.text("access_token");
    google.fault(json!({"endpoint": "userinfo", "fault": "other_subject"})).await;
    let info = google.json(&format!("/v1/userinfo?access_token={access_token}")).await;
    assert_eq!(info["sub"], "999999999999999999999");
    for (endpoint, path) in [
        ("api", "/drive/v3/files"),
        ("revoke", "/o/oauth2/revoke"),
        ("tokeninfo", "/tokeninfo"),
        ("userinfo", "/oauth2/v2/userinfo"),
    ] {
        google.fault(json!({"endpoint": endpoint, "fault": "status", "status": 429})).await;
        assert_eq!(google.get(path).await.status(), StatusCode::TOO_MANY_REQUESTS, "{endpoint}");
    }
}

#[tokio::test]
async fn what_was_queued_can_be_taken_back() {
    let google = Google::start().await;
    google.fault(json!({"endpoint": "jwks", "fault": "drop_before", "times": 9})).await;
    google.http.delete(google.url("/_emulator/faults")).send().await.unwrap();
    assert_eq!(google.get("/oauth2/v3/certs").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_held_request_waits_until_somebody_lets_go() {
    let google = Google::with_ada().await;
    let refresh_token = google.offline(SIGN_IN).await;
    google.fault(json!({"endpoint": "token", "fault": "invalid_grant", "held": true})).await;
    google.fault(json!({"endpoint": "jwks", "fault": "hold"})).await;
    let meanwhile = async {
        let path = "/_emulator/ledger?kind=fault_used&wait_seconds=20";
        google.json(path).await;
        // What comes after it is not held: the fault was for one request.
        let other = google.refresh(&refresh_token).await;
        assert_eq!(other.status, StatusCode::OK);
        google.post("/_emulator/faults/release", &json!({})).await;
    };
    let (held, ()) = tokio::join!(google.refresh(&refresh_token), meanwhile);
    assert_eq!(held.error(), "400 invalid_grant: Token has been expired or revoked.");
    let next = &google.json("/_emulator/ledger").await["next"];
    let path = format!("/_emulator/ledger?kind=fault_used&after={next}&wait_seconds=20");
    let keys = async {
        google.json(&path).await;
        google.http.delete(google.url("/_emulator/faults")).send().await.unwrap();
    };
    let (answer, ()) = tokio::join!(google.get("/oauth2/v3/certs"), keys);
    assert_eq!(answer.status(), StatusCode::OK);
}
