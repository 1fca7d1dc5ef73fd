//! One consent, and a second only when it is needed: there is no refresh token that works.

use serde_json::{Value, json};
use standin::provider::{ProviderKind, ProviderProfile};
use url::Url;

use crate::support::{ADA, Browser, CALENDAR, GRACE, World, param, refused, with};

async fn give_no_refresh_token(world: &World, times: u32) {
    world.google.fault("token", "no_refresh_token", json!({ "times": times })).await;
}

async fn grant(browser: &mut Browser) -> Value {
    let session = browser.session().await;
    session.assert_status(200);
    session.json()["grants"][0].clone()
}

/// The first leg, up to where it sends the browser.
async fn first_leg(world: &World, browser: &mut Browser, query: &str) -> Url {
    give_no_refresh_token(world, 1).await;
    let callback = browser.callback_url(query).await;
    let done = browser.get(&callback).await;
    done.assert_status(303);
    done.location()
}

#[tokio::test]
async fn a_first_sign_in_without_a_refresh_token_asks_for_consent_once_more() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();

    let asked =
        first_leg(&world, &mut browser, &format!("?scope={CALENDAR}&return_to=/notes")).await;

    assert_eq!(asked.origin().ascii_serialization(), world.google.origin());
    assert_eq!(param(&asked, "prompt"), "consent");
    let subject = browser.session().await.json()["identities"][0]["subject"].clone();
    assert_eq!(param(&asked, "login_hint"), subject.as_str().unwrap());
    assert_eq!(param(&asked, "scope"), format!("email {CALENDAR} openid profile"));
    assert_eq!(param(&asked, "code_challenge_method"), "S256");
    assert_eq!(grant(&mut browser).await["offline"], false);
    let callback = browser.answer_to(&asked).await;
    let done = browser.get(&callback).await;
    assert_eq!(done.location(), world.url("/notes"));
    let grant = grant(&mut browser).await;
    assert_eq!((&grant["offline"], &grant["state"]), (&json!(true), &json!("active")));
    assert_eq!(world.google.count("authorization").await, 2);
    assert_eq!(world.google.count("code_redeemed").await, 2);
    assert_eq!(browser.attempts(), []);
    assert_eq!(world.standin.store().users(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn where_consent_brings_no_refresh_token_nobody_is_asked_for_it_again() {
    let world =
        World::with(|provider| provider.kind = ProviderKind::Oidc(ProviderProfile::default()))
            .await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();

    let done = browser.sign_in("?return_to=/notes").await;

    assert_eq!(done.location(), world.url("/notes"));
    assert_eq!(world.google.count("authorization").await, 1);
    assert_eq!(grant(&mut browser).await["offline"], false);
}

#[tokio::test]
async fn a_second_leg_is_never_followed_by_a_third() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    give_no_refresh_token(&world, 9).await;
    let mut browser = world.browser();

    let done = browser.sign_in("?return_to=/notes").await;

    assert_eq!(done.location(), world.url("/notes"));
    assert_eq!(world.google.count("authorization").await, 2);
    assert_eq!(grant(&mut browser).await["offline"], false);
    world.assert_next_sign_in_works(&mut browser).await;
    assert_eq!(grant(&mut browser).await["offline"], true);
}

#[tokio::test]
async fn whoever_has_a_live_grant_is_not_asked_again_whatever_the_answer_brings() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    browser.sign_in(&format!("?scope={CALENDAR}")).await.assert_status(303);
    let before = grant(&mut browser).await;
    for query in ["", &format!("?scope={CALENDAR}")] {
        give_no_refresh_token(&world, 1).await;
        browser.sign_in(query).await.assert_status(303);
        assert_eq!(grant(&mut browser).await, before);
    }
    assert_eq!(world.google.count("authorization").await, 3);
    assert_eq!(world.google.count("consent_shown").await, 1);
    let user = browser.session().await.json()["user"]["id"].as_str().unwrap().to_owned();
    world.google.advance(7200).await;
    let body = json!({ "scopes": [CALENDAR] });
    world.job().await.vend(&user, body).await.assert_status(200);
}

#[tokio::test]
async fn a_refused_refresh_token_is_healed_by_the_next_sign_in() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let query = format!("?scope={CALENDAR}");
    browser.sign_in(&query).await.assert_status(303);
    let user = browser.session().await.json()["user"]["id"].as_str().unwrap().to_owned();
    let job = world.job().await;
    world.google.advance(7200).await;
    world.google.fault("token", "invalid_grant", json!({})).await;
    let body = json!({ "scopes": [CALENDAR] });
    job.vend(&user, body.clone()).await.assert_refused(409, "reauth_required");
    let dead = grant(&mut browser).await;
    assert_eq!((&dead["state"], &dead["offline"]), (&json!("suspect"), &json!(false)));

    let callback = browser.callback_url(&query).await;
    let asked = browser.get(&callback).await.location();
    assert_eq!(param(&asked, "prompt"), "consent");
    let callback = browser.answer_to(&asked).await;
    browser.get(&callback).await.assert_status(303);

    let alive = grant(&mut browser).await;
    assert_eq!((&alive["state"], &alive["offline"]), (&json!("active"), &json!(true)));
    assert_eq!(alive["id"], dead["id"]);
    job.vend(&user, body.clone()).await.assert_status(200);
    world.google.advance(7200).await;
    job.vend(&user, body).await.assert_status(200);
}

