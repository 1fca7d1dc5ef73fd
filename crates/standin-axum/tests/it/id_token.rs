//! The ID token of a sign-in: whatever is wrong with it, the code is spent, nothing is kept, nobody is in.

use serde_json::{Value, json};

use crate::support::{ADA, Browser, GRACE, World, refused};

/// The header `{"alg":"RS256"}`.
const RS256: &str = "eyJhbGciOiJSUzI1NiJ9";

/// A world, a browser that is signed in as nobody, and a clock to write times with.
struct Stage {
    world: World,
    browser: Browser,
    cases: u8,
}

impl Stage {
    async fn start() -> Self {
        let world = World::start().await;
        world.google.allow(ADA).await;
        let browser = world.browser();
        Self { world, browser, cases: 0 }
    }

    fn now(&self) -> i64 {
        self.world.standin.clock().now().unix_seconds()
    }

    /// A sign-in whose ID token went wrong in this way.
    async fn refuses(&mut self, fault: &str, more: Value, code: &'static str) {
        // Failures are counted by address; each dozen comes from another.
        self.cases += 1;
        if self.cases.is_multiple_of(12) {
            self.browser = self.world.browser_at(self.cases);
        }
        let before = self.world.before(&mut self.browser).await;
        self.world.google.fault("token", fault, more.clone()).await;
        let answer = self.browser.sign_in("").await;
        assert_eq!(answer.any_code(), code, "{fault} {more}: {}", answer.body);
        let expected = refused(403, code).after_exchange();
        self.world.assert_refusal(&mut self.browser, &before, &answer, expected).await;
    }

    async fn refuses_claims(&mut self, claims: Value, code: &'static str) {
        let more = json!({ "claims": claims });
        self.refuses("id_token_claims", more, code).await;
    }

    async fn refuses_header(&mut self, header: Value, code: &'static str) {
        let more = json!({ "header": header });
        self.refuses("id_token_claims", more, code).await;
    }

    async fn accepts(&mut self, mut more: Value) {
        let google = &self.world.google;
        // Whoever is new to us comes twice: once more for consent.
        more["times"] = json!(2);
        google.fault("token", "id_token_claims", more.clone()).await;
        let mut browser = self.world.browser();
        let done = browser.sign_in("").await;
        assert_eq!(done.status, 303, "{more}: {}", done.body);
        browser.session().await.assert_status(200);
        google.control("DELETE", "faults", Value::Null).await;
    }

    async fn end(mut self) {
        let browser = &mut self.browser;
        self.world.assert_next_sign_in_works(browser).await;
    }
}

#[tokio::test]
async fn id_1_the_header_never_widens_what_is_accepted() {
    let mut stage = Stage::start().await;
    let refused = "id_token_algorithm_refused";
    stage.refuses("alg_none", json!({}), refused).await;
    for alg in [
        json!("none"),
        json!("NONE"),
        json!("nOnE"),
        json!(""),
        json!(5),
        json!(["RS256"]),
        json!("HS256"),
        json!("HS512"),
        json!("RS384"),
        json!("RS512"),
        json!("PS256"),
        json!("rs256"),
        json!("RS256 "),
        json!("EdDSA"),
        Value::Null,
    ] {
        stage.refuses_header(json!({ "alg": alg }), refused).await;
    }
    let mismatch = "id_token_key_mismatch";
    stage.refuses_header(json!({ "alg": "ES256" }), mismatch).await;
    stage.end().await;
}

#[tokio::test]
async fn id_1_id_2_a_signature_that_no_key_of_the_provider_made_is_refused() {
    let mut stage = Stage::start().await;
    let invalid = "id_token_signature_invalid";
    stage.refuses("bad_signature", json!({}), invalid).await;
    stage.refuses("unknown_kid", json!({}), "id_token_unknown_key").await;
    for kid in ["", "../../etc/passwd", "' OR 1=1 --", &"k".repeat(4000)] {
        let header = json!({ "kid": kid });
        stage.refuses_header(header, "id_token_unknown_key").await;
    }
    let certs = format!("{}/oauth2/v3/certs", stage.world.google.origin());
    let certs = stage.world.browser().get(certs).await.json();
    let older = certs["keys"].as_array().unwrap().clone();
    assert_eq!(older.len(), 2);
    for key in older {
        // One of the two signs; under the name of the other its signature is nobody's.
        let header = json!({ "header": { "kid": key["kid"] } });
        stage.world.google.fault("token", "id_token_claims", header).await;
    }
    let before = stage.world.before(&mut stage.browser).await;
    let first = stage.browser.sign_in("").await;
    let second = stage.world.browser().sign_in("").await;
    let codes = [first, second].map(|answer| answer.status.as_u16());
    assert!(codes.contains(&303) && codes.contains(&403), "{codes:?}");
    drop(before);
    stage.end().await;
}

