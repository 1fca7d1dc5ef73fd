//! `POST /auth/{provider}/code`: a page posts what the provider's own popup gave it.

use futures_util::future::join_all;
use http::Method;
use serde_json::json;

use crate::support::{ADA, Answer, Browser, CALENDAR, DRIVE, GRACE, World, refused};

const PATH: &str = "/auth/google/code";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const RAW: &str = "application/octet-stream";

/// Posts as a page of the app does, in this form.
async fn post(browser: &mut Browser, path: &str, kind: &str, body: String) -> Answer {
    let origin = browser.origin();
    let headers = [
        ("origin", origin.as_str()),
        ("x-requested-with", "XmlHttpRequest"),
        ("content-type", kind),
    ];
    browser.send(Method::POST, path, &headers, body).await
}

fn form(fields: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields).finish()
}

#[tokio::test]
async fn oc_2_a_code_is_tied_to_the_attempt_of_this_browser() {
    let world = World::start().await;
    world.google.allow(GRACE).await;
    let mut stranger = world.browser();
    let (their_state, their_code) = world.one_time_code(&mut stranger).await;
    world.google.allow(ADA).await;
    let mut idle = world.browser();
    let mut busy = world.browser();
    let (state, code) = world.one_time_code(&mut busy).await;
    for browser in [&mut idle, &mut busy] {
        let before = world.before(browser).await;
        let answer = browser.post_code(&their_code, &their_state).await;
        let expected = refused(403, "attempt_missing");
        world.assert_refusal(browser, &before, &answer, expected).await;
        for (state, status, code) in
            [("", 400, "state_missing"), ("unknown", 403, "attempt_missing")]
        {
            let answer = browser.post_code(&their_code, state).await;
            world.assert_refusal(browser, &before, &answer, refused(status, code)).await;
        }
    }
    busy.post_code(&code, &state).await.assert_status(200);
    assert_eq!(busy.session().await.json()["user"]["email"], ADA);
    stranger.post_code(&their_code, &their_state).await.assert_status(200);
    world.assert_next_sign_in_works(&mut idle).await;
}

#[tokio::test]
async fn oc_2_an_attempt_of_one_flow_takes_no_code_of_the_other() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    let (state, code) =
        (crate::support::param(&callback, "state"), crate::support::param(&callback, "code"));
    let before = world.before(&mut browser).await;
    let answer = browser.post_code(&code, &state).await;
    let expected = refused(400, "response_mode_mismatch").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;

    let begun = browser.begin_code(json!({})).await;
    let own_state = begun["state"].as_str().unwrap().to_owned();
    let before = world.before(&mut browser).await;
    let answer = browser.post_code(&code, &own_state).await;
    let expected = refused(400, "code_refused").after_exchange();
    let expected = match answer.any_code().as_str() {
        // The emulator names what does not fit; either way the code is worth nothing here.
        "provider_misbehaved" => refused(502, "provider_misbehaved").after_exchange(),
        _ => expected,
    };
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn oc_2_an_attempt_lives_ten_minutes() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let begun = browser.begin_code(json!({})).await;
    assert_eq!(begun["expires_in"], 600);
    world.google.advance(601).await;
    let code = world.google.popup_code(&world.app, &begun, &[]).await;
    let before = world.before(&mut browser).await;
    let answer = browser.post_code(&code, begun["state"].as_str().unwrap()).await;
    let expected = refused(400, "attempt_expired").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
}

#[tokio::test]
async fn id_8_a_nonce_that_the_popup_carried_must_be_ours() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let begun = browser.begin_code(json!({})).await;
    let other = [("nonce", "of-somebody-else")];
    let code = world.google.popup_code(&world.app, &begun, &other).await;
    let before = world.before(&mut browser).await;
    let answer = browser.post_code(&code, begun["state"].as_str().unwrap()).await;
    let expected = refused(403, "id_token_nonce_mismatch").after_exchange();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;

    let begun = browser.begin_code(json!({})).await;
    let own = [("nonce", begun["nonce"].as_str().unwrap())];
    let code = world.google.popup_code(&world.app, &begun, &own).await;
    let state = begun["state"].as_str().unwrap();
    browser.post_code(&code, state).await.assert_status(200);
}

/// Query, type, body and the code of the refusal.
type WrongPost = (&'static str, &'static str, &'static str, &'static str);

