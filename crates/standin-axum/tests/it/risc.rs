//! Security events of accounts, from the emulator's stream to rows that are gone.

use http::Method;
use serde_json::{Value, json};
use standin::signals::stream::{EVENT_TYPES, ServiceAccount, StreamError};

use crate::support::{
    ADA, Answer, Browser, ButtonPage, Caller, GRACE, KID, Wire, WithOurKey, World, changed, forged,
    signed,
};

const PATH: &str = "/auth/google/risc";
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";
const SESSIONS: &str = "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked";

/// The emulator sends its events to this app from now on.
pub async fn subscribe(world: &World) -> ServiceAccount {
    let robot = json!({ "email": "robot@emulated-project.iam.gserviceaccount.com" });
    let file = world.google.control("PUT", "service-accounts", robot).await;
    let account = ServiceAccount::parse(file.to_string().as_bytes()).unwrap();
    let (google, url) = ("google".parse().unwrap(), world.url(PATH));
    let stream =
        world.standin.signals().register(&google, &account, &url, &EVENT_TYPES).await.unwrap();
    assert_eq!(stream["delivery"]["url"], url.as_str());
    account
}

/// What became of an event about somebody: the receiver's answer.
pub async fn send(world: &World, person: &str, mut event: Value) -> Value {
    event["user"] = person.into();
    let sent = world.google.control("POST", "risc/send", event).await;
    sent["deliveries"][0]["status"].clone()
}

pub async fn subscribed() -> World {
    let world = World::start().await;
    subscribe(&world).await;
    world
}

async fn is_in(browser: &mut Browser) -> bool {
    browser.session().await.status == 200
}

#[tokio::test]
async fn ri_1_an_event_of_the_provider_is_taken_though_it_signs_with_a_slash() {
    let world = subscribed().await;
    let (mut ada, _) = world.signed_in(ADA, "").await;
    let (mut grace, _) = world.signed_in(GRACE, "").await;
    assert_eq!(send(&world, ADA, json!({ "event": "sessions-revoked" })).await, 202);
    ada.session().await.assert_refused(401, "unauthenticated");
    assert!(is_in(&mut grace).await);
    let detail: String = world.value("SELECT detail FROM events WHERE kind = 'provider_signal'");
    assert_eq!(detail, "sessions-revoked");
}

#[tokio::test]
async fn ri_1_a_spoiled_event_is_refused_and_ends_nothing() {
    let world = subscribed().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let origin = world.google.origin();
    for spoiled in [
        json!({ "bad_signature": true }),
        json!({ "header": { "kid": "retired" } }),
        json!({ "header": { "alg": "none" } }),
        json!({ "header": { "typ": "logout+jwt" } }),
        json!({ "claims": { "iss": "https://evil.example/" } }),
        json!({ "claims": { "iss": format!("{origin}//") } }),
        json!({ "claims": { "iss": format!("{origin}.evil.example/") } }),
        json!({ "claims": { "iss": null } }),
        json!({ "claims": { "aud": "somebody-else" } }),
        json!({ "claims": { "aud": ["a", "b"] } }),
        json!({ "claims": { "aud": null } }),
        json!({ "claims": { "events": null } }),
        json!({ "claims": { "events": {} } }),
        json!({ "claims": { "iat": null } }),
        json!({ "claims": { "jti": null } }),
        json!({ "claims": { "nonce": "n" } }),
    ] {
        let event = json!({ "event": "sessions-revoked", "spoiled": spoiled });
        assert_eq!(send(&world, ADA, event).await, 400, "{spoiled}");
    }
    assert!(is_in(&mut browser).await);
    assert_eq!(world.events_of("provider_signal"), 0);
    let among = json!({ "claims": { "aud": ["a", world.google.client_id()], "iss": origin } });
    let event = json!({ "event": "sessions-revoked", "spoiled": among });
    assert_eq!(send(&world, ADA, event).await, 202);
    assert!(!is_in(&mut browser).await);
}