#[tokio::test]
async fn id_3_a_token_brings_no_key_and_no_extension() {
    let mut stage = Stage::start().await;
    for header in [
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "crit": null, "b64": false }),
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "crit": ["x"], "x": 1 }),
    ] {
        stage.refuses_header(header, "id_token_critical_extension").await;
    }
    for typ in [
        json!("at+jwt"),
        json!("logout+jwt"),
        json!("secevent+jwt"),
        json!("JOSE"),
        json!(""),
        json!(5),
    ] {
        stage.refuses_header(json!({ "typ": typ }), "id_token_type_refused").await;
    }
    let elsewhere = format!("{}/_emulator/health?jku", stage.world.google.origin());
    let own_key = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" });
    stage.accepts(json!({ "header": { "typ": null } })).await;
    stage
        .accepts(json!({ "header": { "jku": elsewhere, "x5u": elsewhere, "jwk": own_key } }))
        .await;
    stage.end().await;
}

#[tokio::test]
async fn id_4_id_19_what_is_no_signed_token_in_compact_form_is_refused() {
    let mut stage = Stage::start().await;
    for (token, code) in [
        (String::new(), "id_token_not_compact"),
        ("..".into(), "id_token_header_malformed"),
        ("a.b".into(), "id_token_not_compact"),
        ("a.b.c.d".into(), "id_token_not_compact"),
        ("a.b.c.d.e".into(), "id_token_not_compact"),
        ("{\"payload\":\"e30\"}".into(), "id_token_not_compact"),
        ("ya29.a0AfB_access-token".into(), "id_token_not_compact"),
        ("e30=.e30=.e30=".into(), "id_token_encoding_invalid"),
        (" e30.e30.e30".into(), "id_token_encoding_invalid"),
        (format!("{RS256}.e30.e30\n"), "id_token_encoding_invalid"),
        (format!("{RS256}.e+0.e30"), "id_token_encoding_invalid"),
        (format!("{RS256}.e31.e30"), "id_token_encoding_invalid"),
        ("W10.e30.e30".into(), "id_token_header_malformed"),
        (format!("{}.e30.e30", "A".repeat(32 * 1024)), "id_token_too_large"),
        (".".repeat(100 * 1024), "id_token_too_large"),
        (".".repeat(1024), "id_token_not_compact"),
    ] {
        let more = json!({ "fields": { "id_token": token } });
        stage.refuses("token_response", more, code).await;
    }
    stage.end().await;
}

#[tokio::test]
async fn id_5_the_issuer_is_the_configured_one_byte_for_byte() {
    let mut stage = Stage::start().await;
    let own = stage.world.google.origin().to_owned();
    let mismatch = "id_token_issuer_mismatch";
    stage.refuses("wrong_iss", json!({}), mismatch).await;
    for iss in [
        json!(format!("{own}/")),
        json!(own.to_uppercase()),
        json!(own.replace("http://", "https://")),
        json!(format!("{own}.evil.example")),
        json!(format!("{own}/tenant")),
        json!("https://accounts.google.com"),
        json!("accounts.google.com"),
        json!(""),
        json!([own]),
        json!(5),
        Value::Null,
    ] {
        stage.refuses_claims(json!({ "iss": iss }), mismatch).await;
    }
    let bare = own.strip_prefix("http://").unwrap();
    stage.accepts(json!({ "claims": { "iss": bare } })).await;
    stage.end().await;
}

#[tokio::test]
async fn id_6_the_audience_is_us_and_nobody_else() {
    let mut stage = Stage::start().await;
    let us = stage.world.google.client_id().to_owned();
    let stranger = "314159-other.apps.googleusercontent.com";
    let mismatch = "id_token_audience_mismatch";
    stage.refuses("wrong_aud", json!({}), mismatch).await;
    for aud in [
        json!([]),
        json!(""),
        json!(5),
        json!({ "0": us }),
        json!([stranger]),
        json!([us, stranger]),
        json!([us, 5]),
        json!(us.to_uppercase()),
        json!(format!("{us} ")),
        Value::Null,
    ] {
        stage.refuses_claims(json!({ "aud": aud }), mismatch).await;
    }
    let party = "id_token_authorized_party_mismatch";
    for azp in [json!(stranger), json!(""), json!([us]), json!(5)] {
        stage.refuses_claims(json!({ "azp": azp }), party).await;
    }
    stage.accepts(json!({ "claims": { "azp": null } })).await;
    stage.accepts(json!({ "claims": { "aud": [us] } })).await;
    stage.end().await;
}