const WRONG_POSTS: &[WrongPost] = &[
    (
        "",
        JSON,
        r#"{"code":"{code}","state":"{state}","redirect_uri":"https://evil.example"}"#,
        "invalid_request",
    ),
    ("", JSON, r#"{"code":"{code}","state":"{state}","code_verifier":"x"}"#, "invalid_request"),
    ("", JSON, r#"{"code":"{code}"}"#, "invalid_request"),
    ("", JSON, r#"{"code":5,"state":"{state}"}"#, "invalid_request"),
    ("", JSON, r#"["{code}","{state}",null]"#, "invalid_request"),
    ("", JSON, r#"{"code":"","state":"{state}"}"#, "code_missing"),
    ("", JSON, r#"{"code":"{code}","state":""}"#, "state_missing"),
    ("", JSON, r#"{"code":"x","code":"{code}","state":"{state}"}"#, "invalid_request"),
    ("", JSON, "", "invalid_request"),
    ("", JSON, "null", "invalid_request"),
    ("?state={state}", JSON, r#"{"code":"{code}","state":"{state}"}"#, "invalid_request"),
    ("", FORM, "code={code}&state={state}&redirect_uri=https://evil.example", "invalid_request"),
    ("", FORM, "code={code}&state={state}&state={state}", "duplicate_parameter"),
    ("", FORM, "code=x&code={code}&state={state}", "duplicate_parameter"),
    ("", FORM, "code={code}", "state_missing"),
    ("", FORM, "state={state}", "code_missing"),
    ("?state={state}", FORM, "code={code}&state={state}", "invalid_request"),
    ("", RAW, "{code}", "state_missing"),
    ("?state={state}", RAW, "", "code_missing"),
    ("?state={state}&redirect_uri=https://evil.example", RAW, "{code}", "invalid_request"),
    ("?state={state}&state={state}", RAW, "{code}", "duplicate_parameter"),
];

#[tokio::test]
async fn oc_3_nothing_but_code_state_and_subject_may_stand_in_a_post() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let (state, code) = world.one_time_code(&mut browser).await;
    let before = world.before(&mut browser).await;
    let filled = |text: &str| text.replace("{code}", &code).replace("{state}", &state);
    for (query, kind, body, reason) in WRONG_POSTS {
        let path = format!("{PATH}{}", filled(query));
        let answer = post(&mut browser, &path, kind, filled(body)).await;
        let expected = refused(400, reason);
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    browser.post_code(&code, &state).await.assert_status(200);
}

#[tokio::test]
async fn a_code_comes_in_three_forms() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    for kind in [
        JSON,
        FORM,
        RAW,
        "application/octet-stream; charset=utf-8",
        "Application/JSON; charset=utf-8",
    ] {
        let mut browser = world.browser();
        let (state, code) = world.one_time_code(&mut browser).await;
        let (mut path, mut body) =
            (PATH.to_owned(), json!({ "code": code, "state": state }).to_string());
        if kind.starts_with(RAW) {
            path = format!("{PATH}?{}", form(&[("state", &state)]));
            body.clone_from(&code);
        } else if kind == FORM {
            body = form(&[("code", &code), ("state", &state)]);
        }
        let answer = post(&mut browser, &path, kind, body).await;
        answer.assert_status(200);
        assert_eq!(answer.json(), browser.session().await.json(), "{kind}");
        assert_eq!(answer.json()["user"]["email"], ADA);
    }
}

#[tokio::test]
async fn oc_4_one_code_posted_twenty_times_at_once_makes_one_session() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let (state, code) = world.one_time_code(&mut browser).await;
    world.google.fault("token", "delay", json!({ "delay_ms": 100 })).await;

    let posts = (0..20).map(async |_| {
        let mut copy = browser.clone();
        let answer = copy.post_code(&code, &state).await;
        (copy, answer)
    });
    let mut answers = join_all(posts).await;

    answers.sort_by_key(|(_, answer)| answer.status);
    let (winner, won) = &mut answers[0];
    won.assert_status(200);
    winner.session().await.assert_status(200);
    for (_, answer) in &answers[1..] {
        answer.assert_refused(409, "attempt_used");
        world.assert_tells_nothing(answer).await;
    }
    assert_eq!(world.google.token_calls().await, 1);
    let (winner, _) = &mut answers[0];
    let before = world.before(winner).await;
    let answer = winner.post_code(&code, &state).await;
    let expected = refused(409, "attempt_used").known();
    world.assert_refusal(winner, &before, &answer, expected).await;
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn oc_4_a_code_used_in_a_second_attempt_does_not_end_the_first_session() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let (state, code) = world.one_time_code(&mut browser).await;
    browser.post_code(&code, &state).await.assert_status(200);
    let again = browser.begin_code(json!({})).await;
    let before = world.before(&mut browser).await;
    let answer = browser.post_code(&code, again["state"].as_str().unwrap()).await;
    let expected = refused(400, "code_refused").after_exchange();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    browser.session().await.assert_status(200);
}

#[tokio::test]
async fn oc_8_the_page_gets_a_profile_and_no_token() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let begun = browser.begin_code(json!({ "scope": CALENDAR })).await;
    assert!(begun["script_url"].as_str().unwrap().starts_with(world.google.origin()));
    assert!(begun["scope"].as_str().unwrap().contains(CALENDAR));
    let code = world.google.popup_code(&world.app, &begun, &[]).await;
    let answer = browser.post_code(&code, begun["state"].as_str().unwrap()).await;
    answer.assert_status(200);
    world.assert_tells_nothing(&answer).await;
    let body = answer.json();
    let members: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["grants", "identities", "session", "user"]);
    assert_eq!(body["grants"][0]["offline"], true);
    assert!(!answer.body.contains(&code));
    let attempt = begun["attempt"].as_str().unwrap();
    let outcome = browser.get(format!("/auth/attempts/{attempt}")).await;
    assert_eq!(outcome.json(), json!({ "status": "done", "offline": "came" }));
    let session = browser.session().await;
    world.assert_tells_nothing(&session).await;
}

#[tokio::test]
async fn an_expected_subject_is_the_one_who_signs_in_or_nobody_does() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    browser.sign_in("").await.assert_status(303);
    let subject = browser.session().await.json()["identities"][0]["subject"].clone();
    let subject = subject.as_str().unwrap();
    for wrong in ["", "1", &subject[1..], &format!("{subject} "), ADA] {
        for kind in [JSON, FORM, RAW] {
            let (state, code) = world.one_time_code(&mut browser).await;
            let before = world.before(&mut browser).await;
            let fields =
                [("code", code.as_str()), ("state", state.as_str()), ("expected_subject", wrong)];
            let (path, body) = match kind {
                JSON => (
                    PATH.to_owned(),
                    json!({ "code": code, "state": state, "expected_subject": wrong }).to_string(),
                ),
                FORM => (PATH.to_owned(), form(&fields)),
                _ => (format!("{PATH}?{}", form(&fields[1..])), code.clone()),
            };
            let answer = post(&mut browser, &path, kind, body).await;
            let expected = refused(403, "subject_mismatch").after_exchange();
            world.assert_refusal(&mut browser, &before, &answer, expected).await;
        }
    }
    let (state, code) = world.one_time_code(&mut browser).await;
    let body = json!({ "code": code, "state": state, "expected_subject": subject });
    browser.post(PATH, body).await.assert_status(200);
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn cb_15_a_post_that_is_too_large_is_refused() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let (state, code) = world.one_time_code(&mut browser).await;
    let before = world.before(&mut browser).await;
    for body in [
        json!({ "code": "c".repeat(4097), "state": state }),
        json!({ "code": code, "state": "s".repeat(1025) }),
        json!({ "code": code, "state": state, "expected_subject": "1".repeat(256) }),
    ] {
        let answer = browser.post(PATH, body).await;
        world.assert_refusal(&mut browser, &before, &answer, refused(400, "too_large")).await;
    }
    for kind in [JSON, FORM, RAW] {
        let path = format!("{PATH}?{}", form(&[("state", &state)]));
        let answer = post(&mut browser, &path, kind, "x".repeat(3 * 1024 * 1024)).await;
        world.assert_refusal(&mut browser, &before, &answer, refused(413, "too_large")).await;
    }
    browser.post_code(&code, &state).await.assert_status(200);
}

#[tokio::test]
async fn cb_12_a_scope_unticked_in_the_popup_is_listed_as_missing() {
    let world = World::start().await;
    world.google.allow_all_but(ADA, &[DRIVE]).await;
    let mut browser = world.browser();
    let begun = browser.begin_code(json!({ "scope": format!("{CALENDAR} {DRIVE}") })).await;
    let code = world.google.popup_code(&world.app, &begun, &[]).await;
    let answer = browser.post_code(&code, begun["state"].as_str().unwrap()).await;
    answer.assert_status(200);
    assert_eq!(answer.json()["grants"][0]["missing_scopes"], json!([DRIVE]));
    assert_eq!(answer.json()["grants"][0]["offline"], true);
}
