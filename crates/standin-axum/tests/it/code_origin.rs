//! Who may post a code: a page of ours, and nobody so often that it becomes guessing.

use http::Method;
use http::header::{ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN};
use serde_json::json;

use crate::support::{ADA, ButtonPage, World, refused};

const PATH: &str = "/auth/google/code";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

type Headers = &'static [(&'static str, &'static str)];

const CUSTOM: (&str, &str) = ("x-requested-with", "XmlHttpRequest");
const OURS: (&str, &str) = ("origin", "{ours}");
const KIND: (&str, &str) = ("content-type", JSON);

const NOT_OURS: &[(Headers, u16, &str)] = &[
    (&[CUSTOM, KIND], 403, "cross_origin"),
    (&[OURS, KIND], 403, "csrf_header_missing"),
    (&[OURS, ("x-requested-with", ""), KIND], 403, "csrf_header_missing"),
    (&[OURS, OURS, CUSTOM, KIND], 403, "cross_origin"),
    (&[OURS, ("origin", "null"), CUSTOM, KIND], 403, "cross_origin"),
    (&[OURS, CUSTOM], 415, "invalid_request"),
    (&[OURS, CUSTOM, ("content-type", "text/plain")], 415, "invalid_request"),
    (&[OURS, CUSTOM, ("content-type", "multipart/form-data")], 415, "invalid_request"),
    (&[OURS, CUSTOM, ("content-type", "application/jsonp")], 415, "invalid_request"),
    (&[OURS, CUSTOM, KIND, ("sec-fetch-site", "cross-site")], 403, "cross_origin"),
    (&[OURS, CUSTOM, KIND, ("sec-fetch-site", "same-site")], 403, "cross_origin"),
    (&[OURS, CUSTOM, KIND, ("sec-fetch-site", "none")], 403, "cross_origin"),
];

const OTHER_ORIGINS: &[&str] = &[
    "null",
    "",
    "*",
    "https://evil.example",
    "https://{host}",
    "http://{host}.evil.example",
    "http://evil.example/{host}",
    "http://localhost:{port}",
    "http://127.0.0.1:1",
    "http://127.0.0.1",
    "{ours}/",
    "HTTP://{host}",
    "{ours}, {ours}",
];

/// Fills in who we are.
fn filled(text: &str, app: &url::Url) -> String {
    let ours = app.origin().ascii_serialization();
    let host = ours.trim_start_matches("http://").to_owned();
    let port = app.port().unwrap().to_string();
    let text = text.replace("{ours}", &ours).replace("{host}", &host);
    text.replace("{port}", &port)
}

#[tokio::test]
async fn oc_1_only_a_page_of_ours_may_post_a_code() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let (state, code) = world.one_time_code(&mut browser).await;
    let body = json!({ "code": code, "state": state }).to_string();
    let before = world.before(&mut browser).await;
    for (headers, status, reason) in NOT_OURS {
        let owned: Vec<_> =
            headers.iter().map(|(name, value)| (*name, filled(value, &world.app))).collect();
        let headers: Vec<_> = owned.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answer = browser.send(Method::POST, PATH, &headers, body.clone()).await;
        let expected = refused(*status, reason);
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    for origin in OTHER_ORIGINS {
        let origin = filled(origin, &world.app);
        let headers = [("origin", origin.as_str()), CUSTOM, KIND];
        let answer = browser.send(Method::POST, PATH, &headers, body.clone()).await;
        let expected = refused(403, "cross_origin");
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    browser.post_code(&code, &state).await.assert_status(200);
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn oc_1_a_code_is_posted_and_comes_in_no_other_way() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let (state, code) = world.one_time_code(&mut browser).await;
    let body = json!({ "code": code, "state": state }).to_string();
    let ours = browser.origin();
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
        let headers = [("origin", ours.as_str()), CUSTOM, KIND];
        let answer = browser.send(method, PATH, &headers, body.clone()).await;
        answer.assert_status(405);
    }
    assert_eq!(world.google.token_calls().await, 0);
    browser.post_code(&code, &state).await.assert_status(200);
}

#[tokio::test]
async fn oc_1_only_a_page_of_ours_may_begin() {
    let world = World::start().await;
    let mut browser = world.browser();
    let ours = browser.origin();
    let before = world.before(&mut browser).await;
    for (headers, code) in [
        (vec![CUSTOM, KIND], "cross_origin"),
        (vec![("origin", "null"), CUSTOM, KIND], "cross_origin"),
        (vec![("origin", "https://evil.example"), CUSTOM, KIND], "cross_origin"),
        (vec![("origin", &ours), KIND], "csrf_header_missing"),
        (vec![("origin", &ours), CUSTOM, KIND, ("sec-fetch-site", "same-site")], "cross_origin"),
    ] {
        let answer = browser.send(Method::POST, "/auth/google/begin", &headers, "{}".into()).await;
        world.assert_refusal(&mut browser, &before, &answer, refused(403, code)).await;
    }
    assert_eq!(browser.attempts(), []);
    browser.get("/auth/google/begin").await.assert_status(405);
}

#[tokio::test]
async fn oc_5_no_other_origin_is_let_in() {
    let world = World::start().await;
    let mut browser = world.browser();
    let ours = browser.origin();
    for origin in ["https://evil.example", "null", &format!("{ours}.evil.example"), &ours] {
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
            assert!(!answer.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{origin} {path}");
            assert!(
                !answer.headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS),
                "{origin} {path}"
            );
        }
    }
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
    guesser.get("/auth/google/login").await.assert_refused(429, "rate_limited");
    guesser.get("/auth/google/callback?state=x&code=y").await.assert_refused(429, "rate_limited");
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
        let answer = browser.send(Method::POST, PATH, &headers, "code=x&state=y".into()).await;
        answer.assert_refused(403, "cross_origin");
    }
    world.assert_next_sign_in_works(&mut browser).await;
}

/// Whoever signs in while the provider or our database is away would be locked out when it is back.
#[tokio::test]
async fn oc_9_what_fails_on_our_side_uses_up_nobodys_patience() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    world.google.fault("token", "status", json!({ "status": 503, "times": 70 })).await;
    for _ in 0..70 {
        browser.sign_in("").await.assert_refused(503, "provider_unavailable");
    }

    let callback = browser.callback_url("").await;
    let (state, code) = world.one_time_code(&mut browser).await;
    let mut page = ButtonPage::of(browser.clone(), json!({})).await;
    let credential = page.credential(&world).await;
    for table in ["attempts", "spent"] {
        world.execute(&format!("ALTER TABLE {table} RENAME TO lost_{table}"), []);
    }
    for _ in 0..24 {
        assert!(browser.get(&callback).await.status.is_server_error());
        assert!(browser.post_code(&code, &state).await.status.is_server_error());
        assert!(page.post(&credential).await.status.is_server_error());
    }
    for table in ["attempts", "spent"] {
        world.execute(&format!("ALTER TABLE lost_{table} RENAME TO {table}"), []);
    }
    page.post(&credential).await.assert_status(303);
    browser.post_code(&code, &state).await.assert_status(200);
    world.assert_next_sign_in_works(&mut browser).await;
}
