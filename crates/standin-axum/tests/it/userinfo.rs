//! Claims that the ID token leaves out: the userinfo endpoint may tell them, about that person and nobody
//! else (requirement ID-16).

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::HeaderMap;
use serde_json::{Value, json};
use standin::http::{HttpClient, HttpError, Request, ReqwestClient, Response};
use standin::provider::Scopes;
use url::Url;

use crate::support::{ADA, CALENDAR, World, http_client, refused};

/// What went to the userinfo endpoint.
type Heard = Arc<Mutex<Vec<(Url, HeaderMap)>>>;

/// Standin's own client, with an ear at one endpoint.
struct Ear {
    client: ReqwestClient,
    heard: Heard,
}

#[async_trait]
impl HttpClient for Ear {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        if request.url.path().ends_with("/userinfo") {
            let heard = (request.url.clone(), request.headers.clone());
            self.heard.lock().unwrap().push(heard);
        }
        self.client.send(request).await
    }
}

struct Stage {
    world: World,
    heard: Heard,
}

impl Stage {
    async fn start() -> Self {
        let heard = Heard::default();
        let client = http_client();
        let world = World::over(Ear { client, heard: Arc::clone(&heard) }, |_| {}).await;
        world.google.allow(ADA).await;
        Self { world, heard }
    }

    /// The next ID token says this and, where it is null, does not say it.
    async fn id_token_says(&self, claims: Value) {
        self.world.google.control("DELETE", "faults", Value::Null).await;
        let more = json!({ "claims": claims });
        self.world.google.fault("token", "id_token_claims", more).await;
    }

    async fn userinfo_says(&self, body: impl ToString) {
        let more = json!({ "body": body.to_string() });
        self.world.google.fault("userinfo", "malformed", more).await;
    }

    /// Who is shown after a sign-in that works.
    async fn shown(&self) -> Value {
        let mut browser = self.world.browser();
        let done = browser.sign_in("").await;
        assert_eq!(done.status, 303, "{}", done.body);
        let session = browser.session().await;
        session.assert_status(200);
        session.json()
    }

    fn asked(&self) -> usize {
        self.heard.lock().unwrap().len()
    }
}

/// An ID token that proves who it is and says nothing more.
fn bare() -> Value {
    json!({ "email": null, "email_verified": null, "name": null, "picture": null })
}

#[tokio::test]
async fn id_16_claims_that_the_id_token_leaves_out_come_from_userinfo() {
    let stage = Stage::start().await;
    let told = stage.shown().await;
    assert_eq!(stage.asked(), 0, "the ID token says everything");

    stage.id_token_says(bare()).await;
    let completed = stage.shown().await;

    assert_eq!(completed["user"], told["user"]);
    assert_eq!(completed["user"]["email"], ADA);
    assert_eq!(completed["user"]["email_verified"], true);
    assert!(completed["user"]["name"].is_string() && completed["user"]["picture"].is_null());
    let heard = stage.heard.lock().unwrap().clone();
    let [(url, headers)] = heard.as_slice() else { panic!("asked {} times", heard.len()) };
    assert_eq!(url.query(), None);
    let bearer = headers["authorization"].to_str().unwrap();
    assert!(bearer.starts_with("Bearer ya29."));
    assert!(headers["authorization"].is_sensitive());
}

