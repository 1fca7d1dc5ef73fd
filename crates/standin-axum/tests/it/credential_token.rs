//! What is wrong with a credential, whoever made it: it signs nobody in.

use serde_json::{Value, json};

use crate::support::{ADA, ButtonPage, World, refused};

/// A world, and a page whose credentials are made to measure.
struct Stage {
    world: World,
    page: ButtonPage,
    cases: u8,
}

impl Stage {
    async fn start() -> Self {
        Self::over(World::start().await).await
    }

    async fn over(world: World) -> Self {
        world.google.allow(ADA).await;
        let page = ButtonPage::open(&world).await;
        Self { world, page, cases: 0 }
    }

    fn now(&self) -> i64 {
        self.world.standin.clock().now().unix_seconds()
    }

    /// An ID token with the page's nonce and these claims, signed by the provider, whatever its header says.
    async fn token(&self, claims: Value, header: Value) -> String {
        let mut all = json!({ "at_hash": null });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        let more = json!({ "claims": all, "header": header });
        self.world.google.fault("token", "id_token_claims", more).await;
        self.world.google.redeem(&self.code().await).await
    }

    /// The code of the provider's popup for a request with the page's nonce.
    async fn code(&self) -> String {
        let google = &self.world.google;
        let scope = "openid email profile";
        let begun = json!({ "client_id": google.client_id(), "scope": scope, "state": "s" });
        let nonce = [("nonce", self.page.nonce.as_str())];
        google.popup_code(&self.world.app, &begun, &nonce).await
    }

    async fn refuses(&mut self, token: &str, code: &'static str) {
        let before = self.world.before(&mut self.page.browser).await;
        let answer = self.page.post(token).await;
        assert_eq!(answer.any_code(), code, "{}", answer.body);
        // Whose attempt it is stands in the claims, which a token that is none does not have.
        let is_none = ["id_token_algorithm_refused", "id_token_type_refused"].contains(&code);
        let expected = if is_none { refused(403, code) } else { refused(403, code).known() };
        self.world.assert_refusal(&mut self.page.browser, &before, &answer, expected).await;
        // Failures are counted by address; each dozen comes from another.
        self.cases += 1;
        if self.cases.is_multiple_of(12) {
            let browser = self.world.browser_at(self.cases);
            self.page = ButtonPage::of(browser, json!({})).await;
        }
    }

    async fn refuses_claims(&mut self, claims: Value, code: &'static str) {
        let token = self.token(claims, json!({})).await;
        self.refuses(&token, code).await;
    }

    async fn refuses_header(&mut self, header: Value, code: &'static str) {
        let token = self.token(json!({}), header).await;
        self.refuses(&token, code).await;
    }

    async fn accepts_claims(&mut self, claims: Value) {
        let token = self.token(claims, json!({})).await;
        self.page.post(&token).await.assert_status(303);
        self.page = ButtonPage::open(&self.world).await;
    }
}

#[tokio::test]
async fn id_1_a_credential_is_signed_with_what_the_provider_signs_with() {
    let mut stage = Stage::start().await;
    for alg in ["none", "NONE", "HS256", "RS384"] {
        stage.refuses_header(json!({ "alg": alg }), "id_token_algorithm_refused").await;
    }
    stage.refuses_header(json!({ "typ": "at+jwt" }), "id_token_type_refused").await;
    stage.refuses_header(json!({ "kid": "unknown" }), "id_token_unknown_key").await;
    stage.world.google.fault("token", "bad_signature", json!({})).await;
    let token = stage.world.google.redeem(&stage.code().await).await;
    stage.refuses(&token, "id_token_signature_invalid").await;
    let token = stage.token(json!({}), json!({})).await;
    let (unsigned, _) = token.rsplit_once('.').unwrap();
    stage.refuses(&format!("{unsigned}."), "id_token_signature_invalid").await;
    stage.accepts_claims(json!({})).await;
}