#[tokio::test]
async fn whoever_declines_the_second_leg_stays_signed_in_without_offline_access() {
    let world = World::start().await;
    for error in ["access_denied", "server_error"] {
        world.google.allow(ADA).await;
        let mut browser = world.browser();
        let asked = first_leg(&world, &mut browser, "?return_to=/notes").await;
        let session = browser.session().await.json();
        world.google.deny(ADA).await;
        let callback = with(&browser.answer_to(&asked).await, "error", error);

        let done = browser.get(&callback).await;

        assert_eq!((done.status.as_u16(), done.location()), (303, world.url("/notes")));
        world.assert_tells_nothing(&done).await;
        assert_eq!(browser.session().await.json(), session);
        assert_eq!(session["grants"][0]["offline"], false);
        assert_eq!(browser.attempts(), []);
    }
    let mut browser = world.browser();
    world.assert_next_sign_in_works(&mut browser).await;
    assert_eq!(grant(&mut browser).await["offline"], true);
}

#[tokio::test]
async fn another_account_in_the_second_leg_is_refused() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let asked = first_leg(&world, &mut browser, "").await;
    world.google.allow(GRACE).await;
    let callback = browser.answer_to(&asked).await;
    let before = world.before(&mut browser).await;

    let answer = browser.get(&callback).await;

    let expected = refused(403, "subject_mismatch").after_exchange();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    assert_eq!(browser.session().await.json()["user"]["email"], ADA);
    world.assert_next_sign_in_works(&mut browser).await;
    assert_eq!(grant(&mut browser).await["offline"], true);
}

#[tokio::test]
async fn a_second_leg_is_bound_to_its_browser_and_its_time_like_a_first() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let asked = first_leg(&world, &mut browser, "").await;
    let callback = browser.answer_to(&asked).await;
    let mut stranger = world.browser();
    let before = world.before(&mut stranger).await;
    let answer = stranger.get(&callback).await;
    let expected = refused(403, "attempt_missing");
    world.assert_refusal(&mut stranger, &before, &answer, expected).await;

    let kept = browser.attempts().remove(0);
    browser.get(&callback).await.assert_status(303);
    browser.set_cookie(&kept.0, &kept.1);
    let before = world.before(&mut browser).await;
    let answer = browser.get(&callback).await;
    let expected = refused(409, "attempt_used").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;

    let mut late = world.browser();
    world.google.control("POST", &format!("users/{ADA}/revoke"), Value::Null).await;
    give_no_refresh_token(&world, 1).await;
    let callback = late.callback_url("").await;
    late.get(&callback).await.assert_status(303);
    late.session().await.assert_status(200);
}

#[tokio::test]
async fn a_second_leg_that_comes_too_late_leaves_the_first_as_it_was() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let asked = first_leg(&world, &mut browser, "").await;
    let callback = browser.answer_to(&asked).await;
    world.google.advance(601).await;
    let before = world.before(&mut browser).await;
    let answer = browser.get(&callback).await;
    let expected = refused(400, "attempt_expired").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    browser.session().await.assert_status(200);
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn a_second_leg_that_the_provider_breaks_leaves_the_first_as_it_was() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let asked = first_leg(&world, &mut browser, "").await;
    let callback = browser.answer_to(&asked).await;
    world.google.fault("token", "drop_after", json!({})).await;
    let before = world.before(&mut browser).await;
    let answer = browser.get(&callback).await;
    let expected = refused(503, "provider_unavailable").after_exchange();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    world.assert_next_sign_in_works(&mut browser).await;
    assert_eq!(grant(&mut browser).await["offline"], true);
}

#[tokio::test]
async fn cb_13_the_second_leg_replaces_the_session_of_the_first() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let asked = first_leg(&world, &mut browser, "").await;
    let first = browser.cookie("__Host-standin").unwrap().to_owned();
    let callback = browser.answer_to(&asked).await;
    browser.get(&callback).await.assert_status(303);
    assert_ne!(browser.cookie("__Host-standin").unwrap(), first);
    let mut old = world.browser();
    old.set_cookie("__Host-standin", &first);
    old.session().await.assert_refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_window_has_its_second_leg_in_the_same_window() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let asked = first_leg(&world, &mut browser, "?mode=popup").await;
    assert_eq!(param(&asked, "prompt"), "consent");
    let callback = browser.answer_to(&asked).await;
    let done = browser.get(&callback).await;
    done.assert_status(200);
    assert!(done.body.contains("data-type=\"standin:done\""));
    assert_eq!(grant(&mut browser).await["offline"], true);
}

#[tokio::test]
async fn a_window_whose_second_leg_was_declined_is_done_and_the_page_can_ask() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let asked = first_leg(&world, &mut browser, "?mode=popup").await;
    world.google.deny(ADA).await;
    let callback = browser.answer_to(&asked).await;
    let done = browser.get(&callback).await;
    done.assert_status(200);
    assert!(done.body.contains("data-type=\"standin:done\""));
    let (_, attempt) = done.body.split_once("data-attempt=\"").unwrap();
    let attempt = attempt.split('"').next().unwrap();
    let asked = browser.get(format!("/auth/attempts/{attempt}")).await;
    assert_eq!(asked.json(), json!({ "status": "done", "offline": "declined" }));
    assert_eq!(grant(&mut browser).await["offline"], false);
}

#[tokio::test]
async fn the_one_time_code_flow_has_no_second_leg() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    give_no_refresh_token(&world, 1).await;
    let mut browser = world.browser();
    let (state, code) = world.one_time_code(&mut browser).await;
    let answer = browser.post_code(&code, &state).await;
    answer.assert_status(200);
    assert_eq!(answer.json()["grants"][0]["offline"], false);
    assert_eq!(world.google.count("authorization").await, 1);
}
