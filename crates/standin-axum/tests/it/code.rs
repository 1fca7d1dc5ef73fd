//! `POST /auth/{provider}/code`: a page posts what the provider's own popup gave it.

use futures_util::future::join_all;
use http::Method;
use http::header::{ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN};
use serde_json::{Value, json};

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
async fn oc_1_only_a_page_of_ours_may_post_a_code() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let (state, code) = world.one_time_code(&mut browser).await;
    let body = json!({ "code": code, "state": state }).to_string();
    let ours = browser.origin();
    let port = world.app.port().unwrap();
    let twin = ours.replace("http://", "https://");
    let suffix = format!("{ours}.evil.example");
    let localhost = format!("http://localhost:{port}");
    let other_port = format!("http://127.0.0.1:{}", port ^ 1);
    let slash = format!("{ours}/");
    let upper = ours.to_uppercase();
    let twice = format!("{ours}, {ours}");
    let custom = ("x-requested-with", "XmlHttpRequest");
    let kind = ("content-type", JSON);
    let before = world.before(&mut browser).await;

    let mut cases: Vec<(Vec<(&str, &str)>, u16, &'static str)> = vec![
        (vec![custom, kind], 403, "cross_origin"),
        (vec![("origin", &ours), kind], 403, "csrf_header_missing"),
        (
            vec![("origin", &ours), ("x-requested-with", ""), kind],
            403,
            "csrf_header_missing",
        ),
        (
            vec![("origin", &ours), ("origin", &ours), custom, kind],
            403,
            "cross_origin",
        ),
        (
            vec![("origin", &ours), custom, ("content-type", "text/plain")],
            415,
            "invalid_request",
        ),
        (vec![("origin", &ours), custom], 415, "invalid_request"),
        (
            vec![
                ("origin", &ours),
                custom,
                ("content-type", "multipart/form-data"),
            ],
            415,
            "invalid_request",
        ),
        (
            vec![
                ("origin", &ours),
                custom,
                ("content-type", "application/jsonp"),
            ],
            415,
            "invalid_request",
        ),
        (
            vec![
                ("origin", &ours),
                custom,
                kind,
                ("sec-fetch-site", "cross-site"),
            ],
            403,
            "cross_origin",
        ),
        (
            vec![
                ("origin", &ours),
                custom,
                kind,
                ("sec-fetch-site", "same-site"),
            ],
            403,
            "cross_origin",
        ),
        (
            vec![("origin", &ours), custom, kind, ("sec-fetch-site", "none")],
            403,
            "cross_origin",
        ),
    ];
    for origin in [
        "null",
        "",
        "*",
        "https://evil.example",
        &twin,
        &suffix,
        &localhost,
        &other_port,
        &slash,
        &upper,
        &twice,
    ] {
        cases.push((vec![("origin", origin), custom, kind], 403, "cross_origin"));
    }
    for (headers, status, code) in cases {
        let answer = browser
            .send(Method::POST, PATH, &headers, body.clone())
            .await;
        let expected = refused(status, code);
        world
            .assert_refusal(&mut browser, &before, &answer, expected)
            .await;
    }
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
        let headers = [("origin", ours.as_str()), custom, kind];
        let answer = browser.send(method, PATH, &headers, body.clone()).await;
        answer.assert_status(405);
    }

    browser.post_code(&code, &state).await.assert_status(200);
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn oc_1_only_a_page_of_ours_may_begin() {
    let world = World::start().await;
    let mut browser = world.browser();
    let ours = browser.origin();
    let before = world.before(&mut browser).await;
    let custom = ("x-requested-with", "XmlHttpRequest");
    let kind = ("content-type", JSON);
    for (headers, code) in [
        (vec![custom, kind], "cross_origin"),
        (vec![("origin", "null"), custom, kind], "cross_origin"),
        (
            vec![("origin", "https://evil.example"), custom, kind],
            "cross_origin",
        ),
        (vec![("origin", &ours), kind], "csrf_header_missing"),
        (
            vec![
                ("origin", &ours),
                custom,
                kind,
                ("sec-fetch-site", "same-site"),
            ],
            "cross_origin",
        ),
    ] {
        let answer = browser
            .send(Method::POST, "/auth/google/begin", &headers, "{}".into())
            .await;
        world
            .assert_refusal(&mut browser, &before, &answer, refused(403, code))
            .await;
    }
    assert_eq!(browser.attempts(), []);
    browser.get("/auth/google/begin").await.assert_status(405);
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
        world
            .assert_refusal(browser, &before, &answer, expected)
            .await;
        for (state, status, code) in [
            ("", 400, "state_missing"),
            ("unknown", 403, "attempt_missing"),
        ] {
            let answer = browser.post_code(&their_code, state).await;
            world
                .assert_refusal(browser, &before, &answer, refused(status, code))
                .await;
        }
    }
    busy.post_code(&code, &state).await.assert_status(200);
    assert_eq!(busy.session().await.json()["user"]["email"], ADA);
    stranger
        .post_code(&their_code, &their_state)
        .await
        .assert_status(200);
    world.assert_next_sign_in_works(&mut idle).await;
}

