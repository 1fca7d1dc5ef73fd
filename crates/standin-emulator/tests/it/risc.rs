//! Cross-Account Protection: the stream API, and events as a receiver gets them.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode as Answered};
use axum::routing::post;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::service_accounts::Robot;
use crate::support::{CALENDAR, Google, SIGN_IN};

const AUDIENCE: &str =
    "https://risc.googleapis.com/google.identity.risc.v1beta.RiscManagementService";
const PUSH: &str = "https://schemas.openid.net/secevent/risc/delivery-method/push";
const DISABLED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
const SESSIONS: &str = "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked";
const TOKEN: &str = "https://schemas.openid.net/secevent/oauth/event-type/token-revoked";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/risc/event-type/verification";

/// An application's receiver: keeps what it gets, and answers what it was told to.
#[derive(Clone, Default)]
struct Receiver {
    got: Arc<Mutex<Vec<(String, String)>>>,
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    #[expect(clippy::disallowed_methods, reason = "it ends with its test's runtime")]
    async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/risc?tenant=1", listener.local_addr().unwrap());
        let router = Router::new().route("/risc", post(receive)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn tokens(&self) -> Vec<String> {
        self.got.lock().unwrap().iter().map(|(_, token)| token.clone()).collect()
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Answered {
    let content_type = headers["content-type"].to_str().unwrap().to_owned();
    let token = String::from_utf8(body.to_vec()).unwrap();
    receiver.got.lock().unwrap().push((content_type, token));
    let status = receiver.answers.lock().unwrap().pop().unwrap_or(202);
    Answered::from_u16(status).unwrap()
}

/// A project with a stream, and Ada, who has signed in to it.
struct World {
    robot: Robot,
    receiver: Receiver,
    key: String,
}

impl World {
    async fn new(events: &[&str]) -> Self {
        let robot = Robot::alone().await;
        let key = self_signed(&robot, &json!({}));
        let receiver = Receiver::default();
        let world = Self { robot, receiver, key };
        let google = world.google();
        google.autopilot(json!({"user": "ada@example.com", "decision": "allow"})).await;
        let url = world.receiver.listen().await;
        let stream = json!({
            "delivery": {"delivery_method": PUSH, "url": url}, "events_requested": events
        });
        assert_eq!(world.call("stream:update", &stream).await.0, StatusCode::OK);
        world
    }

    fn google(&self) -> &Google {
        &self.robot.google
    }

    async fn call(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let url = self.google().url(&format!("/v1beta/{path}"));
        answer(self.google().http.post(url).json(body).bearer_auth(&self.key)).await
    }

    async fn read(&self, path: &str) -> (StatusCode, Value) {
        let url = self.google().url(&format!("/v1beta/{path}"));
        answer(self.google().http.get(url).bearer_auth(&self.key)).await
    }

    async fn send(&self, order: &Value) -> Value {
        let response = self.google().post("/_emulator/risc/send", order).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.json::<Value>().await.unwrap()["deliveries"].clone()
    }

    /// A received token's claims, its signature checked against the published keys.
    async fn verified(&self, token: &str) -> Result<Value, jsonwebtoken::errors::Error> {
        let document = self.google().json("/.well-known/risc-configuration").await;
        let keys = self.google().http.get(document["jwks_uri"].as_str().unwrap());
        let keys: JwkSet = keys.send().await.unwrap().json().await.unwrap();
        let kid = jsonwebtoken::decode_header(token)?.kid.unwrap();
        let key = DecodingKey::from_jwk(keys.find(&kid).unwrap())?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[self.google().emulator.client_id()]);
        validation.required_spec_claims.clear();
        Ok(jsonwebtoken::decode::<Value>(token, &key, &validation)?.claims)
    }
}

fn self_signed(robot: &Robot, change: &Value) -> String {
    let mut claims = robot.claims(&json!({"scope": null, "aud": AUDIENCE}));
    claims["sub"] = claims["iss"].clone();
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    robot.sign(&claims)
}

async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap_or_default())
}