#[tokio::test]
async fn id_7_times_are_whole_seconds_within_a_minute_of_ours() {
    let mut stage = Stage::start().await;
    stage.refuses("expired", json!({}), "id_token_expired").await;
    for wrong in [
        json!("1900000000"),
        json!(1.5e9),
        json!(-1),
        json!(9_223_372_036_854_775_808_u64),
        json!(1e40),
        json!(true),
        json!([]),
        Value::Null,
    ] {
        let exp = json!({ "exp": wrong });
        stage.refuses_claims(exp, "id_token_expiry_invalid").await;
        let iat = json!({ "iat": wrong });
        stage.refuses_claims(iat, "id_token_issued_at_invalid").await;
        if !wrong.is_null() {
            let nbf = json!({ "nbf": wrong });
            stage.refuses_claims(nbf, "id_token_not_before_invalid").await;
        }
    }
    let now = stage.now();
    let hour_ago = now - 3600;
    for (claims, code) in [
        (json!({ "iat": hour_ago, "exp": now - 61 }), "id_token_expired"),
        (json!({ "iat": hour_ago, "exp": 0 }), "id_token_expired"),
        (json!({ "iat": now + 300 }), "id_token_issued_in_future"),
        (json!({ "exp": now + 2 * 86400 }), "id_token_lifetime_refused"),
        (json!({ "iat": 1, "exp": now + 3600 }), "id_token_lifetime_refused"),
        (json!({ "nbf": now + 300 }), "id_token_not_yet_valid"),
    ] {
        stage.refuses_claims(claims, code).await;
    }
    let now = stage.now();
    for claims in [
        json!({ "iat": now - 3600, "exp": now - 30 }),
        json!({ "iat": now + 30 }),
        json!({ "nbf": now + 30 }),
    ] {
        stage.accepts(json!({ "claims": claims })).await;
    }
    stage.end().await;
}

#[tokio::test]
async fn id_8_the_nonce_is_ours_and_no_claim_switches_that_off() {
    let mut stage = Stage::start().await;
    let mismatch = "id_token_nonce_mismatch";
    stage.refuses("wrong_nonce", json!({}), mismatch).await;
    let other = stage.world.browser().begin("").await;
    let other = crate::support::param(&other, "nonce");
    for claims in [
        json!({ "nonce": null }),
        json!({ "nonce": "" }),
        json!({ "nonce": 5 }),
        json!({ "nonce": [other] }),
        json!({ "nonce": other }),
        json!({ "nonce": null, "nonce_supported": false }),
    ] {
        stage.refuses_claims(claims, mismatch).await;
    }
    stage.accepts(json!({ "claims": { "nonce_supported": false } })).await;
    stage.end().await;
}

#[tokio::test]
async fn id_9_the_subject_is_text_that_can_be_a_name() {
    let mut stage = Stage::start().await;
    for sub in [
        json!(123),
        json!(""),
        json!("1".repeat(256)),
        json!("\u{0}"),
        json!("a\u{0}b"),
        json!("é"),
        json!("a\nb"),
        json!(["1"]),
        json!(true),
        Value::Null,
    ] {
        let claims = json!({ "sub": sub });
        stage.refuses_claims(claims, "id_token_subject_invalid").await;
    }
    stage.accepts(json!({ "claims": { "sub": "1".repeat(255) } })).await;
    stage.end().await;
}

#[tokio::test]
async fn id_10_what_came_with_the_token_belongs_to_it() {
    let mut stage = Stage::start().await;
    let wrong = "AAAAAAAAAAAAAAAAAAAAAA";
    for value in [json!(wrong), json!(""), json!(5), json!([wrong])] {
        let at_hash = json!({ "at_hash": value });
        stage.refuses_claims(at_hash, "id_token_access_token_hash_mismatch").await;
        let c_hash = json!({ "c_hash": value });
        stage.refuses_claims(c_hash, "id_token_code_hash_mismatch").await;
    }
    stage.accepts(json!({ "claims": { "at_hash": null } })).await;
    stage.end().await;
}

#[tokio::test]
async fn id_10_another_access_token_than_the_tokens_own_is_refused() {
    let mut stage = Stage::start().await;
    let more = json!({ "fields": { "access_token": "of-somebody-else" } });
    let code = "id_token_access_token_hash_mismatch";
    stage.refuses("token_response", more, code).await;
    stage.end().await;
}

