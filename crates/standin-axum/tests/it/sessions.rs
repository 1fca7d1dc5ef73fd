//! The list of a user's sessions, and ending one from another browser.

use serde_json::{Value, json};

use crate::support::{ADA, Answer, Browser, GRACE, World, contains};

const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";
const DAY: u64 = 24 * 60 * 60;

async fn list(browser: &mut Browser) -> Vec<Value> {
    let answer = browser.get("/auth/sessions").await;
    answer.assert_status(200);
    answer.json()["sessions"].as_array().unwrap().clone()
}

async fn end(browser: &mut Browser, id: &str) -> Answer {
    browser.post(&format!("/auth/sessions/{id}/end"), json!({})).await
}

fn id(session: &Value) -> String {
    session["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn sc_14_a_session_is_listed_and_ended_from_another_browser() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut there = world.browser();
    there.set_header("user-agent", PHONE);
    there.sign_in("").await.assert_status(303);
    world.google.advance(60).await;
    let (mut here, _) = world.signed_in(ADA, "").await;

    let sessions = list(&mut here).await;

    assert_eq!(sessions.len(), 2);
    let (mine, other) = (&sessions[0], &sessions[1]);
    assert_eq!((&mine["current"], &other["current"]), (&json!(true), &json!(false)));
    assert_eq!((&mine["device"], &other["device"]), (&Value::Null, &json!("Safari on iPhone")));
    assert_eq!((&mine["provider"], &other["provider"]), (&json!("google"), &json!("google")));
    assert_eq!(mine["id"], here.session().await.json()["session"]["id"]);
    assert!(other["created_at"].as_str() < mine["created_at"].as_str());
    assert_eq!(other["created_at"], other["last_used_at"]);
    assert!(!contains(&world.database_bytes(), b"AppleWebKit"), "more is stored than is shown");

    end(&mut here, &id(other)).await.assert_status(204);

    there.session().await.assert_refused(401, "unauthenticated");
    assert_eq!(list(&mut here).await, std::slice::from_ref(mine));
    assert_eq!(world.events_of("session_ended"), 1);
    end(&mut here, &id(other)).await.assert_refused(404, "no_session");
}

#[tokio::test]
async fn sc_14_a_session_of_somebody_else_is_none() {
    let world = World::start().await;
    let (mut ada, _) = world.signed_in(ADA, "").await;
    let (mut grace, _) = world.signed_in(GRACE, "").await;
    let hers = id(&list(&mut grace).await[0]);
    let unknown = "ses_00000000000000000000000000";
    for wrong in [hers.as_str(), unknown, "x", "%00", "%ff", &hers.to_uppercase(), &hers[4..]] {
        let answer = end(&mut ada, wrong).await;
        answer.assert_refused(404, "no_session");
        assert_eq!(answer.json()["detail"], "you have no such session; it may have ended already");
    }
    grace.session().await.assert_status(200);
    assert_eq!(list(&mut ada).await.len(), 1);
    assert_eq!(world.events_of("session_ended"), 0);
    world.browser().get("/auth/sessions").await.assert_refused(401, "unauthenticated");
    end(&mut world.browser(), &hers).await.assert_refused(401, "unauthenticated");
}

#[tokio::test]
async fn sc_14_ending_the_session_of_this_browser_is_signing_out() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let mine = id(&list(&mut browser).await[0]);
    let answer = end(&mut browser, &mine).await;
    answer.assert_status(204);
    assert_eq!(answer.headers["clear-site-data"], "\"cache\", \"storage\"");
    assert!(browser.cookie("__Host-standin").is_none());
    browser.session().await.assert_refused(401, "unauthenticated");
}

#[tokio::test]
async fn sc_4_what_is_over_is_not_listed() {
    let world = World::start().await;
    let (mut idle, _) = world.signed_in(ADA, "").await;
    world.google.advance(4 * DAY).await;
    let (mut here, _) = world.signed_in(ADA, "").await;
    assert_eq!(list(&mut here).await.len(), 2);
    world.google.advance(4 * DAY).await;
    assert_eq!(list(&mut here).await.len(), 1);
    idle.session().await.assert_refused(401, "unauthenticated");
}
