//! A provider says that a user has signed out there. Google never does; the tokens are signed with a key
//! that the emulator seems to publish.

use http::Method;
use serde_json::{Value, json};

use crate::support::{
    ADA, Answer, Browser, GRACE, KID, WithOurKey, World, changed, forged, signed,
};

const PATH: &str = "/auth/google/backchannel-logout";
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A world whose provider can say such things, and how many it has said.
pub struct Stage {
    pub world: World,
    said: u32,
}

impl Stage {
    pub async fn start() -> Self {
        Self { world: World::over(WithOurKey::new(), |_| {}).await, said: 0 }
    }

    /// Somebody signs in; the ID token names the provider's session `sid`, or none.
    pub async fn signed_in(&self, person: &str, sid: Value) -> Browser {
        let more = json!({ "claims": { "sid": sid }, "times": 1 });
        self.world.google.fault("token", "id_token_claims", more).await;
        let (browser, _) = self.world.signed_in(person, "").await;
        self.world.google.control("DELETE", "faults", Value::Null).await;
        browser
    }

    /// The claims of a token that counts, about this person.
    fn claims(&mut self, person: &str) -> Value {
        self.said += 1;
        claims_about(&self.world, person, &format!("logout-{}", self.said))
    }

    /// A token that counts but for these changes.
    pub fn token(&mut self, header: &Value, claims: &Value) -> String {
        let claims = changed(self.claims(ADA), claims);
        signed(&changed(logout_header(), header), &claims)
    }

    async fn post(&self, token: &str) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("logout_token", token)
            .append_pair("unknown", "ignored")
            .finish();
        self.post_body(&body).await
    }

    async fn post_body(&self, body: &str) -> Answer {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        self.world.browser().send(Method::POST, PATH, &form, body.to_owned()).await
    }

    pub async fn assert_refused(&self, token: &str, code: &str) {
        let answer = self.post(token).await;
        answer.assert_refused(400, code);
        assert_eq!(answer.headers["cache-control"], "no-store");
    }

    pub async fn assert_taken(&self, token: &str) {
        let answer = self.post(token).await;
        answer.assert_status(200);
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.body, "");
    }
}

/// The claims of a logout token that counts, about this person.
pub fn claims_about(world: &World, person: &str, jti: &str) -> Value {
    let subject: String = world.value(&format!(
        "SELECT subject FROM identities JOIN users ON users.id = user_id WHERE users.email = '{person}'"
    ));
    let now = world.standin.clock().now().unix_seconds();
    json!({
        "iss": world.google.origin(), "aud": world.google.client_id(), "iat": now, "exp": now + 120,
        "jti": jti, "sub": subject, "events": { LOGOUT: {} },
    })
}

fn logout_header() -> Value {
    json!({ "alg": "ES256", "kid": KID, "typ": "logout+jwt" })
}

#[tokio::test]
async fn sc_16_a_logout_token_ends_all_sessions_of_the_person_it_names() {
    let mut stage = Stage::start().await;
    let (mut here, mut there) =
        (stage.signed_in(ADA, Value::Null).await, stage.signed_in(ADA, json!("s-2")).await);
    let mut grace = stage.signed_in(GRACE, json!("s-3")).await;
    let token = stage.token(&json!({}), &json!({}));

    stage.assert_taken(&token).await;

    here.session().await.assert_refused(401, "unauthenticated");
    there.session().await.assert_refused(401, "unauthenticated");
    grace.session().await.assert_status(200);
    assert_eq!(stage.world.events_of("provider_signal"), 1);
}

#[tokio::test]
async fn sc_16_a_logout_token_with_a_session_ends_what_came_from_it() {
    let mut stage = Stage::start().await;
    let (mut one, mut two) =
        (stage.signed_in(ADA, json!("s-1")).await, stage.signed_in(ADA, json!("s-2")).await);
    let mut unnamed = stage.signed_in(ADA, Value::Null).await;

    let only_session = stage.token(&json!({}), &json!({ "sid": "s-1", "sub": null }));
    stage.assert_taken(&only_session).await;
    one.session().await.assert_refused(401, "unauthenticated");
    unnamed.session().await.assert_status(200);

    // With the person beside it, a session of which nothing is known may be the one that is meant.
    let both = stage.token(&json!({}), &json!({ "sid": "s-9" }));
    stage.assert_taken(&both).await;
    unnamed.session().await.assert_refused(401, "unauthenticated");
    two.session().await.assert_status(200);
}

#[tokio::test]
async fn sc_16_jobs_go_on_after_a_logout_at_the_provider() {
    let mut stage = Stage::start().await;
    let (mut browser, user) = stage.world.signed_in(ADA, "").await;
    let token = stage.token(&json!({}), &json!({}));
    stage.assert_taken(&token).await;
    browser.session().await.assert_refused(401, "unauthenticated");
    stage.world.google.advance(7200).await;
    stage.world.job().await.vend(&user, json!({})).await.assert_status(200);
    stage.signed_in(ADA, Value::Null).await.session().await.assert_status(200);
}

#[tokio::test]
async fn sc_16_a_logout_token_counts_once() {
    let mut stage = Stage::start().await;
    stage.signed_in(ADA, Value::Null).await;
    let token = stage.token(&json!({}), &json!({}));
    stage.assert_taken(&token).await;
    let mut browser = stage.signed_in(ADA, Value::Null).await;
    stage.assert_refused(&token, "event_replayed").await;
    browser.session().await.assert_status(200);
    assert_eq!(stage.world.events_of("provider_signal"), 1);
}