#[tokio::test]
async fn id_12_a_person_is_issuer_and_subject_and_an_address_is_nobody() {
    let world = World::start().await;
    let mut ada = world.browser();
    world.google.allow(ADA).await;
    ada.sign_in("").await.assert_status(303);
    let before = ada.session().await.json();

    world.google.allow(GRACE).await;
    let claims = json!({ "claims": { "email": ADA, "email_verified": true } });
    world.google.fault("token", "id_token_claims", claims).await;
    let mut other = world.browser();
    other.sign_in("").await.assert_status(303);
    let other = other.session().await.json();
    assert_eq!(other["user"]["email"], ADA);
    assert_ne!(other["user"]["id"], before["user"]["id"]);
    assert_ne!(other["grants"][0]["id"], before["grants"][0]["id"]);
    assert_eq!(ada.session().await.json(), before);

    world.google.allow(ADA).await;
    let claims = json!({ "claims": { "email": "countess@example.com" } });
    world.google.fault("token", "id_token_claims", claims).await;
    let mut again = world.browser();
    again.sign_in("").await.assert_status(303);
    let again = again.session().await.json();
    assert_eq!(again["user"]["id"], before["user"]["id"]);
    assert_eq!(again["user"]["email"], "countess@example.com");
}

#[tokio::test]
async fn id_14_an_address_that_can_be_read_in_two_ways_is_not_shown_as_one() {
    let stage = Stage::start().await;
    for email in [
        "a@evil.example@corp.example",
        "a\u{ff20}corp.example",
        "a@corp.example.",
        "a\u{0}@corp.example",
        "a@corp.example\u{0}",
        "<script>alert(1)</script>@corp.example\n",
        "@corp.example",
        "a b@corp.example",
    ] {
        let more = json!({ "claims": { "email": email } });
        stage.world.google.fault("token", "id_token_claims", more).await;
        let mut browser = stage.world.browser();
        browser.sign_in("").await.assert_status(303);
        let session = browser.session().await.json();
        assert_eq!(session["user"]["email"], Value::Null, "{email:?}");
        assert_eq!(session["user"]["email_verified"], false, "{email:?}");
    }
    for verified in [json!("true"), json!(1), Value::Null] {
        let more = json!({ "claims": { "email_verified": verified } });
        stage.world.google.fault("token", "id_token_claims", more).await;
        let mut browser = stage.world.browser();
        browser.sign_in("").await.assert_status(303);
        let session = browser.session().await.json();
        assert_eq!(session["user"]["email_verified"], false, "{verified}");
    }
    stage.end().await;
}

#[tokio::test]
async fn id_15_only_the_signed_claim_makes_somebody_a_member_of_a_domain() {
    let world = World::with(|provider| provider.hosted_domains = vec!["corp.example".into()]).await;
    let mut browser = world.browser();
    let code = "id_token_hosted_domain_refused";
    for (user, claims) in [
        (ADA, json!({})),
        (ADA, json!({ "email": "ada@corp.example", "email_verified": true })),
        (ADA, json!({ "hd": "" })),
        (ADA, json!({ "hd": "evil.example" })),
        (ADA, json!({ "hd": "corp.example.evil.example" })),
        (ADA, json!({ "hd": "sub.corp.example" })),
        (ADA, json!({ "hd": ["corp.example"] })),
        (ADA, json!({ "hd": true })),
        ("linus@corp.example", json!({ "hd": null })),
    ] {
        world.google.allow(user).await;
        let before = world.before(&mut browser).await;
        let more = json!({ "claims": claims });
        world.google.fault("token", "id_token_claims", more).await;
        let answer = browser.sign_in("").await;
        let expected = refused(403, code).after_exchange();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    world.google.allow("linus@corp.example").await;
    browser.sign_in("").await.assert_status(303);
    let session = browser.session().await.json();
    assert_eq!(session["user"]["email"], "linus@corp.example");
}

#[tokio::test]
async fn id_21_an_access_token_is_no_id_token() {
    let mut stage = Stage::start().await;
    let more = json!({ "fields": { "id_token": "ya29.a0-an-access-token" } });
    stage.refuses("token_response", more, "id_token_not_compact").await;
    stage.refuses_header(json!({ "typ": "at+jwt" }), "id_token_type_refused").await;
    stage.end().await;
}

#[tokio::test]
async fn somebody_elses_token_signs_nobody_in_as_the_one_who_asked() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut ada = world.browser();
    ada.sign_in("").await.assert_status(303);
    let before = ada.session().await.json();
    let twice = json!({ "times": 2 });
    world.google.fault("token", "other_subject", twice).await;
    let mut other = world.browser();
    other.sign_in("").await.assert_status(303);
    let other = other.session().await.json();
    assert_ne!(other["user"]["id"], before["user"]["id"]);
    assert_eq!(ada.session().await.json(), before);
}
