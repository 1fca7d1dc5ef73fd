//! Two providers side by side: what one of them answers is no answer of the other.

use http::Method;
use serde_json::json;
use url::Url;

use crate::support::{ADA, Answer, Browser, Google, World, param, refused, with};

/// Two providers at which the same person says yes to everything.
async fn start() -> (World, Google) {
    let (world, other) = World::with_another().await;
    world.google.allow(ADA).await;
    other.allow(ADA).await;
    (world, other)
}

async fn answer_of(browser: &mut Browser, provider: &str, query: &str) -> Url {
    let begun = browser.get(format!("/auth/{provider}/login{query}")).await;
    begun.assert_status(303);
    browser.answer_to(&begun.location()).await
}

/// The same answer at the callback of another provider.
fn at(provider: &str, callback: &Url) -> Url {
    let mut url = callback.clone();
    url.set_path(&format!("/auth/{provider}/callback"));
    url
}

#[tokio::test]
async fn cb_4_an_answer_at_the_other_providers_callback_asks_nobody_anything() {
    let (world, other) = start().await;
    let mut browser = world.browser();
    let theirs = answer_of(&mut browser, "other", "").await;
    for query in ["", "?mode=popup"] {
        let googles = answer_of(&mut browser, "google", query).await;
        let mixed = with(&googles, "code", &param(&theirs, "code"));
        for crossed in [
            at("other", &googles),
            at("google", &theirs),
            // The other provider's own code, at its own callback, under a state that is not its.
            at("other", &mixed),
            with(&at("other", &mixed), "iss", other.origin()),
        ] {
            let before = world.before(&mut browser).await;
            let answer = browser.get(&crossed).await;
            let expected = refused(400, "provider_mismatch").known();
            world.assert_refusal(&mut browser, &before, &answer, expected).await;
        }
        assert_eq!((world.google.token_calls().await, other.token_calls().await), (0, 0));
    }
    // A crossed answer used nothing up: the right ones still come.
    let done = browser.get(&theirs).await;
    browser.follow(done).await.assert_status(303);
    assert_eq!(browser.session().await.json()["identities"][0]["provider"], "other");
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_4_a_code_of_one_provider_never_goes_to_the_other() {
    let (world, other) = start().await;
    let mut browser = world.browser();
    let googles = answer_of(&mut browser, "google", "").await;
    let theirs = answer_of(&mut browser, "other", "").await;
    // What a provider does that wants the other's codes: its own name stands in the answer (RFC 9207).
    for (honest, evil) in [(&googles, &theirs), (&theirs, &googles)] {
        let before = world.before(&mut browser).await;
        let answer = with(honest, "code", &param(evil, "code"));
        let answer = browser.get(with(&answer, "iss", &param(evil, "iss"))).await;
        let expected = refused(400, "issuer_mismatch").known();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    assert_eq!((world.google.token_calls().await, other.token_calls().await), (0, 0));
}

#[tokio::test]
async fn cb_4_a_code_that_is_posted_to_the_other_provider_asks_nobody_anything() {
    let (world, other) = start().await;
    let mut browser = world.browser();
    let (state, code) = world.one_time_code(&mut browser).await;
    let before = world.before(&mut browser).await;

    let answer = post(&mut browser, "other", &code, &state).await;

    let expected = refused(400, "provider_mismatch").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    assert_eq!(other.token_calls().await, 0);
    post(&mut browser, "google", &code, &state).await.assert_status(200);
}

async fn post(browser: &mut Browser, provider: &str, code: &str, state: &str) -> Answer {
    browser.post(&format!("/auth/{provider}/code"), json!({ "code": code, "state": state })).await
}

#[tokio::test]
async fn id_12_one_person_at_two_providers_is_two_users() {
    let (world, _other) = start().await;
    let mut browser = world.browser();
    browser.sign_in("").await.assert_status(303);
    let at_google = browser.session().await.json();
    let done = browser.get("/auth/other/login").await;
    browser.follow(done).await.assert_status(303);
    let at_other = browser.session().await.json();

    assert_eq!(at_google["identities"][0]["subject"], at_other["identities"][0]["subject"]);
    assert_eq!(at_google["user"]["email"], at_other["user"]["email"]);
    assert_ne!(at_google["user"]["id"], at_other["user"]["id"]);
    let user = at_google["user"]["id"].as_str().unwrap();
    let path = format!("/v1/users/{user}/grants/other/token");
    let key = format!("Bearer {}", world.job().await.key);
    let headers = [("authorization", key.as_str())];
    let answer = world.browser().send(Method::POST, &path, &headers, String::new()).await;
    answer.assert_refused(404, "no_grant");
}
