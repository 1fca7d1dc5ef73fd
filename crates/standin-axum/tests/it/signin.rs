//! Signing in by redirect: the road that everything else widens.

use crate::support::{ADA, CALENDAR, World};

#[tokio::test]
async fn one_consent_gives_a_session_and_offline_access() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();

    let last = browser.sign_in(&format!("?scope={CALENDAR}&return_to=/notes")).await;

    assert_eq!(last.status, 303);
    assert_eq!(last.location(), world.url("/notes"));
    let session = browser.session().await;
    session.assert_status(200);
    let session = session.json();
    assert_eq!(session["user"]["email"], ADA);
    assert_eq!(session["grants"][0]["offline"], true);
    assert_eq!(session["grants"][0]["state"], "active");
    assert_eq!(session["grants"][0]["missing_scopes"], serde_json::json!([]));
    assert_eq!(world.google.count("consent_shown").await, 1);
    assert_eq!(world.google.count("code_redeemed").await, 1);
}

#[tokio::test]
async fn a_second_sign_in_shows_no_consent_and_keeps_the_refresh_token() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    world.browser().sign_in("").await.assert_status(303);
    let mut again = world.browser();

    again.sign_in("").await.assert_status(303);

    assert_eq!(world.google.count("consent_shown").await, 1);
    assert_eq!(again.session().await.json()["grants"][0]["offline"], true);
}