#[tokio::test]
async fn id_5_to_id_7_a_credential_is_for_us_from_the_provider_and_of_now() {
    let mut stage = Stage::start().await;
    let issuer = "id_token_issuer_mismatch";
    stage.refuses_claims(json!({ "iss": "https://evil.example" }), issuer).await;
    stage.refuses_claims(json!({ "iss": null }), issuer).await;
    let audience = "id_token_audience_mismatch";
    stage.refuses_claims(json!({ "aud": "1-x.apps.googleusercontent.com" }), audience).await;
    stage.refuses_claims(json!({ "aud": [] }), audience).await;
    let party = "id_token_authorized_party_mismatch";
    stage.refuses_claims(json!({ "azp": "1-x.apps.googleusercontent.com" }), party).await;
    let now = stage.now();
    let old = json!({ "iat": now - 7200, "exp": now - 61 });
    stage.refuses_claims(old, "id_token_expired").await;
    stage.refuses_claims(json!({ "iat": now + 3600 }), "id_token_issued_in_future").await;
    stage.refuses_claims(json!({ "nbf": now + 3600 }), "id_token_not_yet_valid").await;
    stage.refuses_claims(json!({ "sub": "" }), "id_token_subject_invalid").await;

    let bare = stage.world.google.origin().split_once("://").unwrap().1.to_owned();
    stage.accepts_claims(json!({ "iss": bare, "nbf": now - 300, "jti": "j" })).await;
    stage.accepts_claims(json!({ "azp": null })).await;
}

#[tokio::test]
async fn id_8_a_credential_without_its_nonce_answers_no_attempt() {
    let mut stage = Stage::start().await;
    let token = stage.token(json!({ "nonce": null }), json!({})).await;
    stage.page.post(&token).await.assert_refused(403, "credential_without_nonce");
    for nonce in [json!(5), json!(""), json!("x"), json!(["x"])] {
        let token = stage.token(json!({ "nonce": nonce }), json!({})).await;
        stage.page.post(&token).await.assert_refused(403, "attempt_missing");
    }
}

#[tokio::test]
async fn id_21_what_came_with_an_access_token_or_a_code_is_no_credential() {
    let mut stage = Stage::start().await;
    let of_code_flow = stage.world.google.redeem(&stage.code().await).await;
    stage.refuses(&of_code_flow, "id_token_not_a_credential").await;
    let hybrid = json!({ "c_hash": "mPxIkLWqdWsZDamrFpBMOQ" });
    stage.refuses_claims(hybrid, "id_token_not_a_credential").await;

    let world = World::with(|google| google.allow_credential_without_nonce = true).await;
    let mut stage = Stage::over(world).await;
    let google = &stage.world.google;
    let scope = "openid email profile";
    let begun = json!({ "client_id": google.client_id(), "scope": scope, "state": "s" });
    let code = google.popup_code(&stage.world.app, &begun, &[]).await;
    let without_nonce = google.redeem(&code).await;
    let answer = stage.page.post(&without_nonce).await;
    answer.assert_refused(403, "id_token_not_a_credential");
}

#[tokio::test]
async fn id_21_an_access_token_is_no_credential() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let job = world.job().await;
    let token = crate::support::Caller::new(&world, &job, &user).token().await;
    let mut page = ButtonPage::open(&world).await;
    for wrong in [token.as_str(), "a.b.c", "..", "4/0Acode"] {
        let answer = page.post(wrong).await;
        assert_eq!(answer.status, 403, "{}", answer.body);
        let code = answer.any_code();
        assert!(
            ["id_token_not_compact", "id_token_encoding_invalid", "id_token_header_malformed"]
                .contains(&&*code),
            "{code}"
        );
        world.assert_tells_nothing(&answer).await;
    }
    page.browser.session().await.assert_refused(401, "unauthenticated");
}

#[tokio::test]
async fn id_15_a_credential_of_another_domain_signs_nobody_in() {
    let world = World::with(|google| google.hosted_domains = vec!["corp.example".into()]).await;
    let mut stage = Stage::over(world).await;
    let credential = stage.page.credential(&stage.world).await;
    stage.refuses(&credential, "id_token_hosted_domain_refused").await;
    stage.world.google.allow("linus@corp.example").await;
    let credential = stage.page.credential(&stage.world).await;
    stage.page.post(&credential).await.assert_status(303);
}