#[tokio::test]
async fn ri_5_revoked_tokens_take_sessions_and_grants_with_them() {
    let world = subscribed().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let caller = Caller::new(&world, &world.job().await, &user);
    caller.token().await;
    assert_eq!(send(&world, ADA, json!({ "event": "tokens-revoked" })).await, 202);
    assert!(!is_in(&mut browser).await);
    let refused = caller.ask(json!({})).await;
    refused.assert_refused(409, "reauth_required");
    assert_eq!(refused.json()["reason"], "revoked");
    assert_eq!(world.grant_tokens(), (None, None, 2));
    // Nothing is asked of the provider for a token that it has revoked itself.
    assert_eq!(world.google.count("refresh_refused").await, 0);
    assert_eq!(world.events_of("grant_reauth_required"), 1);
    world.google.control("POST", &format!("users/{ADA}/revoke"), json!(null)).await;
    world.signed_in(ADA, "").await;
    caller.token().await;
}

#[tokio::test]
async fn ri_5_one_revoked_token_is_known_by_its_hash_and_by_how_it_begins() {
    for how in ["hash_base64_sha512_sha512", "prefix"] {
        let wire = Wire::new();
        let world = World::over(wire.clone(), |_| {}).await;
        subscribe(&world).await;
        let (mut browser, user) = world.signed_in(ADA, "").await;
        let token = wire_token(&world, &wire).await;
        let caller = Caller::new(&world, &world.job().await, &user);
        let event = |token: &str| json!({ "event": "token-revoked", "token": token, "token_identifier_alg": how });
        assert_eq!(send(&world, ADA, event("1//another-token-altogether")).await, 202);
        caller.token().await;
        assert_eq!(send(&world, ADA, event(&token)).await, 202);
        caller.ask(json!({})).await.assert_refused(409, "reauth_required");
        assert_eq!(world.grant_tokens(), (None, None, 2));
        assert!(is_in(&mut browser).await, "who they are is not in doubt");
    }
}

/// The refresh token of the only grant: what the vault sends when it must.
async fn wire_token(world: &World, wire: &Wire) -> String {
    let user: Vec<u8> = world.value("SELECT id FROM users");
    let user = standin::id::UserId::from_bytes(user.try_into().unwrap()).to_string();
    world.google.advance(3600).await;
    Caller::new(world, &world.job().await, &user).token().await;
    wire.heard("refresh_token").remove(0)
}

#[tokio::test]
async fn ri_5_a_disabled_account_cannot_sign_in_until_it_is_enabled() {
    let world = subscribed().await;
    let (mut ada, _) = world.signed_in(ADA, "").await;
    assert_eq!(send(&world, ADA, json!({ "event": "account-disabled" })).await, 202);
    assert!(is_in(&mut ada).await, "without a reason nothing ends");

    world.google.allow(ADA).await;
    let answer = world.browser().sign_in("").await;
    assert_eq!((answer.status.as_u16(), answer.any_code().as_str()), (403, "account_disabled"));
    world.signed_in(GRACE, "").await;

    world.google.advance(2).await;
    assert_eq!(send(&world, ADA, json!({ "event": "account-enabled" })).await, 202);
    world.signed_in(ADA, "").await;
}

#[tokio::test]
async fn ri_5_a_disabled_account_cannot_sign_in_with_a_credential_either() {
    let world = subscribed().await;
    world.signed_in(ADA, "").await;
    world.google.allow(ADA).await;
    let mut page = ButtonPage::open(&world).await;
    let credential = page.credential(&world).await;
    assert_eq!(send(&world, ADA, json!({ "event": "account-disabled" })).await, 202);

    let sessions = world.value::<i64>("SELECT count(*) FROM sessions");
    let answer = page.post(&credential).await;
    answer.assert_refused(403, "account_disabled");
    assert!(!is_in(&mut page.browser).await);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM sessions"), sessions);

    world.google.advance(2).await;
    assert_eq!(send(&world, ADA, json!({ "event": "account-enabled" })).await, 202);
    let mut page = ButtonPage::open(&world).await;
    let credential = page.credential(&world).await;
    page.post(&credential).await.assert_status(303);
    assert!(is_in(&mut page.browser).await);
}

