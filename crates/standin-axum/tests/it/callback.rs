//! `GET /auth/{provider}/callback`: the provider's answer, in every way in which it is not one.

use futures_util::future::join_all;
use http::Method;
use http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use serde_json::json;
use url::Url;

use crate::support::{ADA, Browser, GRACE, World, adding, param, refused, with, without};

#[tokio::test]
async fn cb_1_an_answer_that_belongs_to_no_attempt_is_refused() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    let state = param(&callback, "state");
    let before = world.before(&mut browser).await;
    for (url, status, code) in [
        (without(&callback, "state"), 400, "state_missing"),
        (with(&callback, "state", ""), 400, "state_missing"),
        (with(&callback, "state", "unknown"), 403, "attempt_missing"),
        (with(&callback, "state", &state[1..]), 403, "attempt_missing"),
        (with(&callback, "state", &format!("{state}A")), 403, "attempt_missing"),
        (with(&callback, "state", &state.to_lowercase()), 403, "attempt_missing"),
        (adding(&callback, "state", &state), 400, "duplicate_parameter"),
        (adding(&callback, "state", "other"), 400, "duplicate_parameter"),
        (adding(&callback, "code", "other"), 400, "duplicate_parameter"),
        (world.url("/auth/google/callback"), 400, "state_missing"),
        (world.url("/auth/google/callback?"), 400, "state_missing"),
        (world.url("/auth/google/callback?error=access_denied"), 400, "state_missing"),
    ] {
        let answer = browser.get(&url).await;
        let expected = refused(status, code);
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    let mut bare = world.browser();
    let before = world.before(&mut bare).await;
    let answer = bare.get(&callback).await;
    let expected = refused(403, "attempt_missing");
    world.assert_refusal(&mut bare, &before, &answer, expected).await;
    let answer = bare.get("/auth/google/callback?code=x").await;
    let expected = refused(400, "state_missing");
    world.assert_refusal(&mut bare, &before, &answer, expected).await;

    browser.get(&callback).await.assert_status(303);
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_1_two_cookies_of_one_attempt_are_none() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    let (name, value) = browser.attempts().remove(0);
    let before = world.before(&mut browser).await;
    let cookies = format!("{name}=x; {name}={value}");
    let mut tossed = world.browser();
    let answer =
        tossed.send(Method::GET, callback.as_str(), &[("cookie", &cookies)], String::new()).await;
    let expected = refused(403, "attempt_missing");
    world.assert_refusal(&mut tossed, &before, &answer, expected).await;
    browser.get(&callback).await.assert_status(303);
}

#[tokio::test]
async fn cb_1_an_answer_for_an_unknown_provider_is_refused() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    let before = world.before(&mut browser).await;
    for (provider, events) in [("other", 1), ("GOOGLE", 0), ("goo%67le%2f", 0)] {
        let url = callback.as_str().replace("/google/", &format!("/{provider}/"));
        let answer = browser.get(&url).await;
        let expected = refused(404, "unknown_provider");
        let expected = if events == 1 { expected.known() } else { expected };
        let before = world.before(&mut browser).await;
        let again = browser.get(&url).await;
        assert_eq!(answer.any_code(), again.any_code());
        world.assert_refusal(&mut browser, &before, &again, expected).await;
    }
    drop(before);
    browser.get(&callback).await.assert_status(303);
}

#[tokio::test]
async fn cb_2_a_strangers_answer_is_refused_in_my_browser() {
    let world = World::start().await;
    let mut stranger = world.browser();
    world.google.allow(GRACE).await;
    let theirs = stranger.callback_url("").await;
    world.google.allow(ADA).await;

    let mut idle = world.browser();
    let mut busy = world.browser();
    let mine = busy.callback_url("").await;
    let mut signed_in = world.browser();
    signed_in.sign_in("").await.assert_status(303);
    for browser in [&mut idle, &mut busy, &mut signed_in] {
        let before = world.before(browser).await;
        let answer = browser.get(&theirs).await;
        let expected = refused(403, "attempt_missing");
        world.assert_refusal(browser, &before, &answer, expected).await;
    }

    busy.get(&mine).await.assert_status(303);
    assert_eq!(busy.session().await.json()["user"]["email"], ADA);
    stranger.get(&theirs).await.assert_status(303);
    assert_eq!(stranger.session().await.json()["user"]["email"], GRACE);
}

