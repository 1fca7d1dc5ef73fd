//! RFC 9207: an answer says which provider gave it, and that is the one that was asked.

use serde_json::json;

use crate::support::{ADA, World, adding, param, refused, with, without};

#[tokio::test]
async fn cb_5_the_issuer_of_an_answer_is_the_one_that_was_asked() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    let iss = param(&callback, "iss");
    let bare = iss.strip_prefix("http://").unwrap();
    for (url, known, code) in [
        (without(&callback, "iss"), true, "issuer_mismatch"),
        (with(&callback, "iss", ""), true, "issuer_mismatch"),
        (with(&callback, "iss", "https://evil.example"), true, "issuer_mismatch"),
        (with(&callback, "iss", "https://accounts.google.com"), true, "issuer_mismatch"),
        (with(&callback, "iss", &format!("{iss}/")), true, "issuer_mismatch"),
        (with(&callback, "iss", &iss.to_uppercase()), true, "issuer_mismatch"),
        (with(&callback, "iss", &format!(" {iss}")), true, "issuer_mismatch"),
        (with(&callback, "iss", bare), true, "issuer_mismatch"),
        (adding(&callback, "iss", &iss), false, "duplicate_parameter"),
        (adding(&callback, "iss", "https://evil.example"), false, "duplicate_parameter"),
    ] {
        let before = world.before(&mut browser).await;
        let answer = browser.get(&url).await;
        let expected = refused(400, code);
        let expected = if known { expected.known() } else { expected };
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    browser.get(&callback).await.assert_status(303);
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_5_an_error_without_the_right_issuer_does_not_end_my_attempt() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    let denied = with(&without(&callback, "code"), "error", "access_denied");
    for url in [without(&denied, "iss"), with(&denied, "iss", "https://evil.example")] {
        let before = world.before(&mut browser).await;
        let answer = browser.get(&url).await;
        let expected = refused(400, "issuer_mismatch").known();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    browser.get(&callback).await.assert_status(303);
}

#[tokio::test]
async fn cb_5_an_issuer_that_was_not_promised_may_be_missing_and_must_not_be_wrong() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    world.google.control("PUT", "profile", json!({ "iss_parameter": false })).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    assert!(!callback.as_str().contains("iss="));
    let before = world.before(&mut browser).await;
    let wrong = adding(&callback, "iss", "https://evil.example");
    let answer = browser.get(&wrong).await;
    let expected = refused(400, "issuer_mismatch").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    browser.get(&callback).await.assert_status(303);

    let callback = browser.callback_url("").await;
    let named = adding(&callback, "iss", world.google.origin());
    browser.get(&named).await.assert_status(303);
}

#[tokio::test]
async fn cb_5_the_provider_itself_naming_another_issuer_is_refused() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    world.google.fault("authorize", "wrong_iss", json!({})).await;
    let mut browser = world.browser();
    let before = world.before(&mut browser).await;
    let answer = browser.sign_in("").await;
    let expected = refused(400, "issuer_mismatch").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    world.assert_next_sign_in_works(&mut browser).await;
}