#[tokio::test]
async fn the_document_has_googles_peculiar_names() {
    let google = Google::start().await;
    let document = google.json("/.well-known/risc-configuration").await;
    assert_eq!(document["issuer"], google.emulator.origin());
    let doubled = google.url("/v1beta/v1beta/stream");
    assert_eq!(document["get_configuration_endpoint"], doubled);
    assert_eq!(
        document["delivery_methods_supported"],
        json!(["http://schemas.openid.net/secevent/risc/delivery-method/push"])
    );
    let newer = google.get("/.well-known/ssf-configuration").await;
    assert_eq!(newer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_event_is_signed_for_the_projects_clients_and_never_expires() {
    let world = World::new(&[DISABLED]).await;
    world.google().sign_in(SIGN_IN, &[]).await;
    let order =
        json!({"user": "ada@example.com", "event": "account-disabled", "reason": "hijacking"});
    let deliveries = world.send(&order).await;
    assert_eq!((&deliveries[0]["status"], &deliveries[0]["tries"]), (&json!(202), &json!(1)));
    let (content_type, token) = world.receiver.got.lock().unwrap()[0].clone();
    assert_eq!(content_type, "application/secevent+jwt");
    let claims = world.verified(&token).await.unwrap();
    let issuer = format!("{}/", world.google().emulator.origin());
    assert_eq!(claims["iss"], issuer);
    assert_eq!(claims["aud"], world.google().emulator.client_id());
    assert!(claims.get("exp").is_none() && claims["jti"] == deliveries[0]["jti"]);
    let subject = json!({"subject_type": "iss-sub", "iss": issuer, "sub": "108151210181518451210"});
    assert_eq!(claims["events"], json!({DISABLED: {"subject": subject, "reason": "hijacking"}}));
    let told = world.google().events("risc_delivered").await;
    assert_eq!((&told[0]["event"], &told[0]["status"]), (&json!(DISABLED), &json!(202)));
}

#[tokio::test]
async fn only_those_hear_of_it_who_asked_and_who_know_the_user() {
    let world = World::new(&[DISABLED]).await;
    let disabled = json!({"user": "ada@example.com", "event": "account-disabled"});
    assert_eq!(world.send(&disabled).await, json!([]), "Ada has never signed in");
    world.google().sign_in(SIGN_IN, &[]).await;
    let sessions = json!({"user": "ada@example.com", "event": "sessions-revoked"});
    assert_eq!(world.send(&sessions).await, json!([]), "nobody asked for that event");
    assert_eq!(world.call("stream/status:update", &json!({"status": "disabled"})).await.0, 200);
    assert_eq!(world.send(&disabled).await, json!([]), "the stream is switched off");
    assert_eq!(world.call("stream/status:update", &json!({"status": "enabled"})).await.0, 200);
    assert_eq!(world.send(&disabled).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_receiver_that_fails_is_tried_again_and_one_that_refuses_is_not() {
    let world = World::new(&[SESSIONS]).await;
    world.google().sign_in(SIGN_IN, &[]).await;
    let order = json!({"user": "ada@example.com", "event": "sessions-revoked"});
    *world.receiver.answers.lock().unwrap() = vec![202, 503];
    let deliveries = world.send(&order).await;
    assert_eq!((&deliveries[0]["status"], &deliveries[0]["tries"]), (&json!(202), &json!(2)));
    let tokens = world.receiver.tokens();
    assert_eq!(tokens[0], tokens[1], "the same event, with the same jti");
    *world.receiver.answers.lock().unwrap() = vec![400];
    let deliveries = world.send(&order).await;
    assert_eq!((&deliveries[0]["status"], &deliveries[0]["tries"]), (&json!(400), &json!(1)));
}

#[tokio::test]
async fn a_user_who_takes_access_back_is_told_of_by_a_trace_of_the_token() {
    let world = World::new(&[TOKEN]).await;
    let refresh_token = world.google().offline(SIGN_IN).await;
    world.google().post("/_emulator/users/ada@example.com/revoke", &json!({})).await;
    let path = "/_emulator/ledger?kind=risc_delivered&wait_seconds=20";
    assert_eq!(world.google().json(path).await["events"][0]["status"], 202);
    let claims = world.verified(&world.receiver.tokens()[0]).await.unwrap();
    let subject = &claims["events"][TOKEN]["subject"];
    assert_eq!(subject["token_identifier_alg"], "hash_base64_sha512_sha512");
    assert_eq!(subject["token"].as_str().unwrap().len(), 88);
    let order = json!({
        "user": "ada@example.com", "event": "token-revoked", "token": refresh_token,
        "token_identifier_alg": "prefix",
    });
    world.google().sign_in(SIGN_IN, &[]).await;
    world.send(&order).await;
    let claims = world.verified(&world.receiver.tokens()[1]).await.unwrap();
    assert_eq!(claims["events"][TOKEN]["subject"]["token"], refresh_token[..16]);
}

#[tokio::test]
async fn a_verification_event_carries_the_callers_state() {
    let world = World::new(&[SESSIONS]).await;
    assert_eq!(world.call("stream:verify", &json!({"state": "abc"})).await.0, StatusCode::OK);
    let path = "/_emulator/ledger?kind=risc_delivered&wait_seconds=20";
    world.google().json(path).await;
    let claims = world.verified(&world.receiver.tokens()[0]).await.unwrap();
    assert_eq!(claims["events"], json!({VERIFICATION: {"state": "abc"}}));
}

#[tokio::test]
async fn an_event_can_be_spoiled_for_receivers_that_must_refuse_it() {
    let world = World::new(&[SESSIONS]).await;
    world.google().sign_in(SIGN_IN, &[]).await;
    let order = |spoiled: Value| json!({"user": "ada@example.com", "event": "sessions-revoked", "spoiled": spoiled});
    world.send(&order(json!({"bad_signature": true}))).await;
    world.send(&order(json!({"claims": {"aud": "somebody", "jti": null}}))).await;
    let tokens = world.receiver.tokens();
    let error = world.verified(&tokens[0]).await.unwrap_err();
    assert_eq!(*error.kind(), jsonwebtoken::errors::ErrorKind::InvalidSignature);
    let error = world.verified(&tokens[1]).await.unwrap_err();
    assert_eq!(*error.kind(), jsonwebtoken::errors::ErrorKind::InvalidAudience);
    for (order, word) in [
        (json!({"user": "ada@example.com", "event": "account-eaten"}), "account-eaten"),
        (json!({"user": "ada@example.com", "event": "sessions-revoked", "reson": 1}), "reson"),
        (json!({"event": "sessions-revoked"}), "user"),
    ] {
        let refused = world.google().post("/_emulator/risc/send", &order).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{order}");
        assert!(refused.text().await.unwrap().contains(word), "{order}");
    }
}

#[tokio::test]
async fn a_stream_is_configured_in_googles_words() {
    let world = World::new(&[SESSIONS]).await;
    let (status, stream) = world.read("stream").await;
    assert_eq!((status, &stream["status"]), (StatusCode::OK, &json!("enabled")));
    assert_eq!(world.read("v1beta/stream").await.1, stream);
    assert_eq!(world.read("stream/status").await.1, json!({"status": "enabled"}));
    let delivery = |url: &str| json!({"delivery_method": PUSH, "url": url});
    let good = delivery("https://app.example.com/risc");
    for (path, body, code, message) in [
        (
            "stream:update",
            json!({"events_requested": [SESSIONS]}),
            400,
            "Stream configuration must contain delivery field.",
        ),
        (
            "stream:update",
            json!({"delivery": good}),
            400,
            "Stream configuration must contain events_requested field.",
        ),
        (
            "stream:update",
            json!({"delivery": delivery("http://app.example.com/"), "events_requested": [SESSIONS]}),
            403,
            "The delivery endpoint must be an HTTPS URL.",
        ),
        (
            "stream:update",
            json!({"delivery": {"delivery_method": "x", "url": "https://a.example"}, "events_requested": [SESSIONS]}),
            403,
            "Existing stream configuration does not have spec-compliant delivery method for RISC.",
        ),
        (
            "stream/status:update",
            json!({"status": "paused"}),
            403,
            "Unsupported status. Invalid status.",
        ),
    ] {
        let (status, answer) = world.call(path, &body).await;
        assert_eq!(
            (status.as_u16(), &answer["error"]["message"]),
            (code, &json!(message)),
            "{body}"
        );
    }
    assert_eq!(world.read("stream").await.1, stream, "a refusal changes nothing");
}

#[tokio::test]
async fn a_stream_is_for_service_accounts_of_its_project() {
    let robot = Robot::alone().await;
    let google = &robot.google;
    google.autopilot(json!({"user": "ada@example.com", "decision": "allow"})).await;
    let read = async |token: &str| {
        let (status, answer) =
            answer(google.http.get(google.url("/v1beta/stream")).bearer_auth(token)).await;
        (status.as_u16(), answer["error"]["message"].as_str().unwrap_or_default().to_owned())
    };
    let said = |code: u16, message: &str| (code, message.to_owned());
    assert_eq!(read("nonsense").await, said(401, "Unauthorized."));
    let nothing_yet = said(404, "Project has no RISC configuration.");
    assert_eq!(read(&self_signed(&robot, &json!({}))).await, nothing_yet);
    for change in [
        json!({"aud": "https://oauth2.googleapis.com/token"}),
        json!({"sub": "somebody"}),
        json!({"exp": 4_000_000_000_i64}),
    ] {
        let forged = read(&self_signed(&robot, &change)).await;
        assert_eq!(forged, said(401, "Unauthorized."), "{change}");
    }
    let user = google.sign_in(SIGN_IN, &[]).await.text("access_token");
    let message = "Stream management APIs should only be called by a service account.";
    assert_eq!(read(&user).await, said(403, message));
    for (scope, expected) in [
        ("risc.configuration.readonly", nothing_yet.clone()),
        (
            "risc.verify",
            said(403, "Service account needs permission to access your RISC configuration"),
        ),
    ] {
        let scope = format!("https://www.googleapis.com/auth/{scope}");
        let assertion = robot.sign(&robot.claims(&json!({"scope": scope})));
        let token = robot.send(&assertion).await.text("access_token");
        assert_eq!(read(&token).await, expected, "{scope}");
    }
}

#[tokio::test]
async fn who_never_saw_the_address_hears_of_no_revocation() {
    let world = World::new(&[TOKEN]).await;
    let google = world.google();
    google.offline(CALENDAR).await;
    google.post("/_emulator/users/ada@example.com/revoke", &json!({})).await;
    let refresh_token = google.offline(SIGN_IN).await;
    google.post("/_emulator/users/ada@example.com/revoke", &json!({})).await;
    google.json("/_emulator/ledger?kind=risc_delivered&wait_seconds=20").await;
    // A delivery that is under way comes before one that is ordered and awaited now.
    google.sign_in(SIGN_IN, &[]).await;
    let order = json!({
        "user": "ada@example.com", "event": "token-revoked", "token": refresh_token,
        "token_identifier_alg": "prefix",
    });
    world.send(&order).await;
    assert_eq!(world.receiver.tokens().len(), 2);
}

#[tokio::test]
async fn a_receiver_over_https_is_accepted_and_never_reached() {
    let world = World::new(&[SESSIONS]).await;
    let stream = json!({
        "delivery": {"delivery_method": PUSH, "url": "https://127.0.0.1:1/risc"},
        "events_requested": [SESSIONS],
    });
    assert_eq!(world.call("stream:update", &stream).await.0, StatusCode::OK);
    world.google().sign_in(SIGN_IN, &[]).await;
    let order = json!({"user": "ada@example.com", "event": "sessions-revoked"});
    let deliveries = world.send(&order).await;
    assert_eq!(deliveries[0]["problem"], "this emulator delivers to http only");
    assert!(deliveries[0].get("status").is_none());
}
