//! A job asks for tokens of a user who is away.

use serde_json::json;

use crate::support::{ADA, CALENDAR, World};

#[tokio::test]
async fn a_job_acts_for_a_user_whose_browser_is_closed() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    browser
        .sign_in(&format!("?scope={CALENDAR}"))
        .await
        .assert_status(303);
    let user = browser.session().await.json()["user"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    drop(browser);
    let job = world.job().await;

    world.google.advance(7200).await;
    let token = job.vend(&user, json!({ "scopes": [CALENDAR] })).await;

    token.assert_status(200);
    let token = token.json();
    let events = "/calendar/v3/calendars/primary/events";
    assert_eq!(
        world
            .google
            .api(events, token["access_token"].as_str().unwrap())
            .await,
        200
    );
    assert_eq!(token["user"], user);
    assert_eq!(world.google.count("token_refreshed").await, 1);
}