#[tokio::test]
async fn ri_5_a_hijacked_account_loses_its_sessions() {
    let world = subscribed().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let event = json!({ "event": "account-disabled", "reason": "bulk-account" });
    assert_eq!(send(&world, ADA, event).await, 202);
    assert!(is_in(&mut browser).await);
    let event = json!({ "event": "account-disabled", "reason": "hijacking" });
    assert_eq!(send(&world, ADA, event).await, 202);
    assert!(!is_in(&mut browser).await);
    world.job().await.vend(&user, json!({})).await.assert_status(200);
    let detail = "SELECT group_concat(detail, ', ') FROM events WHERE kind = 'provider_signal'";
    let told: String = world.value(detail);
    assert_eq!(told, "account-disabled: bulk-account, account-disabled: hijacking");
}

#[tokio::test]
async fn ri_5_what_asks_for_nothing_is_written_down() {
    let world = World::start().await;
    let account = subscribe(&world).await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let event = json!({ "event": "account-credential-change-required" });
    assert_eq!(send(&world, ADA, event).await, 202);
    let google = "google".parse().unwrap();
    let signals = world.standin.signals();
    signals.request_verification(&google, &account, "hello, it is me").await.unwrap();
    world.google.happened("risc_delivered", 2).await;
    let detail = "SELECT group_concat(detail, ', ') FROM events WHERE kind = 'provider_signal'";
    let told: String = world.value(detail);
    assert_eq!(told, "account-credential-change-required, verification: hello, it is me");
    assert!(is_in(&mut browser).await);
    let status = signals.stream_status(&google, &account).await.unwrap();
    assert_eq!(status, json!({ "status": "enabled" }));
}

