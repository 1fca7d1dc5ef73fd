//! How an attempt stands, for the page that waits for it, and for nobody else.

use serde_json::json;

use crate::support::{ADA, Browser, World};

async fn status(browser: &mut Browser, attempt: &str) -> serde_json::Value {
    let answer = browser.get(format!("/auth/attempts/{attempt}")).await;
    answer.assert_status(200);
    answer.json()
}

async fn begin(browser: &mut Browser) -> (String, String) {
    let begun = browser.post("/auth/google/begin", json!({})).await;
    begun.assert_status(200);
    let text = |name: &str| begun.json()[name].as_str().unwrap().to_owned();
    (text("attempt"), text("state"))
}

#[tokio::test]
async fn an_attempt_is_pending_until_it_comes_back() {
    let world = World::start().await;
    let mut browser = world.browser();
    let (attempt, _) = begin(&mut browser).await;
    assert_eq!(status(&mut browser, &attempt).await, json!({ "status": "pending" }));
    assert_eq!(
        world.value::<i64>("SELECT count(*) FROM attempts"),
        0,
        "AR-10: starting costs no row"
    );
}

#[tokio::test]
async fn an_attempt_in_a_popup_is_done_when_the_user_is_signed_in() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let last = browser.sign_in("?mode=popup").await;
    last.assert_status(200);
    let at = last.body.find("att_").expect("the page names its attempt");
    let attempt: String =
        last.body[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let done = json!({ "status": "done", "offline": "came" });
    assert_eq!(status(&mut browser, &attempt).await, done);
}

#[tokio::test]
async fn a_failed_attempt_says_why() {
    let world = World::start().await;
    world.google.deny(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("?mode=popup").await;
    let answer = browser.get(&callback).await;
    answer.assert_refused(403, "access_denied");
    let attempt = answer.json()["attempt"].as_str().unwrap().to_owned();
    let failed = json!({ "status": "failed", "code": "access_denied" });
    assert_eq!(status(&mut browser, &attempt).await, failed);
    // A replay is refused and changes nothing of that.
    browser.get(&callback).await.assert_refused(409, "attempt_used");
    assert_eq!(status(&mut browser, &attempt).await, failed);
}

#[tokio::test]
async fn a_code_that_is_refused_fails_the_attempt() {
    let world = World::start().await;
    let mut browser = world.browser();
    let (attempt, state) = begin(&mut browser).await;
    let answer =
        browser.post("/auth/google/code", json!({ "code": "4/invented", "state": state })).await;
    answer.assert_refused(400, "code_refused");
    assert_eq!(answer.json()["attempt"], json!(attempt));
    assert_eq!(
        status(&mut browser, &attempt).await,
        json!({ "status": "failed", "code": "code_refused" })
    );
}

#[tokio::test]
async fn an_attempt_is_its_own_browsers_business() {
    let world = World::start().await;
    let (mut browser, mut other) = (world.browser(), world.browser());
    let (attempt, _) = begin(&mut browser).await;
    begin(&mut other).await;
    let invented = "att_00000000000000000000000000";
    let mut bodies = Vec::new();
    for (who, which) in
        [(&mut other, attempt.as_str()), (&mut world.browser(), &attempt), (&mut browser, invented)]
    {
        let answer = who.get(format!("/auth/attempts/{which}")).await;
        answer.assert_refused(403, "attempt_missing");
        bodies.push(answer.body);
    }
    for odd in [
        "x",
        "att_",
        "usr_00000000000000000000000000",
        "%ff",
        "att_%2e%2e",
        "..%2f..",
        &"a".repeat(5000),
    ] {
        let answer = browser.get(format!("/auth/attempts/{odd}")).await;
        answer.assert_refused(403, "attempt_missing");
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    // Not even with the cookie's value under another attempt's name.
    let value = browser.cookies()[0].1.clone();
    let mut thief = world.browser();
    thief.set_cookie("__Host-standin-att-0000000000000000x", &value[1..]);
    thief.get(format!("/auth/attempts/{attempt}")).await.assert_refused(403, "attempt_missing");
}
