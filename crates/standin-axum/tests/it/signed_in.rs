//! What a sign-in that succeeds leaves behind: scopes as they were given, one session, one user.

use serde_json::json;

use crate::support::{ADA, CALENDAR, DRIVE, GRACE, World};

#[tokio::test]
async fn cb_12_whoever_unticks_a_scope_is_signed_in_without_it() {
    let world = World::start().await;
    world.google.allow_all_but(ADA, &[DRIVE]).await;
    let mut browser = world.browser();
    let query = format!("?scope={CALENDAR}+{DRIVE}&return_to=/notes");
    let done = browser.sign_in(&query).await;
    assert_eq!(done.location(), world.url("/notes"));
    let session = browser.session().await.json();
    assert_eq!(session["grants"][0]["missing_scopes"], json!([DRIVE]));
    assert_eq!(session["grants"][0]["state"], "active");
    assert_eq!(session["grants"][0]["offline"], true);
    let scopes = session["grants"][0]["scopes"].as_array().unwrap().clone();
    assert!(scopes.contains(&json!(CALENDAR)) && !scopes.contains(&json!(DRIVE)));

    world.google.allow(ADA).await;
    browser.sign_in(&query).await.assert_status(303);
    let session = browser.session().await.json();
    assert_eq!(session["grants"][0]["missing_scopes"], json!([]));
}

#[tokio::test]
async fn cb_12_an_answer_that_names_no_scope_means_what_was_asked() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let more = json!({ "fields": { "scope": null } });
    world.google.fault("token", "token_response", more).await;
    let mut browser = world.browser();
    browser.sign_in(&format!("?scope={CALENDAR}")).await.assert_status(303);
    let grant = &browser.session().await.json()["grants"][0];
    assert_eq!(grant["missing_scopes"], json!([]));
    assert_eq!(grant["scopes"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn cb_13_the_session_from_before_the_sign_in_is_dead_after_it() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    browser.set_cookie("__Host-standin", "fixed-by-somebody-else");
    browser.sign_in("").await.assert_status(303);
    let first = browser.cookie("__Host-standin").unwrap().to_owned();
    assert_ne!(first, "fixed-by-somebody-else");
    browser.sign_in("").await.assert_status(303);
    let second = browser.cookie("__Host-standin").unwrap().to_owned();
    assert_ne!(first, second);
    for dead in ["fixed-by-somebody-else", first.as_str()] {
        let mut thief = world.browser();
        thief.set_cookie("__Host-standin", dead);
        thief.session().await.assert_refused(401, "unauthenticated");
    }
    browser.session().await.assert_status(200);
}

#[tokio::test]
async fn cb_14_another_account_takes_the_session_and_never_joins_the_user() {
    let world = World::start().await;
    let mut browser = world.browser();
    world.google.allow(ADA).await;
    browser.sign_in("").await.assert_status(303);
    let adas = browser.cookie("__Host-standin").unwrap().to_owned();
    let ada = browser.session().await.json();
    world.google.allow(GRACE).await;
    browser.sign_in("").await.assert_status(303);

    let grace = browser.session().await.json();
    assert_eq!(grace["user"]["email"], GRACE);
    assert_ne!(grace["user"]["id"], ada["user"]["id"]);
    assert_eq!(grace["identities"].as_array().unwrap().len(), 1);
    assert_eq!(grace["grants"].as_array().unwrap().len(), 1);
    let mut old = world.browser();
    old.set_cookie("__Host-standin", &adas);
    old.session().await.assert_refused(401, "unauthenticated");
}
