//! Who may sign in: lists of addresses and domains, and what becomes of people who are new.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};
use standin::provider::ProviderConfig;
use standin::{AllowList, SignUp};

use crate::support::{ADA, Browser, ButtonPage, CALENDAR, GRACE, World, refused};

const LINUS: &str = "linus@corp.example";
const NOT_ALLOWED: &str = "sign_in_not_allowed";
const CLOSED: &str = "sign_up_closed";

fn emails(emails: &[&str]) -> impl FnOnce(&mut ProviderConfig) {
    let allow = AllowList::new(emails, &[]).unwrap();
    |provider| provider.allow = allow
}

fn domains(domains: &[&str]) -> impl FnOnce(&mut ProviderConfig) {
    let allow = AllowList::new(&[], domains).unwrap();
    |provider| provider.allow = allow
}

async fn world(sign_up: SignUp, change: impl FnOnce(&mut ProviderConfig)) -> World {
    let mut world = World::start().await;
    world.restart(sign_up, change).await;
    world
}

/// The next ID token says this.
async fn id_token_says(world: &World, claims: Value) {
    world.google.control("DELETE", "faults", Value::Null).await;
    world.google.fault("token", "id_token_claims", json!({ "claims": claims })).await;
}

/// Whoever the autopilot is now is turned away, and what they gave at the provider is given back.
async fn assert_turned_away(world: &World, browser: &mut Browser, code: &'static str) {
    let before = world.before(browser).await;
    let given_back = world.google.count("revoked").await;
    let answer = browser.sign_in(&format!("?scope={CALENDAR}")).await;
    let expected = refused(403, code).after_exchange();
    world.assert_refusal(browser, &before, &answer, expected).await;
    assert_eq!(world.google.count("revoked").await, given_back + 1, "it is given back");
}

async fn assert_welcome(world: &World, person: &str) -> Browser {
    let (mut browser, _) = world.signed_in(person, "").await;
    assert_eq!(browser.session().await.json()["user"]["email"], person);
    browser
}

#[tokio::test]
async fn id_14_only_a_verified_address_of_an_allowed_domain_signs_in() {
    let world = world(SignUp::Open, domains(&["corp.example"])).await;
    world.google.allow(ADA).await;
    let mut browser = world.browser_at(2);
    let says = |email: &str| json!({ "email": email, "email_verified": true });
    let unverified =
        |verified: Value| json!({ "email": "ada@corp.example", "email_verified": verified });
    for claims in [
        json!({}),
        says("a@evil.example@corp.example"),
        says("ada\u{ff20}corp.example"),
        says("ada\u{ff20}evil.example@corp.example"),
        says("ada@corp.example."),
        says("ada@corp.example\0"),
        says("ada@evil.example\0@corp.example"),
        says("ada@corp.example "),
        says("ada@sub.corp.example"),
        says("ada@evilcorp.example"),
        says("ada@corp.example.evil.example"),
        says("ada@c\u{f6}rp.example"),
        says("corp.example"),
        says(""),
        json!({ "email": ["ada@corp.example"], "email_verified": true }),
        json!({ "hd": "corp.example" }),
        unverified(json!(false)),
        unverified(json!("true")),
        unverified(json!(1)),
        unverified(Value::Null),
    ] {
        id_token_says(&world, claims.clone()).await;
        assert_turned_away(&world, &mut browser, NOT_ALLOWED).await;
    }
    for email in ["Ada@CORP.Example", "ada@corp.example"] {
        id_token_says(&world, says(email)).await;
        browser.sign_in("").await.assert_status(303);
        browser.session().await.assert_status(200);
    }
    assert_welcome(&world, LINUS).await;
}

#[tokio::test]
async fn id_14_an_address_on_the_list_is_the_same_in_any_case() {
    let world = world(SignUp::Open, emails(&["Grace@Example.com"])).await;
    assert_welcome(&world, GRACE).await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    for email in ["GRACE@EXAMPLE.COM", "grace@Example.com"] {
        id_token_says(&world, json!({ "email": email, "email_verified": true })).await;
        browser.sign_in("").await.assert_status(303);
        browser.session().await.assert_status(200);
    }
    world.browser_at(2).sign_in("").await.assert_refused(403, NOT_ALLOWED);
    assert_eq!(world.google.count("revoked").await, 0, "the grant that Ada has is alive");
}

