//! The hybrid flow: an ID token comes through the browser with the code, and is proved before the code is spent.

use serde_json::{Value, json};
use standin::provider::AnswerForm;

use crate::support::{
    ADA, Browser, CALENDAR, GRACE, KID, WithOurKey, World, param, refused, signed,
};

async fn world() -> World {
    let world = World::with(|provider| provider.answer = AnswerForm::HybridFormPost).await;
    world.google.allow(ADA).await;
    world
}

/// The claims of a token, unverified.
fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&data_encoding::BASE64URL_NOPAD.decode(part.as_bytes()).unwrap())
        .unwrap()
}

#[tokio::test]
async fn id_10_a_code_that_its_id_token_vouches_for_signs_in() {
    let world = world().await;
    let mut browser = world.browser();
    let asked = browser.begin("?return_to=/notes").await;
    assert_eq!(param(&asked, "response_type"), "code id_token");
    assert_eq!(param(&asked, "response_mode"), "form_post");
    assert_eq!(param(&asked, "code_challenge_method"), "S256");
    let form = browser.form_for(&asked).await;
    assert_eq!(claims(form.get("id_token"))["nonce"], param(&asked, "nonce"));

    let done = browser.submit(&form).await;

    assert_eq!((done.status.as_u16(), done.location()), (303, world.url("/notes")));
    world.assert_tells_nothing(&done).await;
    let session = browser.session().await.json();
    assert_eq!(session["user"]["email"], ADA);
    assert_eq!(session["user"]["name"], "Ada Lovelace", "the token endpoint's token tells more");
    assert_eq!(session["grants"][0]["offline"], true);
    assert_eq!(world.google.token_calls().await, 1);
}

/// One sign-in whose front channel goes wrong in this way: refused before anything is asked of the token endpoint.
async fn front_is_refused(
    world: &World,
    browser: &mut Browser,
    fault: &str,
    more: Value,
    code: &'static str,
) {
    world.google.fault("authorize", fault, more).await;
    let form = browser.form("").await;
    let before = world.before(browser).await;
    let answer = browser.submit(&form).await;
    world.assert_refusal(browser, &before, &answer, refused(403, code).known()).await;
    // The attempt is over: the code has no second chance.
    let answer = browser.submit(&form).await;
    assert_eq!(answer.any_code(), "attempt_used");
}