#[tokio::test]
async fn cb_2_a_strangers_code_in_my_attempt_is_refused() {
    let world = World::start().await;
    let mut stranger = world.browser();
    world.google.allow(GRACE).await;
    let theirs = stranger.callback_url("").await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let mine = browser.callback_url("").await;
    let before = world.before(&mut browser).await;

    let injected = with(&mine, "code", &param(&theirs, "code"));
    let answer = browser.get(&injected).await;

    let expected = refused(400, "code_refused").after_exchange();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    assert_eq!(world.google.count("code_redeemed").await, 0);
    let before = world.before(&mut browser).await;
    let answer = browser.get(&mine).await;
    let expected = refused(409, "attempt_used").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_2_a_code_of_the_providers_own_popup_is_no_answer_to_a_redirect() {
    let world = World::start().await;
    let mut stranger = world.browser();
    world.google.allow(GRACE).await;
    let (_, code) = world.one_time_code(&mut stranger).await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let mine = browser.callback_url("").await;
    let before = world.before(&mut browser).await;
    let answer = browser.get(with(&mine, "code", &code)).await;
    let expected = refused(400, "code_refused").after_exchange();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
}

#[tokio::test]
async fn cb_3_fifty_callbacks_at_once_make_one_exchange_and_one_session() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    world.google.fault("token", "delay", json!({ "delay_ms": 100 })).await;

    let copies = (0..50).map(async |_| browser.clone().get(&callback).await);
    let answers = join_all(copies).await;

    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 303);
    assert_eq!((won.len(), lost.len()), (1, 49));
    for answer in lost {
        answer.assert_refused(409, "attempt_used");
        world.assert_tells_nothing(answer).await;
    }
    assert_eq!(world.google.token_calls().await, 1);
    let users = world.standin.store().users(None, 10).await.unwrap();
    assert_eq!(users.len(), 1);
    let sessions = world.standin.store().sessions_of(users[0].id).await.unwrap();
    assert_eq!(sessions.len(), 1);
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_3_a_replay_after_the_end_changes_nothing() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    let kept = browser.attempts().remove(0);
    browser.get(&callback).await.assert_status(303);
    let before = world.before(&mut browser).await;

    let answer = browser.get(&callback).await;
    let expected = refused(403, "attempt_missing");
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    browser.set_cookie(&kept.0, &kept.1);
    let answer = browser.get(&callback).await;
    let expected = refused(409, "attempt_used").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    world.standin.store().prune(world.standin.clock().now()).await.unwrap();
    let before = world.before(&mut browser).await;
    let answer = browser.get(&callback).await;
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_6_an_error_is_told_in_our_own_words_and_ends_the_attempt() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    for (error, status, code) in [
        ("access_denied", 403, "access_denied"),
        ("server_error", 400, "provider_error"),
        ("<script>alert(1)</script>", 400, "provider_error"),
        ("", 400, "provider_error"),
    ] {
        let callback = browser.callback_url("").await;
        let hostile = with(&without(&callback, "code"), "error", error);
        let hostile = with(&hostile, "error_description", "<script>alert(1)</script>\"'");
        let hostile = with(&hostile, "error_uri", "https://evil.example/");
        for html in [false, true] {
            let before = world.before(&mut browser).await;
            if html {
                browser.accept_html();
            }
            let answer = browser.get(&hostile).await;
            browser.headers.clear();
            let expected = refused(status, code).known();
            let expected = if html { refused(409, "attempt_used").known() } else { expected };
            world.assert_refusal(&mut browser, &before, &answer, expected).await;
            assert!(!answer.headers.contains_key(LOCATION));
        }
        let before = world.before(&mut browser).await;
        let answer = browser.get(&callback).await;
        let expected = refused(409, "attempt_used").known();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_6_a_page_of_ours_renders_nothing_that_came_from_outside() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    let hostile = with(&without(&callback, "code"), "error", "<script>alert(1)</script>");
    let hostile = with(&hostile, "error_description", "<script>alert(2)</script>");
    let before = world.before(&mut browser).await;
    browser.accept_html();
    let answer = browser.get(&hostile).await;
    let expected = refused(400, "provider_error").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    assert!(answer.body.starts_with("<!doctype html>"));
    assert!(!answer.body.contains("alert("));
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
}

