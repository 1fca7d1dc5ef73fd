//! A page's own token: only if the configuration lists what it opens.

use futures_util::future::join;
use serde_json::json;
use standin::provider::Scopes;

use crate::support::{ADA, CALENDAR, DRIVE, World};

const PATH: &str = "/auth/google/access-token";
const EVENTS: &str = "/calendar/v3/calendars/primary/events";

async fn listing(scopes: &str) -> World {
    let scopes = Scopes::parse(scopes).unwrap();
    World::with(|provider| provider.browser_scopes = scopes).await
}

#[tokio::test]
async fn without_a_list_no_page_gets_a_token() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    for body in [json!({}), json!({ "scopes": [] }), json!({ "scopes": ["openid"] })] {
        browser.post(PATH, body).await.assert_refused(400, "scope_not_allowed");
    }
}

#[tokio::test]
async fn nobody_gets_a_token_who_is_not_signed_in() {
    let world = listing("openid email profile").await;
    world.signed_in(ADA, "").await;
    world.browser().post(PATH, json!({})).await.assert_refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_page_gets_what_is_listed_and_nothing_else_of_the_answer() {
    let world = listing(&format!("openid email profile {CALENDAR}")).await;
    let (mut browser, _) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;

    let answer = browser.post(PATH, json!({ "scopes": [CALENDAR] })).await;

    answer.assert_status(200);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let body = answer.json();
    let members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["access_token", "expires_at", "scopes"]);
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(world.google.api(EVENTS, token).await, 200);
    world.google.advance(3600).await;
    browser.post(PATH, json!({})).await.assert_status(200);
    assert_eq!(world.google.count("token_refreshed").await, 1);
}

#[tokio::test]
async fn tv_6_a_pages_token_opens_nothing_that_is_not_listed() {
    let world = listing(CALENDAR).await;
    let (mut browser, user) = world.signed_in(ADA, &format!("?scope={CALENDAR}%20{DRIVE}")).await;
    let jobs = world.job().await.vend(&user, json!({})).await.json()["access_token"].clone();
    for body in [json!({}), json!({ "scopes": [CALENDAR] })] {
        let answer = browser.post(PATH, body).await;
        answer.assert_status(200);
        assert_eq!(answer.json()["scopes"], json!([CALENDAR]));
        assert_ne!(answer.json()["access_token"], jobs);
    }
    for scopes in [json!([DRIVE]), json!([CALENDAR, DRIVE]), json!(["openid"]), json!(["a b"])] {
        let answer = browser.post(PATH, json!({ "scopes": scopes })).await;
        answer.assert_refused(400, "scope_not_allowed");
    }
}

#[tokio::test]
async fn a_listed_scope_that_was_never_given_is_missed_by_name() {
    let world = listing(&format!("openid email profile {CALENDAR}")).await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let answer = browser.post(PATH, json!({ "scopes": [CALENDAR] })).await;
    answer.assert_refused(403, "insufficient_scope");
    assert_eq!(answer.json()["missing"], json!([CALENDAR]));
}

#[tokio::test]
async fn a_page_whose_user_has_just_given_more_gets_no_more() {
    let world = listing("openid email profile").await;
    let (mut page, _) = world.signed_in(ADA, "").await;
    world.google.advance(3600).await;
    // The page's token is being refreshed while the user, in another window, adds a scope.
    world.google.fault("token", "delay", json!({ "delay_ms": 300 })).await;
    let adds = async {
        world.google.happened("fault_used", 1).await;
        world.google.control("POST", &format!("users/{ADA}/revoke"), json!(null)).await;
        world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    };
    let (answer, ()) = join(page.post(PATH, json!({})), adds).await;
    if answer.status == 200 {
        let scopes = answer.json()["scopes"].clone();
        assert!(!scopes.as_array().unwrap().contains(&json!(CALENDAR)), "{scopes}");
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();
        assert_eq!(world.google.api(EVENTS, &token).await, 403);
    }
}

#[tokio::test]
async fn a_job_with_few_rules_gets_no_more_either() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let rules = ["google:openid", "google:email", "google:profile"];
    let policy = standin::vend::Policy(rules.iter().map(|rule| rule.parse().unwrap()).collect());
    let job = world.job_with(policy).await;
    world.google.advance(3600).await;
    world.google.fault("token", "delay", json!({ "delay_ms": 300 })).await;
    let adds = async {
        world.google.happened("fault_used", 1).await;
        world.google.control("POST", &format!("users/{ADA}/revoke"), json!(null)).await;
        world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    };
    let (answer, ()) = join(job.vend(&user, json!({})), adds).await;
    if answer.status == 200 {
        let scopes = answer.json()["scopes"].clone();
        assert!(!scopes.as_array().unwrap().contains(&json!(CALENDAR)), "{scopes}");
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_narrowed_does_not_hold_up_who_wants_the_whole() {
    let world = listing(CALENDAR).await;
    let (mut browser, user) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    let job = world.job().await;
    let token = job.vend(&user, json!({})).await.json()["access_token"].clone();
    let hash = standin::secret::sha256(token.as_str().unwrap().as_bytes());
    let another = json!({ "stale_token_sha256": data_encoding::HEXLOWER.encode(&hash) });
    let refusal = json!({ "status": 400, "body": r#"{"error":"invalid_scope"}"# });
    world.google.fault("token", "status", refusal).await;

    browser.post(PATH, json!({})).await.assert_refused(502, "provider_misbehaved");

    job.vend(&user, another).await.assert_status(200);
}