#[tokio::test]
async fn id_10_a_front_token_that_fails_a_check_is_refused_before_the_code_is_spent() {
    let world = world().await;
    for (index, (fault, more, code)) in [
        ("id_token_claims", json!({ "claims": { "c_hash": null } }), "id_token_code_hash_missing"),
        ("id_token_claims", json!({ "claims": { "c_hash": "" } }), "id_token_code_hash_mismatch"),
        (
            "id_token_claims",
            json!({ "claims": { "c_hash": "TQF6n3c1prBP7HrrbNba4g" } }),
            "id_token_code_hash_mismatch",
        ),
        ("id_token_claims", json!({ "claims": { "c_hash": 1 } }), "id_token_code_hash_mismatch"),
        ("wrong_nonce", json!({}), "id_token_nonce_mismatch"),
        ("id_token_claims", json!({ "claims": { "nonce": null } }), "id_token_nonce_mismatch"),
        ("bad_signature", json!({}), "id_token_signature_invalid"),
        ("alg_none", json!({}), "id_token_algorithm_refused"),
        ("id_token_claims", json!({ "header": { "alg": "ES256K" } }), "id_token_algorithm_refused"),
        ("id_token_claims", json!({ "header": { "alg": "HS256" } }), "id_token_algorithm_refused"),
        ("unknown_kid", json!({}), "id_token_unknown_key"),
        ("expired", json!({}), "id_token_expired"),
        ("wrong_aud", json!({}), "id_token_audience_mismatch"),
        ("id_token_claims", json!({ "claims": { "aud": null } }), "id_token_audience_mismatch"),
        (
            "id_token_claims",
            json!({ "claims": { "iss": "https://evil.example" } }),
            "id_token_issuer_mismatch",
        ),
        ("id_token_claims", json!({ "claims": { "sub": null } }), "id_token_subject_invalid"),
        ("id_token_claims", json!({ "claims": { "iat": null } }), "id_token_issued_at_invalid"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut browser = world.browser_at(u8::try_from(index).unwrap() + 10);
        front_is_refused(&world, &mut browser, fault, more, code).await;
    }
    world.assert_next_sign_in_works(&mut world.browser()).await;
}

#[tokio::test]
async fn id_10_another_code_than_the_one_that_is_vouched_for_is_not_spent() {
    let world = world().await;
    let mut stranger = world.browser();
    world.google.allow(GRACE).await;
    let theirs = stranger.form("").await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    for (name, code) in
        [("code", "id_token_code_hash_mismatch"), ("id_token", "id_token_nonce_mismatch")]
    {
        let form = browser.form("").await;
        let before = world.before(&mut browser).await;
        let answer = browser.submit(&form.with(name, theirs.get(name))).await;
        world.assert_refusal(&mut browser, &before, &answer, refused(403, code).known()).await;
    }
    stranger.submit(&theirs).await.assert_status(303);
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn id_10_the_front_channel_brings_an_id_token_and_no_access_token() {
    let world = world().await;
    let mut browser = world.browser();
    let form = browser.form("").await;
    let before = world.before(&mut browser).await;
    let answer = browser.submit(&form.adding("access_token", "a-token")).await;
    world.assert_refusal(&mut browser, &before, &answer, refused(400, "token_not_asked_for")).await;
    for (wrong, status, code) in [
        (form.without("id_token"), 400, "id_token_missing"),
        (browser.form("").await.without("code"), 400, "code_missing"),
        (browser.form("").await.with("id_token", "x"), 403, "id_token_not_compact"),
        (browser.form("").await.with("id_token", ""), 403, "id_token_not_compact"),
    ] {
        let before = world.before(&mut browser).await;
        let answer = browser.submit(&wrong).await;
        let expected = refused(status, code).known();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_10_nothing_is_stored_when_the_front_token_is_good_and_the_back_token_is_not() {
    let world = world().await;
    for (index, (fault, more, code)) in [
        ("wrong_nonce", json!({}), "id_token_nonce_mismatch"),
        ("id_token_claims", json!({ "claims": { "nonce": null } }), "id_token_nonce_mismatch"),
        (
            "id_token_claims",
            json!({ "claims": { "at_hash": "mPxIkLWqdWsZDamrFpBMOQ" } }),
            "id_token_access_token_hash_mismatch",
        ),
        (
            "id_token_claims",
            json!({ "claims": { "c_hash": "TQF6n3c1prBP7HrrbNba4g" } }),
            "id_token_code_hash_mismatch",
        ),
        ("bad_signature", json!({}), "id_token_signature_invalid"),
        ("expired", json!({}), "id_token_expired"),
        ("wrong_aud", json!({}), "id_token_audience_mismatch"),
        ("wrong_iss", json!({}), "id_token_issuer_mismatch"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut browser = world.browser_at(u8::try_from(index).unwrap() + 10);
        let form = browser.form("").await;
        let before = world.before(&mut browser).await;
        world.google.fault("token", fault, more).await;
        let answer = browser.submit(&form).await;
        let expected = refused(403, code).after_exchange();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    world.assert_next_sign_in_works(&mut world.browser()).await;
}

#[tokio::test]
async fn id_11_both_tokens_name_the_same_person() {
    let world = world().await;
    let mut browser = world.browser();
    for endpoint in ["authorize", "token"] {
        world.google.fault(endpoint, "other_subject", json!({})).await;
        let form = browser.form("").await;
        let before = world.before(&mut browser).await;
        let answer = browser.submit(&form).await;
        let expected = refused(403, "id_token_subject_mismatch").after_exchange();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    world.assert_next_sign_in_works(&mut browser).await;
}

/// Google spells its issuer in two ways; a person is the same in both.
#[tokio::test]
async fn id_11_googles_two_spellings_are_one_issuer() {
    let world = world().await;
    let forms = json!({ "id_token_iss_form": { "front": "bare" } });
    world.google.control("PUT", "profile", forms).await;
    let mut browser = world.browser();
    let form = browser.form("").await;
    assert!(!claims(form.get("id_token"))["iss"].as_str().unwrap().contains("://"));
    browser.submit(&form).await.assert_status(303);
}

/// Of a hash algorithm that is not known here nothing is guessed, though the right key has signed.
#[tokio::test]
async fn id_10_a_front_token_of_an_unknown_hash_algorithm_is_refused() {
    let world = World::over(WithOurKey::new(), |provider| {
        provider.answer = AnswerForm::HybridFormPost;
    });
    let world = world.await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let form = browser.form("").await;
    let header = json!({ "alg": "ES256", "kid": KID, "typ": "JWT" });
    let ours = signed(&header, &claims(form.get("id_token")));
    browser.submit(&form.with("id_token", &ours)).await.assert_status(303);
    let form = browser.form("").await;
    let header = json!({ "alg": "ES256K", "kid": KID, "typ": "JWT" });
    let ours = signed(&header, &claims(form.get("id_token")));
    let before = world.before(&mut browser).await;
    let answer = browser.submit(&form.with("id_token", &ours)).await;
    let expected = refused(403, "id_token_algorithm_refused").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
}

#[tokio::test]
async fn cb_6_a_hybrid_request_that_is_declined_says_so() {
    let world = world().await;
    world.google.deny(ADA).await;
    let mut browser = world.browser();
    let form = browser.form("").await;
    let before = world.before(&mut browser).await;
    let answer = browser.submit(&form).await;
    let expected = refused(403, "access_denied").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn rf_12_scopes_are_added_and_consent_is_asked_again_in_the_hybrid_flow() {
    let world = world().await;
    world.google.fault("token", "no_refresh_token", json!({})).await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let before = browser.session().await.json();
    assert_eq!(world.google.count("authorization").await, 2);
    assert_eq!(before["grants"][0]["offline"], true);
    let body = json!({ "scopes": [CALENDAR] });
    let begun = browser.post("/auth/google/grant", body).await.json();
    let url = begun["authorization_url"].as_str().unwrap().parse().unwrap();
    assert_eq!(param(&url, "response_type"), "code id_token");
    let form = browser.form_for(&url).await;
    browser.submit(&form).await.assert_status(303);
    let after = browser.session().await.json();
    assert_eq!(after["session"], before["session"]);
    assert!(after["grants"][0]["scopes"].as_array().unwrap().contains(&json!(CALENDAR)));
}

/// The provider's popup has its own way: a code that a page posts.
#[tokio::test]
async fn cb_7_the_one_time_code_is_no_part_of_the_hybrid_flow() {
    let world = world().await;
    let mut browser = world.browser();
    let (state, code) = world.one_time_code(&mut browser).await;
    browser.post_code(&code, &state).await.assert_status(200);
    let form = browser.form("").await;
    let before = world.before(&mut browser).await;
    let answer = browser.post_code(form.get("code"), form.get("state")).await;
    let expected = refused(400, "response_mode_mismatch").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
}