#[tokio::test]
async fn id_14_an_address_that_userinfo_tells_counts_and_one_it_cannot_tell_admits_nobody() {
    let world = world(SignUp::Open, emails(&[ADA])).await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let bare = json!({ "email": null, "email_verified": null });
    id_token_says(&world, bare.clone()).await;
    world.google.fault("userinfo", "status", json!({ "status": 503 })).await;
    let before = world.before(&mut browser).await;
    let answer = browser.sign_in("").await;
    let expected = refused(503, "provider_unavailable").after_exchange();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    assert_eq!(world.google.count("revoked").await, 1);
    id_token_says(&world, bare).await;
    browser.sign_in("").await.assert_status(303);
    assert_eq!(browser.session().await.json()["user"]["email"], ADA);
}

#[tokio::test]
async fn id_14_every_way_in_asks_the_list() {
    let world = world(SignUp::Open, emails(&[GRACE])).await;
    world.google.allow(ADA).await;
    let mut browser = world.browser_at(2);
    let expected = refused(403, NOT_ALLOWED);

    let before = world.before(&mut browser).await;
    browser.accept_html();
    let answer = browser.sign_in("?mode=popup").await;
    assert!(answer.body.contains("is not among those that may sign in here"), "{}", answer.body);
    world.assert_refusal(&mut browser, &before, &answer, expected.after_exchange()).await;
    browser.headers.clear();

    let before = world.before(&mut browser).await;
    let (state, code) = world.one_time_code(&mut browser).await;
    let answer = browser.post_code(&code, &state).await;
    world.assert_refusal(&mut browser, &before, &answer, expected.after_exchange()).await;
    assert_eq!(world.google.count("revoked").await, 2, "both gave a refresh token");

    let mut page = ButtonPage::of(browser, json!({})).await;
    let before = world.before(&mut page.browser).await;
    let credential = page.credential(&world).await;
    let answer = page.post(&credential).await;
    world.assert_refusal(&mut page.browser, &before, &answer, expected.known()).await;
    let answer = page.fetch(&credential).await;
    answer.assert_refused(403, NOT_ALLOWED);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM spent"), 0, "it signed nobody in");

    assert_welcome(&world, GRACE).await;
    world.google.allow(GRACE).await;
    let credential = page.credential(&world).await;
    page.post(&credential).await.assert_status(303);
}

#[tokio::test]
async fn id_15_what_somebody_of_another_domain_gave_is_given_back() {
    let hosted =
        |provider: &mut ProviderConfig| provider.hosted_domains = vec!["corp.example".into()];
    let world = world(SignUp::Open, hosted).await;
    world.google.allow(ADA).await;
    assert_turned_away(&world, &mut world.browser(), "id_token_hosted_domain_refused").await;
    assert_welcome(&world, LINUS).await;
}

#[tokio::test]
async fn where_only_the_first_user_signs_in_unlisted_everybody_else_is_turned_away() {
    let world = world(SignUp::FirstUser, |_| {}).await;
    let mut ada = assert_welcome(&world, ADA).await;
    world.google.allow(GRACE).await;
    let mut stranger = world.browser_at(2);
    assert_turned_away(&world, &mut stranger, NOT_ALLOWED).await;
    let mut page = ButtonPage::of(stranger, json!({})).await;
    let credential = page.credential(&world).await;
    page.post(&credential).await.assert_refused(403, NOT_ALLOWED);
    ada.session().await.assert_status(200);
    assert_welcome(&world, ADA).await;
    assert_eq!(world.value::<i64>("SELECT count(*) FROM users"), 1);
}

#[tokio::test]
async fn of_twenty_first_sign_ins_at_once_one_is_the_first_user() {
    let world = Arc::new(world(SignUp::FirstUser, |_| {}).await);
    let people: Vec<_> = (0..20).map(|number| format!("user{number}@example.com")).collect();
    let users: Vec<_> = people.iter().map(|email| json!({ "email": email })).collect();
    world.google.control("PUT", "users", json!(users)).await;
    world.google.control("PUT", "autopilot", json!({ "user": ADA, "decision": "ask" })).await;
    let sign_in = |person: String| {
        let mut browser = world.browser();
        async move { browser.sign_in_by_hand(&person, "").await }
    };
    let answers = join_all(people.into_iter().map(sign_in)).await;
    let welcome = answers.iter().filter(|answer| answer.status == 303).count();
    let turned_away = answers.iter().filter(|answer| answer.status == 403);
    assert!(turned_away.clone().all(|answer| answer.any_code() == NOT_ALLOWED));
    assert_eq!((welcome, turned_away.count()), (1, 19));
    assert_eq!(world.value::<i64>("SELECT count(*) FROM users"), 1);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM grants"), 1);
    assert_eq!(world.google.count("revoked").await, 19);
}