#[tokio::test]
async fn id_16_what_is_signed_stays_and_an_address_comes_from_one_place() {
    let stage = Stage::start().await;
    let subject = stage.shown().await["identities"][0]["subject"].clone();
    let told = json!({ "sub": subject, "name": "Told", "email": "told@example.com",
        "email_verified": true, "picture": "https://example.com/told.png", "hd": "corp.example" });
    let signed = |email: Value| json!({ "name": null, "picture": null, "email": email });
    for (claims, email, verified) in [
        (signed(json!("signed@example.com")), json!("signed@example.com"), true),
        (json!({ "name": null, "email_verified": null }), json!(ADA), false),
        (json!({ "name": null, "email": "a@b@example.com" }), Value::Null, false),
        (json!({ "name": null, "email": 5 }), Value::Null, false),
        (signed(Value::Null), json!("told@example.com"), true),
    ] {
        stage.id_token_says(claims.clone()).await;
        stage.userinfo_says(&told).await;
        let user = stage.shown().await["user"].clone();
        assert_eq!(
            (&user["email"], &user["email_verified"]),
            (&email, &json!(verified)),
            "{claims}"
        );
        assert_eq!(user["name"], "Told", "{claims}");
    }
    for (verified, email) in [(json!("true"), "told@example.com"), (json!(1), "told@example.com")] {
        let told = json!({ "sub": subject, "email": email, "email_verified": verified });
        stage.id_token_says(bare()).await;
        stage.userinfo_says(told).await;
        let user = stage.shown().await["user"].clone();
        assert_eq!((&user["email"], &user["email_verified"]), (&json!(email), &json!(false)));
    }
    for email in ["a@evil.example@corp.example", "a\u{ff20}corp.example", "a@corp.example.", "a"] {
        stage.id_token_says(bare()).await;
        stage
            .userinfo_says(json!({ "sub": subject, "email": email, "email_verified": true }))
            .await;
        let user = stage.shown().await["user"].clone();
        assert_eq!((&user["email"], &user["email_verified"]), (&Value::Null, &json!(false)));
    }
}