#[tokio::test]
async fn oc_2_an_attempt_of_one_flow_takes_no_code_of_the_other() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    let (state, code) = (
        crate::support::param(&callback, "state"),
        crate::support::param(&callback, "code"),
    );
    let before = world.before(&mut browser).await;
    let answer = browser.post_code(&code, &state).await;
    let expected = refused(400, "response_mode_mismatch").known();
    world
        .assert_refusal(&mut browser, &before, &answer, expected)
        .await;

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
    world
        .assert_refusal(&mut browser, &before, &answer, expected)
        .await;
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
    let answer = browser
        .post_code(&code, begun["state"].as_str().unwrap())
        .await;
    let expected = refused(400, "attempt_expired").known();
    world
        .assert_refusal(&mut browser, &before, &answer, expected)
        .await;
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
    let answer = browser
        .post_code(&code, begun["state"].as_str().unwrap())
        .await;
    let expected = refused(403, "id_token_nonce_mismatch").after_exchange();
    world
        .assert_refusal(&mut browser, &before, &answer, expected)
        .await;

    let begun = browser.begin_code(json!({})).await;
    let own = [("nonce", begun["nonce"].as_str().unwrap())];
    let code = world.google.popup_code(&world.app, &begun, &own).await;
    let state = begun["state"].as_str().unwrap();
    browser.post_code(&code, state).await.assert_status(200);
}

#[tokio::test]
async fn oc_3_nothing_but_code_state_and_subject_may_stand_in_a_post() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let (state, code) = world.one_time_code(&mut browser).await;
    let before = world.before(&mut browser).await;
    let (s, c) = (state.as_str(), code.as_str());
    let query = form(&[("state", s)]);
    for (path, kind, body, code) in [
        (
            PATH.to_owned(),
            JSON,
            json!({ "code": c, "state": s, "redirect_uri": "https://evil.example" }).to_string(),
            "invalid_request",
        ),
        (
            PATH.to_owned(),
            JSON,
            json!({ "code": c, "state": s, "code_verifier": "x" }).to_string(),
            "invalid_request",
        ),
        (
            PATH.to_owned(),
            JSON,
            json!({ "code": c }).to_string(),
            "invalid_request",
        ),
        (
            PATH.to_owned(),
            JSON,
            json!({ "code": 5, "state": s }).to_string(),
            "invalid_request",
        ),
        (
            PATH.to_owned(),
            JSON,
            json!([c, s, Value::Null]).to_string(),
            "invalid_request",
        ),
        (
            PATH.to_owned(),
            JSON,
            json!({ "code": "", "state": s }).to_string(),
            "code_missing",
        ),
        (
            PATH.to_owned(),
            JSON,
            format!("{{\"code\":\"x\",\"code\":\"{c}\",\"state\":\"{s}\"}}"),
            "invalid_request",
        ),
        (PATH.to_owned(), JSON, String::new(), "invalid_request"),
        (PATH.to_owned(), JSON, "null".into(), "invalid_request"),
        (
            format!("{PATH}?{query}"),
            JSON,
            json!({ "code": c, "state": s }).to_string(),
            "invalid_request",
        ),
        (
            PATH.to_owned(),
            FORM,
            form(&[
                ("code", c),
                ("state", s),
                ("redirect_uri", "https://evil.example"),
            ]),
            "invalid_request",
        ),
        (
            PATH.to_owned(),
            FORM,
            form(&[("code", c), ("state", s), ("state", s)]),
            "duplicate_parameter",
        ),
        (
            PATH.to_owned(),
            FORM,
            form(&[("code", "x"), ("code", c), ("state", s)]),
            "duplicate_parameter",
        ),
        (PATH.to_owned(), FORM, form(&[("code", c)]), "state_missing"),
        (PATH.to_owned(), FORM, form(&[("state", s)]), "code_missing"),
        (
            format!("{PATH}?{query}"),
            FORM,
            form(&[("code", c), ("state", s)]),
            "invalid_request",
        ),
        (PATH.to_owned(), RAW, c.to_owned(), "state_missing"),
        (
            format!("{PATH}?{query}"),
            RAW,
            String::new(),
            "code_missing",
        ),
        (
            format!("{PATH}?{query}&redirect_uri=https://evil.example"),
            RAW,
            c.to_owned(),
            "invalid_request",
        ),
        (
            format!("{PATH}?{query}&{query}"),
            RAW,
            c.to_owned(),
            "duplicate_parameter",
        ),
    ] {
        let answer = post(&mut browser, &path, kind, body).await;
        world
            .assert_refusal(&mut browser, &before, &answer, refused(400, code))
            .await;
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
        let (mut path, mut body) = (
            PATH.to_owned(),
            json!({ "code": code, "state": state }).to_string(),
        );
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
    world
        .google
        .fault("token", "delay", json!({ "delay_ms": 100 }))
        .await;

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
    world
        .assert_refusal(winner, &before, &answer, expected)
        .await;
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
    let answer = browser
        .post_code(&code, again["state"].as_str().unwrap())
        .await;
    let expected = refused(400, "code_refused").after_exchange();
    world
        .assert_refusal(&mut browser, &before, &answer, expected)
        .await;
    browser.session().await.assert_status(200);
}