#[tokio::test]
async fn sc_16_what_is_not_a_logout_token_of_the_provider_ends_nothing() {
    let mut stage = Stage::start().await;
    let mut browser = stage.signed_in(ADA, json!("s-1")).await;
    let now = stage.world.standin.clock().now().unix_seconds();
    let origin = stage.world.google.origin().to_owned();
    for (claims, code) in [
        (json!({ "iss": "https://evil.example" }), "event_issuer_mismatch"),
        (json!({ "iss": format!("{origin}/") }), "event_issuer_mismatch"),
        (json!({ "iss": null }), "event_issuer_mismatch"),
        (json!({ "aud": "somebody-else" }), "event_audience_mismatch"),
        (json!({ "aud": [] }), "event_audience_mismatch"),
        (json!({ "aud": null }), "event_audience_mismatch"),
        (json!({ "iat": null }), "event_issued_at_invalid"),
        (json!({ "iat": now.to_string() }), "event_issued_at_invalid"),
        (json!({ "iat": now + 600 }), "event_issued_at_invalid"),
        (json!({ "iat": now - 600 }), "event_expired"),
        (json!({ "exp": now - 61 }), "event_expired"),
        (json!({ "exp": "soon" }), "event_expired"),
        (json!({ "jti": null }), "event_no_id"),
        (json!({ "jti": "" }), "event_no_id"),
        (json!({ "nonce": "n" }), "event_type_refused"),
        (json!({ "events": null }), "event_events_invalid"),
        (json!({ "events": {} }), "event_events_invalid"),
        (json!({ "events": [LOGOUT] }), "event_events_invalid"),
        (json!({ "events": { LOGOUT: true } }), "event_events_invalid"),
        (json!({ "events": { "https://evil.example/": {} } }), "event_events_invalid"),
        (json!({ "sub": null }), "event_no_subject"),
        (json!({ "sub": 7 }), "event_no_subject"),
        (json!({ "sid": "" }), "event_no_subject"),
    ] {
        let token = stage.token(&json!({}), &claims);
        stage.assert_refused(&token, code).await;
    }
    for (header, code) in [
        (json!({ "typ": null }), "event_type_refused"),
        (json!({ "typ": "JWT" }), "event_type_refused"),
        (json!({ "typ": "secevent+jwt" }), "event_type_refused"),
        (json!({ "alg": "none" }), "event_key_refused"),
        (json!({ "alg": "RS256" }), "event_key_refused"),
        (json!({ "kid": "nobody's" }), "event_key_refused"),
        (json!({ "crit": ["x"] }), "event_malformed"),
    ] {
        let token = stage.token(&header, &json!({}));
        stage.assert_refused(&token, code).await;
    }
    let claims = stage.claims(ADA);
    stage.assert_refused(&forged(&logout_header(), &claims), "event_signature_invalid").await;
    stage.assert_refused("a.b", "event_malformed").await;
    browser.session().await.assert_status(200);
    assert_eq!(stage.world.events_of("provider_signal"), 0);
    // And the same with nothing wrong in it.
    let token = stage.token(&json!({ "typ": "application/LOGOUT+jwt" }), &json!({ "exp": null }));
    stage.assert_taken(&token).await;
    browser.session().await.assert_refused(401, "unauthenticated");
}

#[tokio::test]
async fn id_21_an_id_token_is_no_logout_token_nor_the_other_way_round() {
    let mut stage = Stage::start().await;
    let mut browser = stage.signed_in(ADA, Value::Null).await;
    let id_token = json!({ "nonce": "n", "events": null, "jti": null });
    let as_id_token = stage.token(&json!({ "typ": "JWT" }), &id_token);
    stage.assert_refused(&as_id_token, "event_type_refused").await;
    browser.session().await.assert_status(200);
    // The other way round the header decides, whatever the claims are.
    let more = json!({ "header": { "typ": "logout+jwt" } });
    stage.world.google.fault("token", "id_token_claims", more).await;
    stage.world.google.allow(ADA).await;
    let answer = stage.world.browser().sign_in("").await;
    assert_eq!(answer.any_code(), "id_token_type_refused");
}

#[tokio::test]
async fn sc_16_a_body_without_one_logout_token_is_refused() {
    let mut stage = Stage::start().await;
    let mut browser = stage.signed_in(ADA, Value::Null).await;
    let token = stage.token(&json!({}), &json!({}));
    for (body, code) in [
        (String::new(), "invalid_request"),
        (format!("token={token}"), "invalid_request"),
        (format!("logout_token={token}&logout_token={token}"), "duplicate_parameter"),
    ] {
        stage.post_body(&body).await.assert_refused(400, code);
    }
    let json = [("content-type", "application/json")];
    let body = json!({ "logout_token": token }).to_string();
    let answer = stage.world.browser().send(Method::POST, PATH, &json, body).await;
    answer.assert_refused(400, "invalid_request");
    browser.session().await.assert_status(200);
    let elsewhere = "/auth/nobody/backchannel-logout";
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("logout_token={token}");
    let answer = stage.world.browser().send(Method::POST, elsewhere, &form, body).await;
    answer.assert_refused(404, "unknown_provider");
}

#[tokio::test]
async fn sc_16_nothing_is_acknowledged_while_the_database_is_down() {
    let mut stage = Stage::start().await;
    let mut browser = stage.signed_in(ADA, Value::Null).await;
    let token = stage.token(&json!({}), &json!({}));
    stage.world.execute("ALTER TABLE spent RENAME TO mislaid", []);
    stage.post(&token).await.assert_refused(503, "storage_unavailable");
    stage.world.execute("ALTER TABLE mislaid RENAME TO spent", []);
    browser.session().await.assert_status(200);
    stage.assert_taken(&token).await;
    browser.session().await.assert_refused(401, "unauthenticated");
}
