//! `POST /auth/{provider}/callback`: an answer that a page of the provider posts, in every way in which it is not one.

use futures_util::future::join_all;
use http::Method;
use http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use serde_json::{Value, json};
use standin::provider::AnswerForm;
use url::Url;

use crate::support::{ADA, Browser, CALENDAR, Form, GRACE, Publishing, World, param, refused};

async fn world() -> World {
    let world = World::with(|provider| provider.answer = AnswerForm::FormPost).await;
    world.google.allow(ADA).await;
    world
}

#[tokio::test]
async fn cb_7_a_posted_answer_that_was_asked_for_signs_in() {
    let world = world().await;
    let mut browser = world.browser();
    let asked = browser.begin("?return_to=/notes").await;
    assert_eq!(param(&asked, "response_type"), "code");
    assert_eq!(param(&asked, "response_mode"), "form_post");
    assert_eq!(param(&asked, "code_challenge_method"), "S256");
    let form = browser.form_for(&asked).await;

    let done = browser.submit(&form).await;

    assert_eq!((done.status.as_u16(), done.location()), (303, world.url("/notes")));
    assert_eq!(done.headers[REFERRER_POLICY], "no-referrer");
    assert_eq!(done.headers[CACHE_CONTROL], "no-store");
    world.assert_tells_nothing(&done).await;
    assert_eq!(browser.attempts(), []);
    assert_eq!(browser.session().await.json()["user"]["email"], ADA);
    assert_eq!(world.google.token_calls().await, 1);
}