#[tokio::test]
async fn a_stream_is_not_registered_by_a_stranger_or_at_a_bad_address() {
    let (world, _other) = World::with_another().await;
    let account = subscribe(&world).await;
    let signals = world.standin.signals();
    let (google, other) = ("google".parse().unwrap(), "other".parse().unwrap());
    let plain = "http://app.example.com/".parse().unwrap();
    let refused = signals.register(&google, &account, &plain, &EVENT_TYPES).await.unwrap_err();
    let StreamError::Refused { status, words } = refused else { panic!("{refused}") };
    assert_eq!(status, 403);
    assert_eq!(words, "The delivery endpoint must be an HTTPS URL.");
    let none = signals.register(&other, &account, &plain, &EVENT_TYPES).await.unwrap_err();
    assert_eq!(none.to_string(), "this provider sends no security events");
    for file in
        [&b"{}"[..], b"[]", br#"{"client_email":"a","private_key_id":"b","private_key":"c"}"#]
    {
        assert!(ServiceAccount::parse(file).is_err());
    }
}

/// A world whose provider signs what a test likes.
struct Stage {
    world: World,
    said: u32,
}

impl Stage {
    async fn start() -> Self {
        Self { world: World::over(WithOurKey::new(), |_| {}).await, said: 0 }
    }

    /// The claims of an event that counts, `age` seconds old.
    fn claims(&mut self, age: i64) -> Value {
        self.said += 1;
        let issuer = format!("{}/", self.world.google.origin());
        let subject: String = self.world.value("SELECT subject FROM identities LIMIT 1");
        let subject = json!({ "subject_type": "iss-sub", "iss": issuer, "sub": subject });
        json!({
            "iss": issuer, "aud": self.world.google.client_id(),
            "iat": self.world.standin.clock().now().unix_seconds() - age,
            "jti": format!("event-{}", self.said),
            "events": { SESSIONS: { "subject": subject } },
        })
    }

    async fn post(&self, token: &str) -> Answer {
        self.post_as(PATH, "application/secevent+jwt", token).await
    }

    async fn post_as(&self, path: &str, content_type: &str, body: &str) -> Answer {
        let headers = [("content-type", content_type)];
        self.world.browser().send(Method::POST, path, &headers, body.to_owned()).await
    }
}

fn header() -> Value {
    json!({ "alg": "ES256", "kid": KID, "typ": "secevent+jwt" })
}

#[track_caller]
fn assert_err(answer: &Answer, err: &str) {
    answer.assert_status(400);
    assert_eq!(answer.json()["err"], err, "{}", answer.body);
    assert!(answer.json()["description"].as_str().unwrap().len() > 10);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn ri_2_other_tokens_of_the_provider_are_no_events() {
    let mut stage = Stage::start().await;
    let (mut browser, _) = stage.world.signed_in(ADA, "").await;
    let claims = stage.claims(0);
    let now = claims["iat"].as_i64().unwrap();
    let id_token =
        json!({ "events": null, "jti": null, "exp": now + 3600, "nonce": "n", "sub": "1" });
    let logout = "http://schemas.openid.net/event/backchannel-logout";
    let logout_events = json!({ "events": { logout: {} } });
    for (typ, change) in [
        (json!("JWT"), id_token.clone()),
        (Value::Null, id_token.clone()),
        (json!("secevent+jwt"), id_token),
        (json!("JWT"), json!({ "nonce": "n" })),
        (json!("logout+jwt"), json!({})),
        (json!("JWT"), logout_events.clone()),
        (json!("secevent+jwt"), logout_events),
        (json!("at+jwt"), json!({})),
    ] {
        let header = changed(header(), &json!({ "typ": typ }));
        let answer = stage.post(&signed(&header, &changed(claims.clone(), &change))).await;
        assert_err(&answer, "invalid_request");
    }
    assert!(is_in(&mut browser).await);
    // Nor is an event a logout token.
    let body = format!("logout_token={}", signed(&header(), &claims));
    let form = "application/x-www-form-urlencoded";
    let answer = stage.post_as("/auth/google/backchannel-logout", form, &body).await;
    answer.assert_refused(400, "event_type_refused");
    for typ in [Value::Null, json!("JWT"), json!("application/secevent+jwt")] {
        let header = changed(header(), &json!({ "typ": typ }));
        stage.post(&signed(&header, &claims)).await.assert_status(202);
    }
    assert!(!is_in(&mut browser).await);
}

#[tokio::test]
async fn ri_3_an_event_acts_once_for_thirty_days() {
    let mut stage = Stage::start().await;
    stage.world.signed_in(ADA, "").await;
    let mut claims = stage.claims(0);
    stage.post(&signed(&header(), &claims)).await.assert_status(202);
    stage.world.google.advance(30 * 86_400).await;
    stage.world.standin.store().prune(stage.world.standin.clock().now()).await.unwrap();
    let (mut browser, _) = stage.world.signed_in(ADA, "").await;
    // The same id, though it claims to be new.
    claims["iat"] = stage.claims(0)["iat"].clone();
    stage.post(&signed(&header(), &claims)).await.assert_status(202);
    assert!(is_in(&mut browser).await);
    assert_eq!(stage.world.events_of("provider_signal"), 1);
}

#[tokio::test]
async fn ri_4_nothing_is_acknowledged_before_it_is_written() {
    let mut stage = Stage::start().await;
    let (mut browser, _) = stage.world.signed_in(ADA, "").await;
    let token = signed(&header(), &stage.claims(0));
    for table in ["spent", "events"] {
        // Half of the transaction can be done, and must not be.
        stage.world.execute(&format!("ALTER TABLE {table} RENAME TO mislaid"), []);
        stage.post(&token).await.assert_refused(503, "storage_unavailable");
        stage.world.execute(&format!("ALTER TABLE mislaid RENAME TO {table}"), []);
        assert!(is_in(&mut browser).await);
    }
    stage.post(&token).await.assert_status(202);
    // In the file, for a process that starts after this one was killed.
    assert_eq!(stage.world.value::<i64>("SELECT count(*) FROM sessions"), 0);
}

#[tokio::test]
async fn ri_6_an_event_older_than_a_session_or_a_grant_leaves_them_alone() {
    let mut stage = Stage::start().await;
    let tokens = "https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked";
    let (mut old, user) = stage.world.signed_in(ADA, "").await;
    stage.world.google.advance(60).await;
    let early = stage.claims(0);
    stage.world.google.advance(60).await;
    stage.world.google.control("POST", &format!("users/{ADA}/revoke"), json!(null)).await;
    let (mut new, _) = stage.world.signed_in(ADA, "").await;
    stage.world.google.advance(60).await;
    let subject = early["events"][SESSIONS].clone();
    let early = changed(early, &json!({ "events": { tokens: subject.clone() } }));
    let late = changed(stage.claims(0), &json!({ "events": { tokens: subject } }));

    stage.post(&signed(&header(), &early)).await.assert_status(202);

    assert!(!is_in(&mut old).await);
    assert!(is_in(&mut new).await, "it was opened after the event");
    let caller = Caller::new(&stage.world, &stage.world.job().await, &user);
    caller.token().await;
    stage.post(&signed(&header(), &late)).await.assert_status(202);
    assert!(!is_in(&mut new).await);
    caller.ask(json!({})).await.assert_refused(409, "reauth_required");
}

#[tokio::test]
async fn ri_6_news_of_an_account_may_come_in_the_wrong_order() {
    let mut stage = Stage::start().await;
    stage.world.signed_in(ADA, "").await;
    let news = |stage: &mut Stage, word: &str, age| {
        let claims = stage.claims(age);
        let event = claims["events"][SESSIONS].clone();
        signed(
            &header(),
            &changed(claims, &json!({ "events": { format!("{RISC}{word}"): event } })),
        )
    };
    let enabled = news(&mut stage, "account-enabled", 10);
    let disabled = news(&mut stage, "account-disabled", 20);
    stage.post(&enabled).await.assert_status(202);
    stage.post(&disabled).await.assert_status(202);
    stage.world.signed_in(ADA, "").await;
}

#[tokio::test]
async fn ri_7_each_refusal_has_its_code() {
    let mut stage = Stage::start().await;
    let (mut browser, _) = stage.world.signed_in(ADA, "").await;
    let claims = stage.claims(0);
    let with = |change: Value| signed(&header(), &changed(claims.clone(), &change));
    let under = |change: Value| signed(&changed(header(), &change), &claims);
    for (token, err) in [
        (String::new(), "invalid_request"),
        ("not a token".to_owned(), "invalid_request"),
        (with(json!({ "jti": null })), "invalid_request"),
        (with(json!({ "events": [] })), "invalid_request"),
        (under(json!({ "kid": "nobody's" })), "invalid_key"),
        (under(json!({ "alg": "HS256" })), "invalid_key"),
        (with(json!({ "iss": "https://evil.example" })), "invalid_issuer"),
        (with(json!({ "aud": "somebody-else" })), "invalid_audience"),
        (forged(&header(), &claims), "authentication_failed"),
        ("a".repeat(64 * 1024 + 1), "invalid_request"),
    ] {
        assert_err(&stage.post(&token).await, err);
    }
    let good = with(json!({}));
    for content_type in ["application/json", "application/jwt", "text/plain"] {
        assert_err(&stage.post_as(PATH, content_type, &good).await, "invalid_request");
    }
    let nobody = stage.post_as("/auth/nobody/risc", "application/secevent+jwt", &good).await;
    nobody.assert_refused(404, "unknown_provider");
    assert!(is_in(&mut browser).await);
    let (world, _other) = World::with_another().await;
    let stage = Stage { world, said: 0 };
    let path = "/auth/other/risc";
    let answer = stage.post_as(path, "application/secevent+jwt", &good).await;
    assert_err(&answer, "access_denied");
}

#[tokio::test]
async fn ri_7_events_and_people_that_are_unknown_are_taken_and_ask_for_nothing() {
    let mut stage = Stage::start().await;
    let (mut browser, _) = stage.world.signed_in(ADA, "").await;
    let claims = stage.claims(0);
    let event = claims["events"][SESSIONS].clone();
    let about = |change: Value| {
        let subject = changed(event["subject"].clone(), &change);
        json!({ SESSIONS: { "subject": subject } })
    };
    for events in [
        json!({ format!("{RISC}account-eaten"): event }),
        json!({ "https://evil.example/sessions-revoked": event }),
        json!({ SESSIONS: {} }),
        json!({ SESSIONS: 7 }),
        about(json!({ "sub": "nobody" })),
        about(json!({ "sub": 7 })),
        about(json!({ "iss": "https://evil.example" })),
        about(json!({ "subject_type": "email" })),
        about(json!({ "subject_type": null })),
    ] {
        let jti = stage.claims(0)["jti"].clone();
        let claims = changed(claims.clone(), &json!({ "events": events, "jti": jti }));
        stage.post(&signed(&header(), &claims)).await.assert_status(202);
        assert!(is_in(&mut browser).await, "{events}");
    }
    // Of two events of one token each counts.
    let both = json!({ format!("{RISC}account-eaten"): event, SESSIONS: event });
    let claims = changed(claims.clone(), &json!({ "events": both, "jti": "both" }));
    stage.post(&signed(&header(), &claims)).await.assert_status(202);
    assert!(!is_in(&mut browser).await);
}