#[tokio::test]
async fn id_16_nobody_is_signed_in_on_the_word_of_another_persons_userinfo() {
    let stage = Stage::start().await;
    let subject = stage.shown().await["identities"][0]["subject"].as_str().unwrap().to_owned();
    let about = |sub: Value| json!({ "sub": sub, "email": "other@example.com", "name": "Other" });
    let mut browser = stage.world.browser_at(2);
    let (world, expected) = (&stage.world, refused(403, "userinfo_subject_mismatch"));
    let expected = expected.after_exchange();
    let wrong = [
        about(json!(format!("{subject} "))),
        about(json!(format!(" {subject}"))),
        about(json!(format!("{subject}0"))),
        about(json!(&subject[1..])),
        about(json!("")),
        about(json!(109_200_000_000_000_000_u64)),
        about(json!([subject])),
        about(json!({ "id": subject })),
        about(Value::Null),
        json!({ "id": subject, "email": "other@example.com" }),
        json!({ "SUB": subject }),
        json!({}),
    ];
    for told in wrong {
        stage.id_token_says(bare()).await;
        stage.userinfo_says(&told).await;
        let before = world.before(&mut browser).await;
        let answer = browser.sign_in("").await;
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    stage.id_token_says(bare()).await;
    world.google.fault("userinfo", "other_subject", json!({})).await;
    let before = world.before(&mut browser).await;
    let answer = browser.sign_in("").await;
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn id_16_a_code_of_a_page_is_refused_on_another_persons_userinfo_too() {
    let stage = Stage::start().await;
    let mut browser = stage.world.browser();
    let (state, code) = stage.world.one_time_code(&mut browser).await;
    stage.id_token_says(bare()).await;
    stage.world.google.fault("userinfo", "other_subject", json!({})).await;
    let before = stage.world.before(&mut browser).await;
    let answer = browser.post_code(&code, &state).await;
    let expected = refused(403, "userinfo_subject_mismatch").after_exchange();
    stage.world.assert_refusal(&mut browser, &before, &answer, expected).await;
    assert_eq!(stage.world.google.count("revoked").await, 1, "what it gave is given back");
}

#[tokio::test]
async fn id_16_a_userinfo_endpoint_that_fails_adds_nothing_and_takes_nothing_away() {
    let stage = Stage::start().await;
    let known = stage.shown().await;
    assert_eq!(known["user"]["email"], ADA);
    let subject = known["identities"][0]["subject"].as_str().unwrap().to_owned();
    let evil = r#""email":"other@example.com","name":"Other""#;
    let whole = format!(r#"{{"sub":"{subject}",{evil}}}"#);
    let status = |status: u16| ("status", json!({ "status": status, "body": whole }));
    let body = |body: String| ("malformed", json!({ "body": body }));
    let long = format!(r#"{{"sub":"{subject}",{evil},"x":"{}"}}"#, "x".repeat(64 * 1024));
    let faults = [
        status(500),
        status(503),
        status(401),
        status(403),
        status(302),
        status(201),
        ("drop_before", json!({})),
        ("drop_after", json!({})),
        body(String::new()),
        body("<html>".into()),
        body("null".into()),
        body(format!("[{whole}]")),
        body(format!("{whole}{whole}")),
        body(whole[..whole.len() - 1].into()),
        body(format!(r#"{{"sub":"{subject}","sub":"{subject}",{evil}}}"#)),
        body(long),
    ];
    for (fault, more) in faults {
        let asked = stage.asked();
        stage.id_token_says(bare()).await;
        stage.world.google.fault("userinfo", fault, more.clone()).await;
        let session = stage.shown().await;
        assert_eq!(session["identities"][0]["subject"], subject.as_str());
        assert_eq!(session["user"], known["user"], "{fault} {more}: what was known stays");
        assert_eq!(stage.asked(), asked + 1, "it is asked once");
    }
}

#[tokio::test]
async fn id_16_a_stranger_whose_userinfo_fails_is_signed_in_without_an_address() {
    let stage = Stage::start().await;
    stage.id_token_says(bare()).await;
    stage.world.google.fault("userinfo", "status", json!({ "status": 503 })).await;
    let session = stage.shown().await;
    for claim in ["email", "name", "picture"] {
        assert_eq!(session["user"][claim], Value::Null, "{claim}");
    }
    stage.world.google.control("DELETE", "faults", Value::Null).await;
    assert_eq!(stage.shown().await["user"]["email"], ADA, "the next sign-in tells it");
}

/// A client to which userinfo never answers.
struct Silence(ReqwestClient);

#[async_trait]
impl HttpClient for Silence {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        if request.url.path().ends_with("/userinfo") {
            std::future::pending().await
        } else {
            self.0.send(request).await
        }
    }
}

#[tokio::test]
async fn id_16_a_userinfo_endpoint_that_never_answers_does_not_hold_a_sign_in_up() {
    let world = World::over(Silence(http_client()), |_| {}).await;
    world.google.allow(ADA).await;
    world.google.fault("token", "id_token_claims", json!({ "claims": bare() })).await;
    let mut browser = world.browser();
    browser.sign_in("").await.assert_status(303);
    assert_eq!(browser.session().await.json()["user"]["email"], Value::Null);
}

#[tokio::test]
async fn id_16_only_what_was_granted_is_asked_for() {
    let stage = Stage::start().await;
    for (scopes, claims, asks) in [
        ("openid", json!({}), false),
        ("openid email", json!({ "name": null, "picture": null }), false),
        ("openid profile", json!({ "email": null }), false),
        ("openid profile", json!({ "name": "Ada", "picture": null, "email": null }), false),
        ("openid profile", json!({ "name": null }), true),
        ("openid email", json!({ "email": null }), true),
    ] {
        let scopes = Scopes::parse(scopes).unwrap();
        let world = World::over(
            Ear { client: http_client(), heard: Arc::clone(&stage.heard) },
            |provider| provider.scopes = scopes.clone(),
        )
        .await;
        world.google.allow(ADA).await;
        let more = json!({ "claims": claims });
        world.google.fault("token", "id_token_claims", more).await;
        let asked = stage.asked();
        world.browser().sign_in("").await.assert_status(303);
        assert_eq!(stage.asked() - asked, usize::from(asks), "{scopes} {claims}");
    }
}

#[tokio::test]
async fn id_15_membership_of_a_domain_is_never_taken_from_userinfo() {
    let world = World::with(|google| google.hosted_domains = vec!["corp.example".into()]).await;
    world.google.allow("linus@corp.example").await;
    let claims = json!({ "hd": null, "email": null, "name": null });
    world.google.fault("token", "id_token_claims", json!({ "claims": claims })).await;
    let mut browser = world.browser();
    let before = world.before(&mut browser).await;
    let answer = browser.sign_in(&format!("?scope={CALENDAR}")).await;
    let expected = refused(403, "id_token_hosted_domain_refused").after_exchange();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
}