#[tokio::test]
async fn beside_the_first_user_whoever_is_listed_signs_in() {
    let world = world(SignUp::FirstUser, emails(&[GRACE])).await;
    assert_welcome(&world, ADA).await;
    assert_welcome(&world, GRACE).await;
    world.google.allow(LINUS).await;
    assert_turned_away(&world, &mut world.browser(), NOT_ALLOWED).await;
    assert_welcome(&world, ADA).await;
}

#[tokio::test]
async fn where_sign_up_is_closed_only_those_sign_in_who_are_known() {
    let mut world = World::start().await;
    assert_welcome(&world, ADA).await;
    world.restart(SignUp::Closed, |_| {}).await;
    world.google.allow(GRACE).await;
    let mut stranger = world.browser_at(2);
    assert_turned_away(&world, &mut stranger, CLOSED).await;
    let mut page = ButtonPage::of(stranger, json!({})).await;
    let credential = page.credential(&world).await;
    page.post(&credential).await.assert_refused(403, CLOSED);
    let mut ada = assert_welcome(&world, ADA).await;
    // Known, but by an identity of somebody who was deleted.
    let user = ada.session().await.json()["user"]["id"].as_str().unwrap().parse().unwrap();
    assert!(world.standin.revocations().delete_user(user, None).await.unwrap());
    assert_turned_away(&world, &mut world.browser(), CLOSED).await;
}

#[tokio::test]
async fn sc_7_whoever_is_taken_off_the_list_is_nobody_at_the_next_request() {
    let mut world = world(SignUp::Open, emails(&[ADA, GRACE])).await;
    let mut ada = assert_welcome(&world, ADA).await;
    let mut grace = assert_welcome(&world, GRACE).await;
    let user = grace.session().await.json()["user"]["id"].clone();
    world.restart(SignUp::Open, emails(&[ADA])).await;
    ada.session().await.assert_status(200);
    grace.session().await.assert_refused(401, "unauthenticated");
    let scopes = json!({ "scopes": [CALENDAR] });
    grace.post("/auth/google/grant", scopes.clone()).await.assert_refused(401, "unauthenticated");
    world.google.allow(GRACE).await;
    let mut again = grace.clone();
    again.sign_in("").await.assert_refused(403, NOT_ALLOWED);
    // Back on the list, everything is as it was.
    world.restart(SignUp::Open, emails(&[ADA, GRACE])).await;
    let session = grace.session().await;
    session.assert_status(200);
    assert_eq!(session.json()["user"]["id"], user);
    assert_eq!(session.json()["grants"][0]["state"], "active");
    grace.post("/auth/google/grant", scopes).await.assert_status(200);
}

#[tokio::test]
async fn sc_7_a_session_is_looked_at_with_every_rule() {
    let mut world = World::start().await;
    let mut ada = assert_welcome(&world, ADA).await;
    let mut grace = assert_welcome(&world, GRACE).await;
    let mut linus = assert_welcome(&world, LINUS).await;
    let hosted =
        |provider: &mut ProviderConfig| provider.hosted_domains = vec!["corp.example".into()];
    let unlisted = |provider: &mut ProviderConfig| {
        provider.hosted_domains.clear();
        provider.allow = AllowList::default();
    };
    let mut assert_live = async |expected: [u16; 3]| {
        for (browser, status) in [&mut ada, &mut grace, &mut linus].into_iter().zip(expected) {
            browser.session().await.assert_status(status);
        }
    };
    world.restart(SignUp::Open, hosted).await;
    assert_live([401, 401, 200]).await;
    world.restart(SignUp::Closed, unlisted).await;
    assert_live([200, 200, 200]).await;
    world.restart(SignUp::FirstUser, emails(&[GRACE])).await;
    assert_live([200, 200, 401]).await;
    world.restart(SignUp::FirstUser, unlisted).await;
    assert_live([200, 401, 401]).await;
    world.restart(SignUp::Closed, emails(&[GRACE])).await;
    assert_live([401, 200, 401]).await;
}