#[tokio::test]
async fn oc_5_no_other_origin_is_let_in() {
    let world = World::start().await;
    let mut browser = world.browser();
    let ours = browser.origin();
    for origin in [
        "https://evil.example",
        "null",
        &format!("{ours}.evil.example"),
        &ours,
    ] {
        for (method, path) in [
            (Method::OPTIONS, PATH),
            (Method::POST, PATH),
            (Method::OPTIONS, "/auth/google/begin"),
            (Method::GET, "/auth/session"),
            (Method::OPTIONS, "/auth/session"),
        ] {
            let headers = [
                ("origin", origin),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "x-requested-with"),
            ];
            let answer = browser.send(method, path, &headers, String::new()).await;
            assert!(
                !answer.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN),
                "{origin} {path}"
            );
            assert!(
                !answer
                    .headers
                    .contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS),
                "{origin} {path}"
            );
        }
    }
}

#[tokio::test]
async fn oc_8_the_page_gets_a_profile_and_no_token() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let begun = browser.begin_code(json!({ "scope": CALENDAR })).await;
    assert!(
        begun["script_url"]
            .as_str()
            .unwrap()
            .starts_with(world.google.origin())
    );
    assert!(begun["scope"].as_str().unwrap().contains(CALENDAR));
    let code = world.google.popup_code(&world.app, &begun, &[]).await;
    let answer = browser
        .post_code(&code, begun["state"].as_str().unwrap())
        .await;
    answer.assert_status(200);
    world.assert_tells_nothing(&answer).await;
    let body = answer.json();
    let members: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["grants", "identities", "session", "user"]);
    assert_eq!(body["grants"][0]["offline"], true);
    assert!(!answer.body.contains(&code));
    let attempt = begun["attempt"].as_str().unwrap();
    let outcome = browser.get(format!("/auth/attempts/{attempt}")).await;
    assert_eq!(outcome.json(), json!({ "status": "done" }));
    let session = browser.session().await;
    world.assert_tells_nothing(&session).await;
}

#[tokio::test]
async fn oc_9_a_thousand_bad_codes_from_one_address_slow_only_that_address() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut guesser = world.browser_at(66);
    let mut limited = 0;
    for _ in 0..200 {
        let answer = guesser.post_code("4/guess", "state").await;
        if answer.status == 429 {
            assert_eq!(answer.code(), "rate_limited");
            assert!(answer.headers.contains_key("retry-after"));
            limited += 1;
        } else {
            answer.assert_refused(403, "attempt_missing");
        }
    }
    assert!(limited >= 130, "{limited}");
    guesser
        .get("/auth/google/login")
        .await
        .assert_refused(429, "rate_limited");
    guesser
        .get("/auth/google/callback?state=x&code=y")
        .await
        .assert_refused(429, "rate_limited");
    assert_eq!(world.google.token_calls().await, 0);

    let mut other = world.browser();
    let (state, code) = world.one_time_code(&mut other).await;
    other.post_code(&code, &state).await.assert_status(200);
    world.assert_next_sign_in_works(&mut other).await;
}

#[tokio::test]
async fn oc_9_what_a_foreign_page_sends_does_not_use_up_my_patience() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    for _ in 0..70 {
        let headers = [("origin", "https://evil.example"), ("content-type", FORM)];
        let answer = browser
            .send(Method::POST, PATH, &headers, "code=x&state=y".into())
            .await;
        answer.assert_refused(403, "cross_origin");
    }
    world.assert_next_sign_in_works(&mut browser).await;
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
            let fields = [
                ("code", code.as_str()),
                ("state", state.as_str()),
                ("expected_subject", wrong),
            ];
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
            world
                .assert_refusal(&mut browser, &before, &answer, expected)
                .await;
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
        world
            .assert_refusal(&mut browser, &before, &answer, refused(400, "too_large"))
            .await;
    }
    for kind in [JSON, FORM, RAW] {
        let path = format!("{PATH}?{}", form(&[("state", &state)]));
        let answer = post(&mut browser, &path, kind, "x".repeat(3 * 1024 * 1024)).await;
        world
            .assert_refusal(&mut browser, &before, &answer, refused(413, "too_large"))
            .await;
    }
    browser.post_code(&code, &state).await.assert_status(200);
}

#[tokio::test]
async fn cb_12_a_scope_unticked_in_the_popup_is_listed_as_missing() {
    let world = World::start().await;
    world.google.allow_all_but(ADA, &[DRIVE]).await;
    let mut browser = world.browser();
    let begun = browser
        .begin_code(json!({ "scope": format!("{CALENDAR} {DRIVE}") }))
        .await;
    let code = world.google.popup_code(&world.app, &begun, &[]).await;
    let answer = browser
        .post_code(&code, begun["state"].as_str().unwrap())
        .await;
    answer.assert_status(200);
    assert_eq!(answer.json()["grants"][0]["missing_scopes"], json!([DRIVE]));
    assert_eq!(answer.json()["grants"][0]["offline"], true);
}
