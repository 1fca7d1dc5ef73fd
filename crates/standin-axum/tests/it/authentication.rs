//! How, and how recently, somebody signed in at the provider, where the operator asks for it.

use std::time::Duration;

use serde_json::{Value, json};
use standin::provider::{
    AnswerForm, ProviderConfig, ProviderKind, ProviderProfile, UserAuthentication,
};

use crate::support::{ADA, CALENDAR, World, param, refused};

const CLAIMS: &str = r#"{"id_token":{"auth_time":{"essential":true}}}"#;

fn five_minutes(provider: &mut ProviderConfig) {
    provider.authentication.max_age = Some(Duration::from_mins(5));
}

async fn world(change: impl FnOnce(&mut ProviderConfig)) -> World {
    let world = World::with(change).await;
    world.google.allow(ADA).await;
    let project = json!({ "id": "emulated-project", "auth_time": true });
    world.google.control("PUT", "projects", project).await;
    world
}

#[tokio::test]
async fn id_23_somebody_who_signed_in_at_the_provider_too_long_ago_is_refused() {
    for form in [AnswerForm::Query, AnswerForm::HybridFormPost] {
        let world = world(|provider| {
            five_minutes(provider);
            provider.answer = form;
        });
        let world = world.await;
        let mut browser = world.browser();
        let asked = browser.begin("").await;
        assert_eq!(
            (param(&asked, "max_age"), param(&asked, "claims")),
            ("300".into(), CLAIMS.into())
        );
        browser.sign_in("").await.assert_status(303);
        world.google.advance(290).await;
        browser.sign_in("").await.assert_status(303);
        world.google.advance(80).await;
        let before = world.before(&mut browser).await;
        let answer = browser.sign_in("").await;
        let expected = refused(403, "id_token_authentication_too_old");
        let is_hybrid = form == AnswerForm::HybridFormPost;
        let expected = if is_hybrid { expected.known() } else { expected.after_exchange() };
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
        // Another browser of theirs has only just signed in there.
        world.browser().sign_in("").await.assert_status(303);
    }
}

/// What counts is when it was asked, not how long the person took to answer.
#[tokio::test]
async fn id_23_a_person_may_take_their_time_on_the_providers_pages() {
    let world = world(five_minutes).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    world.google.advance(590).await;
    browser.get(&callback).await.assert_status(303);
}

#[tokio::test]
async fn id_23_a_provider_that_does_not_say_when_signs_nobody_in() {
    let world = World::with(five_minutes).await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let before = world.before(&mut browser).await;
    let answer = browser.sign_in("").await;
    let expected = refused(403, "id_token_authentication_time_invalid").after_exchange();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    // Nor do the ways in that cannot ask: the provider's popup and its button.
    let (state, code) = world.one_time_code(&mut browser).await;
    let before = world.before(&mut browser).await;
    let answer = browser.post_code(&code, &state).await;
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
}

#[tokio::test]
async fn id_23_a_refresh_says_nothing_of_it_and_need_not() {
    let world = world(five_minutes).await;
    let (_, user) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    world.google.advance(7200).await;
    let body = json!({ "scopes": [CALENDAR] });
    world.job().await.vend(&user, body).await.assert_status(200);
}

#[tokio::test]
async fn id_23_somebody_who_signed_in_at_the_provider_in_another_way_is_refused() {
    let world = World::with(|provider| {
        provider.kind = ProviderKind::Oidc(ProviderProfile::default());
        let acr_values = vec!["phr".to_owned(), "phrh".to_owned()];
        provider.authentication = UserAuthentication { max_age: None, acr_values };
    });
    let world = world.await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let asked = browser.begin("").await;
    assert_eq!(param(&asked, "acr_values"), "phr phrh");
    assert!(!asked.query_pairs().any(|(name, _)| name == "max_age" || name == "claims"));
    for acr in [Value::Null, json!("0"), json!("phr phrh"), json!(["phr"])] {
        let more = json!({ "claims": { "acr": acr } });
        world.google.fault("token", "id_token_claims", more).await;
        let before = world.before(&mut browser).await;
        let answer = browser.sign_in("").await;
        let expected = refused(403, "id_token_authentication_context_refused").after_exchange();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    let twice = json!({ "claims": { "acr": "phrh" }, "times": 2 });
    world.google.fault("token", "id_token_claims", twice).await;
    browser.sign_in("").await.assert_status(303);
}
