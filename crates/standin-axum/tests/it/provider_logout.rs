//! Signing out at the provider as well, and coming back from there.

use http::Method;
use serde_json::{Value, json};
use url::Url;

use crate::support::{ADA, Browser, GRACE, World, adding, param, with, without};

async fn with_an_end_of_session() -> World {
    let world = World::start().await;
    world.google.control("PUT", "profile", json!({ "end_session": true })).await;
    world
}

/// Signs out here, and where that leads.
async fn leave(browser: &mut Browser, return_to: &str) -> Url {
    let body = json!({ "provider": "google", "return_to": return_to });
    let answer = browser.post("/auth/logout", body).await;
    answer.assert_status(200);
    answer.json()["logout_url"].as_str().unwrap().parse().unwrap()
}

/// Where the provider sends the browser back to.
async fn back(browser: &mut Browser, logout_url: &Url) -> Url {
    let answer = browser.get(logout_url).await;
    answer.assert_status(303);
    answer.location()
}

#[tokio::test]
async fn sc_5_signing_out_at_the_provider_too_leads_back_with_the_state_it_left_with() {
    let world = with_an_end_of_session().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let subject = browser.session().await.json()["identities"][0]["subject"].clone();

    let url = leave(&mut browser, "/bye").await;

    browser.session().await.assert_refused(401, "unauthenticated");
    assert_eq!(param(&url, "client_id"), world.google.client_id());
    assert_eq!(param(&url, "logout_hint"), subject.as_str().unwrap());
    let callback = world.url("/auth/google/logged-out");
    assert_eq!(param(&url, "post_logout_redirect_uri"), callback.as_str());
    assert!(param(&url, "state").len() >= 22);
    assert!(!url.query_pairs().any(|(name, _)| name == "id_token_hint"));
    let returned = back(&mut browser, &url).await;
    assert_eq!(without(&returned, "state").path(), callback.path());
    let done = browser.get(&returned).await;
    assert_eq!((done.status.as_u16(), done.location()), (303, world.url("/bye")));
    assert_eq!(world.google.count("session_ended").await, 1);
    // Once: afterwards it is a page and nothing more.
    browser.get(&returned).await.assert_status(200);
}

#[tokio::test]
async fn rd_4_another_state_or_none_leads_to_a_page_of_ours_and_nowhere_else() {
    let world = with_an_end_of_session().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let url = leave(&mut browser, "/bye").await;
    let returned = back(&mut browser, &url).await;
    let mut stranger = world.browser();
    stranger.get(&returned).await.assert_status(200);
    for wrong in [
        with(&returned, "state", "x"),
        with(&returned, "state", ""),
        without(&returned, "state"),
        adding(&returned, "state", "x"),
        with(&with(&returned, "state", "x"), "return_to", "https://evil.example"),
    ] {
        let page = browser.get(&wrong).await;
        assert_eq!(page.status.as_u16(), 200, "{wrong}");
        assert!(page.body.contains("come back from signing out") && !page.body.contains("evil"));
        assert!(page.headers.get("location").is_none());
    }
    // The right one still comes.
    assert_eq!(browser.get(&returned).await.location(), world.url("/bye"));

    for evil in ["//evil.example", "https://evil.example", "/\\evil.example", "/auth/google/login"]
    {
        let (mut browser, _) = world.signed_in(GRACE, "").await;
        let url = leave(&mut browser, evil).await;
        let returned = back(&mut browser, &url).await;
        assert_eq!(browser.get(&returned).await.location(), world.app, "{evil}");
    }
}

#[tokio::test]
async fn sc_5_a_provider_without_an_end_of_session_is_left_alone() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let body = json!({ "provider": "nobody" });
    browser.post("/auth/logout", body).await.assert_refused(404, "unknown_provider");
    browser.session().await.assert_status(200);
    let body = json!({ "provider": "google", "everywhere": true });
    let answer = browser.post("/auth/logout", body).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (200, json!({ "logout_url": Value::Null }))
    );
    browser.session().await.assert_refused(401, "unauthenticated");
}

#[tokio::test]
async fn sc_5_a_form_is_sent_to_the_provider_at_once() {
    let world = with_an_end_of_session().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let origin = browser.origin();
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", origin.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    let body = "provider=google&return_to=/bye".to_owned();
    let answer = browser.send(Method::POST, "/auth/logout", &headers, body).await;
    answer.assert_status(303);
    assert_eq!(answer.location().origin().ascii_serialization(), world.google.origin());
    let returned = back(&mut browser, &answer.location()).await;
    assert_eq!(browser.get(&returned).await.location(), world.url("/bye"));
}
