//! What may be done is decided at each request by what is true then, whoever changed it (requirement SC-7).

use serde_json::json;
use standin::provider::Scopes;
use standin::vend::Policy;

use crate::support::{ADA, Browser, CALENDAR, Caller, DRIVE, GRACE, World};

const TOKEN: &str = "/auth/google/access-token";

/// Ada, who gave her calendar, with a page that may have tokens for it and a job that has had one.
async fn at_work() -> (World, Browser, Caller, String) {
    let scopes = Scopes::parse(&format!("openid email profile {CALENDAR}")).unwrap();
    let world = World::with(|google| google.browser_scopes = scopes).await;
    let (mut browser, user) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    let caller = Caller::new(&world, &world.job().await, &user);
    caller.token().await;
    browser.post(TOKEN, json!({})).await.assert_status(200);
    (world, browser, caller, user)
}

#[tokio::test]
async fn sc_7_who_is_deleted_is_nobody_at_the_next_request() {
    let (world, mut browser, caller, user) = at_work().await;
    let (mut grace, _) = world.signed_in(GRACE, "").await;
    assert!(world.standin.revocations().delete_user(user.parse().unwrap(), None).await.unwrap());

    browser.session().await.assert_refused(401, "unauthenticated");
    browser.post(TOKEN, json!({})).await.assert_refused(401, "unauthenticated");
    browser.post("/auth/google/disconnect", json!({})).await.assert_refused(401, "unauthenticated");
    caller.ask(json!({})).await.assert_refused(404, "no_grant");
    grace.session().await.assert_status(200);
    // The same person comes back as somebody new, with nothing of what was.
    let (_, again) = world.signed_in(ADA, "").await;
    assert_ne!(again, user);
    caller.ask(json!({})).await.assert_refused(404, "no_grant");
}

#[tokio::test]
async fn sc_7_what_another_process_deletes_is_gone_for_this_one() {
    let (world, mut browser, caller, _) = at_work().await;
    let users = world.database();
    users.execute_batch("PRAGMA foreign_keys = ON; DELETE FROM users").unwrap();
    world.execute("DELETE FROM users", ());
    browser.session().await.assert_refused(401, "unauthenticated");
    browser.post(TOKEN, json!({})).await.assert_refused(401, "unauthenticated");
    caller.ask(json!({})).await.assert_refused(404, "no_grant");
}

#[tokio::test]
async fn sc_7_a_clients_rules_are_those_of_now() {
    let (world, _, caller, _) = at_work().await;
    for (rules, status) in [
        (json!(["entra"]), 403),
        (json!([format!("google:{DRIVE}")]), 403),
        (json!([]), 403),
        (json!(["*"]), 200),
        (json!(["google"]), 200),
    ] {
        let rules = rules.to_string();
        serde_json::from_str::<Policy>(&rules).unwrap();
        assert_eq!(world.execute("UPDATE clients SET policy = ?1", [rules.as_str()]), 1);
        let answer = caller.ask(json!({ "scopes": [CALENDAR] })).await;
        assert_eq!(answer.status, status, "{rules}: {}", answer.body);
    }
    world.execute("UPDATE clients SET revoked_at = 1", ());
    caller.ask(json!({})).await.assert_refused(401, "invalid_client");
    world.execute("UPDATE clients SET revoked_at = NULL", ());
    caller.ask(json!({})).await.assert_status(200);
}

#[tokio::test]
async fn sc_7_a_grant_that_is_taken_back_in_one_browser_is_gone_in_the_other_and_for_jobs() {
    let (world, mut browser, caller, _) = at_work().await;
    let (mut elsewhere, _) = world.signed_in(ADA, "").await;
    elsewhere.post("/auth/google/disconnect", json!({})).await.assert_status(200);

    browser.post(TOKEN, json!({})).await.assert_refused(404, "no_grant");
    caller.ask(json!({})).await.assert_refused(404, "no_grant");
    let session = browser.session().await.json();
    assert_eq!(session["grants"][0]["state"], "revoked", "{session}");
}

#[tokio::test]
async fn sc_7_a_grant_that_needs_its_user_says_so_at_the_next_request() {
    let (world, mut browser, caller, _) = at_work().await;
    world.execute(
        "UPDATE grants SET state = 'reauth', reason = 'revoked', version = version + 1",
        (),
    );
    for answer in [browser.post(TOKEN, json!({})).await, caller.ask(json!({})).await] {
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (409, "reauth_required"));
    }
    assert_eq!(browser.session().await.json()["grants"][0]["state"], "reauth");
}

#[tokio::test]
async fn sc_7_a_scope_that_was_taken_away_opens_nothing_more() {
    let (world, mut browser, caller, _) = at_work().await;
    world.execute(
        "INSERT INTO grant_terms SELECT 1, provider_client, token_endpoint, 'openid email', requested FROM grant_terms",
        (),
    );
    world.execute("UPDATE grants SET terms = 1, version = version + 1", ());
    let wanted = json!({ "scopes": [CALENDAR] });
    for answer in [browser.post(TOKEN, wanted.clone()).await, caller.ask(wanted).await] {
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "insufficient_scope"));
    }
}