#[tokio::test]
async fn cb_6_code_and_error_together_and_neither_of_them_are_refused() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    let before = world.before(&mut browser).await;
    let both = with(&callback, "error", "access_denied");
    let answer = browser.get(&both).await;
    world.assert_refusal(&mut browser, &before, &answer, refused(400, "invalid_request")).await;
    let answer = browser.get(without(&callback, "code")).await;
    let expected = refused(400, "code_missing").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_7_an_answer_comes_as_it_was_asked_for() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    let query = callback.query().unwrap().to_owned();
    let path = world.url("/auth/google/callback");
    for (url, kind, body) in [
        (&path, "application/x-www-form-urlencoded", query.clone()),
        (&callback, "application/x-www-form-urlencoded", String::new()),
        (&path, "application/json", json!({ "state": param(&callback, "state") }).to_string()),
    ] {
        let answer =
            browser.send(Method::POST, url.as_str(), &[("content-type", kind)], body).await;
        answer.assert_refused(400, "response_mode_mismatch");
        assert_eq!(world.google.token_calls().await, 0);
    }
    let (state, code) = world.one_time_code(&mut browser).await;
    let mixed = with(&with(&callback, "code", &code), "state", &state);
    let before = world.before(&mut browser).await;
    let answer = browser.get(&mixed).await;
    let expected = refused(400, "response_mode_mismatch").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;

    browser.get(&callback).await.assert_status(303);
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_8_the_browser_leaves_the_callback_with_nothing_of_it() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let asked = browser.get("/auth/google/login?return_to=/notes?page=2").await;
    let callback = browser.answer_to(&asked.location()).await;
    let done = browser.get(&callback).await;

    assert_eq!(done.status, 303);
    assert_eq!(done.location(), world.url("/notes?page=2"));
    world.assert_tells_nothing(&done).await;
    assert_eq!(browser.attempts(), []);
    browser.accept_html();
    let failed = browser.get(&callback).await;
    for answer in [asked, done, failed] {
        assert_eq!(answer.headers[REFERRER_POLICY], "no-referrer", "{}", answer.url.path());
        assert_eq!(answer.headers[CACHE_CONTROL], "no-store", "{}", answer.url.path());
    }
    let session = browser.session().await;
    assert_eq!(session.headers[CACHE_CONTROL], "no-store");
}

#[tokio::test]
async fn cb_15_what_is_too_large_is_refused_before_it_is_looked_at() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    let before = world.before(&mut browser).await;
    let long_query = |total: usize| -> Url {
        let missing = total - callback.query().unwrap().len() - "&x=".len();
        adding(&callback, "x", &"x".repeat(missing))
    };
    for (url, status, code) in [
        (with(&callback, "code", &"c".repeat(4097)), 400, "too_large"),
        (with(&callback, "state", &"s".repeat(1025)), 400, "too_large"),
        (with(&callback, "state", &"s".repeat(1024)), 403, "attempt_missing"),
        (long_query(16 * 1024 + 1), 400, "too_large"),
        (many_parameters(&callback), 400, "too_large"),
    ] {
        let answer = browser.get(&url).await;
        world.assert_refusal(&mut browser, &before, &answer, refused(status, code)).await;
    }
    browser.get(long_query(16 * 1024)).await.assert_status(303);
    let callback = browser.callback_url("").await;
    let before = world.before(&mut browser).await;
    let answer = browser.get(with(&callback, "code", &"c".repeat(4096))).await;
    let expected = refused(400, "code_refused").after_exchange();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    world.assert_next_sign_in_works(&mut browser).await;
}

fn many_parameters(url: &Url) -> Url {
    let names: Vec<String> = (0..70).map(|number| format!("p{number}")).collect();
    names.iter().fold(url.clone(), |url, name| adding(&url, name, ""))
}

#[tokio::test]
async fn cb_3_two_browsers_with_one_cookie_make_one_session() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    let mut copy: Browser = browser.clone();
    browser.get(&callback).await.assert_status(303);
    let before = world.before(&mut copy).await;
    let answer = copy.get(&callback).await;
    let expected = refused(409, "attempt_used").known();
    world.assert_refusal(&mut copy, &before, &answer, expected).await;
    browser.session().await.assert_status(200);
}
