//! Signing out: here, and everywhere.

use serde_json::json;

use crate::support::{ADA, GRACE, World};

#[tokio::test]
async fn sc_5_signing_out_ends_the_session_on_the_server_at_once() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let kept = browser.cookie("__Host-standin").unwrap().to_owned();

    let answer = browser.post("/auth/logout", json!({})).await;

    answer.assert_status(204);
    assert_eq!(answer.headers["clear-site-data"], "\"cache\", \"storage\"");
    assert_eq!(
        answer.headers["set-cookie"],
        "__Host-standin=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
    );
    assert!(browser.cookie("__Host-standin").is_none());
    let mut thief = world.browser();
    thief.set_cookie("__Host-standin", &kept);
    thief.session().await.assert_refused(401, "unauthenticated");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM sessions"), 0);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM events WHERE kind = 'signed_out'"), 1);
}

#[tokio::test]
async fn sc_5_other_sessions_of_the_user_go_on() {
    let world = World::start().await;
    let (mut here, _) = world.signed_in(ADA, "").await;
    let (mut there, _) = world.signed_in(ADA, "").await;
    here.post("/auth/logout", json!({ "everywhere": false })).await.assert_status(204);
    there.session().await.assert_status(200);
}

#[tokio::test]
async fn sc_6_signing_out_everywhere_ends_all_sessions_of_that_user_alone() {
    let world = World::start().await;
    let (mut here, _) = world.signed_in(ADA, "").await;
    let (mut there, _) = world.signed_in(ADA, "").await;
    let (mut grace, _) = world.signed_in(GRACE, "").await;

    here.post("/auth/logout", json!({ "everywhere": true })).await.assert_status(204);

    here.session().await.assert_refused(401, "unauthenticated");
    there.session().await.assert_refused(401, "unauthenticated");
    grace.session().await.assert_status(200);
}

#[tokio::test]
async fn sc_5_signing_out_twice_is_answered_as_nobody() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let again = browser.clone();
    browser.post("/auth/logout", json!({})).await.assert_status(204);
    for mut late in [browser, again] {
        late.post("/auth/logout", json!({})).await.assert_refused(401, "unauthenticated");
    }
}

#[tokio::test]
async fn signing_out_leaves_the_grant_so_that_jobs_go_on() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    browser.post("/auth/logout", json!({ "everywhere": true })).await.assert_status(204);
    world.google.advance(7200).await;
    world.job().await.vend(&user, json!({})).await.assert_status(200);
}

#[tokio::test]
async fn sc_5_a_body_that_is_not_understood_signs_nobody_out() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    for body in [
        json!({ "everywhere": "yes" }),
        json!({ "everywhere": 1 }),
        json!({ "everywhre": true }),
        json!([true]),
        json!([]),
        json!(null),
        json!(true),
    ] {
        let answer = browser.post("/auth/logout", body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, "invalid_request".into()),
            "{body}"
        );
    }
    let origin = browser.origin();
    let headers =
        [("origin", origin.as_str()), ("x-requested-with", "x"), ("content-type", "text/plain")];
    let answer = browser.send(http::Method::POST, "/auth/logout", &headers, "{}".into()).await;
    answer.assert_refused(415, "invalid_request");
    browser.session().await.assert_status(200);
}