#[tokio::test]
async fn cb_7_an_answer_that_must_be_posted_comes_by_no_other_way() {
    let world = world().await;
    let mut browser = world.browser();
    let form = browser.form("").await;
    let before = world.before(&mut browser).await;
    let body = form.body();
    let redirected = format!("{}?{body}", form.action);
    let answer = browser.get(&redirected).await;
    let expected = refused(400, "response_mode_mismatch");
    world.assert_refusal(&mut browser, &before, &answer, expected.known()).await;
    let fields = form.fields.iter().map(|(name, value)| (name.clone(), json!(value)));
    let as_json: Value = fields.collect();
    for (kind, body) in [
        ("application/json", as_json.to_string()),
        ("text/plain", body.clone()),
        ("multipart/form-data; boundary=b", body.clone()),
        ("application/x-www-form-urlencoded-not", body.clone()),
        ("", body.clone()),
    ] {
        let before = world.before(&mut browser).await;
        let answer = browser.submit_as(&form, kind, body).await;
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    for action in [redirected, format!("{}?", form.action), format!("{}?x=1", form.action)] {
        let before = world.before(&mut browser).await;
        let with_query = Form { action: Url::parse(&action).unwrap(), ..form.clone() };
        let answer = browser.submit(&with_query).await;
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    browser.submit(&form).await.assert_status(303);
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_1_a_posted_answer_that_belongs_to_no_attempt_is_refused() {
    let world = world().await;
    let mut browser = world.browser();
    let form = browser.form("").await;
    let state = form.get("state").to_owned();
    for (form, status, code) in [
        (form.without("state"), 400, "state_missing"),
        (form.with("state", ""), 400, "state_missing"),
        (form.with("state", &state[1..]), 403, "attempt_missing"),
        (form.with("state", &state.to_lowercase()), 403, "attempt_missing"),
        (form.adding("state", &state), 400, "duplicate_parameter"),
        (form.adding("code", "another"), 400, "duplicate_parameter"),
        (form.adding("iss", form.get("iss")), 400, "duplicate_parameter"),
        (form.adding("\u{0}", "x"), 303, ""),
    ] {
        if status == 303 {
            browser.submit(&form).await.assert_status(303);
            continue;
        }
        let before = world.before(&mut browser).await;
        let answer = browser.submit(&form).await;
        world.assert_refusal(&mut browser, &before, &answer, refused(status, code)).await;
    }
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_2_a_strangers_form_is_refused_in_my_browser() {
    let world = world().await;
    let mut stranger = world.browser();
    world.google.allow(GRACE).await;
    let theirs = stranger.form("").await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let mine = browser.form("").await;
    let before = world.before(&mut browser).await;
    let answer = browser.submit(&theirs).await;
    let expected = refused(403, "attempt_missing");
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    let answer = browser.submit(&mine.with("code", theirs.get("code"))).await;
    let expected = refused(400, "code_refused").after_exchange();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_3_fifty_forms_at_once_make_one_exchange_and_one_session() {
    let world = world().await;
    let mut browser = world.browser();
    let form = browser.form("").await;
    world.google.fault("token", "delay", json!({ "delay_ms": 100 })).await;
    let answers = join_all((0..50).map(async |_| browser.clone().submit(&form).await)).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 303);
    assert_eq!((won.len(), lost.len()), (1, 49));
    for answer in lost {
        answer.assert_refused(409, "attempt_used");
    }
    assert_eq!(world.google.token_calls().await, 1);
}

#[tokio::test]
async fn cb_5_the_issuer_of_a_posted_answer_is_the_one_that_was_asked() {
    let world = world().await;
    let mut browser = world.browser();
    let form = browser.form("").await;
    let iss = form.get("iss").to_owned();
    let error = form.without("code").adding("error", "access_denied");
    for wrong in [
        form.without("iss"),
        form.with("iss", "https://evil.example"),
        form.with("iss", &format!("{iss}/")),
        error.without("iss"),
        error.with("iss", "https://evil.example"),
    ] {
        let before = world.before(&mut browser).await;
        let answer = browser.submit(&wrong).await;
        let expected = refused(400, "issuer_mismatch").known();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    browser.submit(&form).await.assert_status(303);
}

#[tokio::test]
async fn cb_6_a_posted_error_is_told_in_our_own_words_and_ends_the_attempt() {
    let world = world().await;
    let mut browser = world.browser();
    for (error, status, code) in [
        ("access_denied", 403, "access_denied"),
        ("interaction_required", 400, "provider_error"),
        ("<script>alert(1)</script>", 400, "provider_error"),
    ] {
        let form = browser.form("").await;
        let hostile = form
            .without("code")
            .adding("error", error)
            .adding("error_description", "<script>alert(1)</script>\"'")
            .adding("error_uri", "https://evil.example/");
        let before = world.before(&mut browser).await;
        browser.accept_html();
        let answer = browser.submit(&hostile).await;
        browser.headers.clear();
        let expected = refused(status, code).known();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
        assert!(answer.body.starts_with("<!doctype html>"));
        assert!(!answer.headers.contains_key(LOCATION));
        let before = world.before(&mut browser).await;
        let answer = browser.submit(&form).await;
        let expected = refused(409, "attempt_used").known();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    world.google.deny(ADA).await;
    browser.sign_in("").await.assert_refused(403, "access_denied");
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_10_a_token_that_was_not_asked_for_is_refused_with_its_code() {
    let world = world().await;
    let mut browser = world.browser();
    for (name, code, is_known) in
        [("access_token", "token_not_asked_for", false), ("id_token", "token_not_asked_for", true)]
    {
        let form = browser.form("").await;
        let before = world.before(&mut browser).await;
        let answer = browser.submit(&form.adding(name, "a-token")).await;
        let expected = refused(400, code);
        let expected = if is_known { expected.known() } else { expected };
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    let form = browser.form("").await.without("code").adding("error", "access_denied");
    for name in ["code", "id_token"] {
        let before = world.before(&mut browser).await;
        let answer = browser.submit(&form.adding(name, "x")).await;
        let expected = refused(400, "invalid_request");
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_15_a_form_is_measured_before_it_is_looked_at() {
    let world = world().await;
    let mut browser = world.browser();
    let form = browser.form("").await;
    let before = world.before(&mut browser).await;
    let filled =
        |total: usize| form.adding("x", &"x".repeat(total - form.body().len() - "&x=".len()));
    let many = (0..70).fold(form.clone(), |form, number| form.adding(&format!("p{number}"), ""));
    for large in [
        form.with("code", &"c".repeat(4097)),
        form.with("state", &"s".repeat(1025)),
        form.adding("id_token", &"i".repeat(32 * 1024 + 1)),
        filled(48 * 1024 + 1),
        many,
    ] {
        let answer = browser.submit(&large).await;
        world.assert_refusal(&mut browser, &before, &answer, refused(400, "too_large")).await;
    }
    let huge = "x".repeat(3 * 1024 * 1024);
    let answer = browser.submit_as(&form, "application/x-www-form-urlencoded", huge).await;
    world.assert_refusal(&mut browser, &before, &answer, refused(400, "too_large")).await;
    let kind = "application/x-www-form-urlencoded; charset=UTF-8";
    let filled = filled(48 * 1024).body();
    browser.submit_as(&form, kind, filled).await.assert_status(303);
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn hh_12_only_a_navigation_brings_a_form_of_another_site() {
    let world = world().await;
    let mut browser = world.browser();
    let form = browser.form("").await;
    let before = world.before(&mut browser).await;
    for dest in ["empty", "iframe", "image", "object", ""] {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-dest", dest),
        ];
        let answer = browser.send(Method::POST, form.action.as_str(), &headers, form.body()).await;
        world.assert_refusal(&mut browser, &before, &answer, refused(403, "cross_origin")).await;
    }
    browser.submit(&form).await.assert_status(303);
}

#[tokio::test]
async fn sc_1_only_the_cookie_of_an_attempt_that_is_posted_back_crosses_sites() {
    let (posting, redirecting) = (world().await, World::start().await);
    redirecting.google.allow(ADA).await;
    for (world, crosses) in [(&posting, true), (&redirecting, false)] {
        let mut browser = world.browser();
        browser.begin("").await;
        let attempt = browser.attempts().remove(0).0;
        assert_eq!(browser.crosses_sites(&attempt), crosses);
        browser.sign_in("").await.assert_status(303);
        assert!(!browser.crosses_sites("__Host-standin"));
        let known: Vec<_> = browser.attempts().into_iter().map(|(name, _)| name).collect();
        let body = json!({ "scopes": [CALENDAR] });
        browser.post("/auth/google/grant", body).await.assert_status(200);
        let added = browser.attempts().into_iter().find(|(name, _)| !known.contains(name));
        assert_eq!(browser.crosses_sites(&added.unwrap().0), crosses);
    }
}

#[tokio::test]
async fn cb_13_a_posted_answer_replaces_the_session_whose_cookie_stayed_at_home() {
    let world = world().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let old = browser.cookie("__Host-standin").unwrap().to_owned();
    world.google.allow(GRACE).await;
    let form = browser.form("?login_hint=grace@example.com").await;
    browser.submit(&form).await.assert_status(303);
    let session = browser.session().await.json();
    assert_eq!(session["user"]["email"], GRACE);
    assert_ne!(session["user"]["id"], user.as_str());
    let mut thief = world.browser();
    thief.set_cookie("__Host-standin", &old);
    thief.session().await.assert_refused(401, "unauthenticated");
}

/// Asks for more, and lets the provider's page post the answer.
async fn grant_form(browser: &mut Browser) -> Form {
    let body = json!({ "scopes": [CALENDAR], "return_to": "/notes" });
    let begun = browser.post("/auth/google/grant", body).await;
    begun.assert_status(200);
    let url = begun.json()["authorization_url"].as_str().unwrap().to_owned();
    browser.form_for(&Url::parse(&url).unwrap()).await
}

#[tokio::test]
async fn rf_12_scopes_are_added_by_a_posted_answer_in_the_same_session() {
    let world = world().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let before = browser.session().await.json();
    let form = grant_form(&mut browser).await;
    let done = browser.submit(&form).await;
    assert_eq!((done.status.as_u16(), done.location()), (303, world.url("/notes")));
    let after = browser.session().await.json();
    assert_eq!(after["session"], before["session"]);
    let scopes = after["grants"][0]["scopes"].as_array().unwrap();
    assert!(scopes.contains(&json!(CALENDAR)), "{scopes:?}");
}

#[tokio::test]
async fn ar_4_scopes_are_not_added_for_a_session_that_has_ended_meanwhile() {
    let world = world().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let form = grant_form(&mut browser).await;
    browser.post("/auth/logout", json!({})).await.assert_status(204);
    let before = world.before(&mut browser).await;
    let answer = browser.submit(&form).await;
    let expected = refused(403, "session_mismatch").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;

    let (mut browser, _) = world.signed_in(ADA, "").await;
    let form = grant_form(&mut browser).await;
    world.google.allow(GRACE).await;
    let other = browser.form("?login_hint=grace@example.com").await;
    browser.submit(&other).await.assert_status(303);
    let before = world.before(&mut browser).await;
    let answer = browser.submit(&form).await;
    let expected = refused(403, "session_mismatch").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
}

#[tokio::test]
async fn cb_13_the_second_leg_is_posted_too_and_replaces_the_session_of_the_first() {
    let world = world().await;
    world.google.fault("token", "no_refresh_token", json!({})).await;
    let mut browser = world.browser();
    let form = browser.form("?return_to=/notes").await;
    let asked = browser.submit(&form).await.location();
    assert_eq!(param(&asked, "prompt"), "consent");
    assert_eq!(param(&asked, "response_mode"), "form_post");
    let first = browser.cookie("__Host-standin").unwrap().to_owned();
    let form = browser.form_for(&asked).await;

    let done = browser.submit(&form).await;

    assert_eq!(done.location(), world.url("/notes"));
    assert_eq!(browser.session().await.json()["grants"][0]["offline"], true);
    let mut old = world.browser();
    old.set_cookie("__Host-standin", &first);
    old.session().await.assert_refused(401, "unauthenticated");
    assert_eq!(world.google.count("authorization").await, 2);
}

#[tokio::test]
async fn a_window_is_done_by_a_posted_answer_too() {
    let world = world().await;
    let mut browser = world.browser();
    let done = browser.sign_in("?mode=popup").await;
    done.assert_status(200);
    assert!(done.body.contains("data-type=\"standin:done\""));
    assert_eq!(browser.session().await.json()["user"]["email"], ADA);
}

#[tokio::test]
async fn ar_9_a_form_of_answer_that_the_provider_does_not_publish_is_not_asked_for() {
    for (published, form) in [
        (json!({ "response_modes_supported": ["query", "fragment"] }), AnswerForm::FormPost),
        (json!({ "response_modes_supported": ["query"] }), AnswerForm::HybridFormPost),
        (json!({ "response_types_supported": ["code", "id_token"] }), AnswerForm::HybridFormPost),
        (json!({ "response_modes_supported": ["form_post"] }), AnswerForm::Query),
    ] {
        let world =
            World::over(Publishing::new(published), |provider| provider.answer = form).await;
        let mut browser = world.browser();
        let answer = browser.get("/auth/google/login").await;
        answer.assert_refused(502, "answer_not_supported");
        assert!(answer.body.contains("google") && answer.body.contains("response_mode"));
        assert_eq!(browser.attempts(), []);
    }
    let unsaid = json!({ "response_modes_supported": null, "response_types_supported": null });
    let world = World::over(Publishing::new(unsaid), |provider| {
        provider.answer = AnswerForm::HybridFormPost;
    });
    let world = world.await;
    world.google.allow(ADA).await;
    world.browser().sign_in("").await.assert_status(303);
}
