//! A sign-in that somebody else started and that this person is lured into finishing.
//!
//! There is no way in for a device, an invitation or a program that waits elsewhere. Each flow that there is
//! ends in the browser whose cookie began it, or nowhere.

use serde_json::json;

use crate::support::{ADA, Browser, CALENDAR, GRACE, World, refused};

/// Browsers of the victim: nobody yet, under way with a sign-in of their own, and signed in.
async fn victims(world: &World) -> Vec<Browser> {
    world.google.allow(GRACE).await;
    let mut browsers = vec![world.browser(), world.browser(), world.browser()];
    browsers[1].callback_url("").await;
    browsers[1].begin_code(json!({})).await;
    browsers[2].sign_in("").await.assert_status(303);
    browsers
}

async fn is_pending(starter: &mut Browser, attempt: &str) {
    let outcome = starter.get(format!("/auth/attempts/{attempt}")).await;
    outcome.assert_status(200);
    assert_eq!(outcome.json()["status"], "pending", "{}", outcome.body);
    starter.session().await.assert_refused(401, "unauthenticated");
}

#[tokio::test]
async fn cb_16_an_address_that_somebody_else_started_ends_nowhere() {
    let world = World::start().await;
    for mut victim in victims(&world).await {
        for query in ["", "?mode=popup", &format!("?scope={CALENDAR}")] {
            let mut starter = world.browser();
            let asked = starter.begin(query).await;
            let before = world.before(&mut victim).await;
            // The victim opens it, and says yes to everything at the provider.
            let lured = victim.answer_to(&asked).await;
            for html in [false, true] {
                if html {
                    victim.accept_html();
                }
                let answer = victim.get(&lured).await;
                victim.headers.clear();
                let expected = refused(403, "attempt_missing");
                world.assert_refusal(&mut victim, &before, &answer, expected).await;
                assert!(!answer.headers.contains_key("location"));
                assert!(!answer.body.contains("<form"), "nothing to be talked into");
            }
            starter.session().await.assert_refused(401, "unauthenticated");
        }
        world.assert_next_sign_in_works(&mut victim).await;
        world.google.allow(GRACE).await;
    }
}

#[tokio::test]
async fn cb_16_a_code_for_an_attempt_of_somebody_else_ends_nowhere() {
    let world = World::start().await;
    for mut victim in victims(&world).await {
        let mut starter = world.browser();
        let begun = starter.begin_code(json!({})).await;
        let code = world.google.popup_code(&world.app, &begun, &[]).await;
        let before = world.before(&mut victim).await;

        let answer = victim.post_code(&code, begun["state"].as_str().unwrap()).await;

        world.assert_refusal(&mut victim, &before, &answer, refused(403, "attempt_missing")).await;
        is_pending(&mut starter, begun["attempt"].as_str().unwrap()).await;
    }
}

#[tokio::test]
async fn cb_16_who_waits_elsewhere_is_told_nothing_of_an_attempt() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let begun = browser.begin_code(json!({})).await;
    let attempt = begun["attempt"].as_str().unwrap().to_owned();
    let code = world.google.popup_code(&world.app, &begun, &[]).await;
    browser.post_code(&code, begun["state"].as_str().unwrap()).await.assert_status(200);
    let mut elsewhere = world.browser();
    let answer = elsewhere.get(format!("/auth/attempts/{attempt}")).await;
    assert!(answer.status.is_client_error(), "{}", answer.body);
    elsewhere.session().await.assert_refused(401, "unauthenticated");
}
