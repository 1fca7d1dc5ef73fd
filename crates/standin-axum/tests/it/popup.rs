//! Our own window: it tells the page that waits how it went, and closes.

use serde_json::json;
use standin::secret::sha256;

use crate::support::{ADA, Answer, Browser, GRACE, Wire, World, param, refused};

/// What the page says to the one that opened it.
fn told(answer: &Answer, name: &str) -> String {
    let marker = format!("data-{name}=\"");
    let (_, rest) = answer.body.split_once(&marker).unwrap_or_default();
    rest.split('"').next().unwrap_or_default().to_owned()
}

async fn status(browser: &mut Browser, attempt: &str) -> Answer {
    browser.get(format!("/auth/attempts/{attempt}")).await
}

#[tokio::test]
async fn cb_8_a_window_that_is_done_says_so_and_holds_no_code() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("?mode=popup&return_to=/notes").await;

    let done = browser.get(&callback).await;

    done.assert_status(200);
    assert_eq!(told(&done, "type"), "standin:done");
    world.assert_tells_nothing(&done).await;
    assert!(!done.body.contains(&param(&callback, "code")));
    assert!(done.body.contains("history.replaceState"));
    assert_eq!(done.headers["referrer-policy"], "no-referrer");
    assert_eq!(done.headers["cache-control"], "no-store");
    browser.session().await.assert_status(200);
    let attempt = told(&done, "attempt");
    let answer = status(&mut browser, &attempt).await;
    assert_eq!(answer.json(), json!({ "status": "done", "offline": "came" }));
    status(&mut world.browser(), &attempt).await.assert_refused(403, "attempt_missing");
}

#[tokio::test]
async fn cb_8_the_pages_policy_allows_the_script_in_it_and_no_other() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let done = browser.sign_in("?mode=popup").await;
    let (_, script) = done.body.split_once("<script>").unwrap();
    let (script, rest) = script.split_once("</script>").unwrap();
    assert!(!rest.contains("<script"));
    let hash = data_encoding::BASE64.encode(&sha256(script.as_bytes()));
    let policy = done.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains(&format!("script-src 'sha256-{hash}'")), "{policy}");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("unsafe"));
}

#[tokio::test]
async fn oc_6_the_page_speaks_to_its_own_origin_and_has_no_secret_to_tell() {
    let wire = Wire::new();
    let world = World::over(wire.clone(), |_| {}).await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let done = browser.sign_in("?mode=popup").await;
    let (_, script) = done.body.split_once("<script>").unwrap();
    let calls: Vec<&str> = script.split("postMessage(").skip(1).collect();
    let [channel, opener] = calls.as_slice() else { panic!("{script}") };
    assert!(channel.starts_with("message);"), "a channel reaches its own origin only: {channel}");
    assert!(opener.starts_with("message, location.origin);"), "{opener}");
    let parts =
        "type: from.type, attempt: said('attempt'), code: said('code'), window: said('window')";
    assert!(script.contains(&format!("message = {{ {parts} }};")), "{script}");
    for (name, secret) in wire.secrets() {
        assert!(!done.body.contains(&secret), "{name}");
    }
    let cookie = browser.cookie("__Host-standin").unwrap();
    assert!(!done.body.contains(cookie));
}

#[tokio::test]
async fn a_window_that_failed_says_why_and_the_page_can_ask() {
    let world = World::start().await;
    world.google.deny(ADA).await;
    let mut browser = world.browser();
    let before = world.before(&mut browser).await;
    browser.accept_html();
    let answer = browser.sign_in("?mode=popup").await;
    browser.headers.clear();
    let expected = refused(403, "access_denied").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    assert_eq!(told(&answer, "type"), "standin:failed");
    let attempt = told(&answer, "attempt");
    let asked = status(&mut browser, &attempt).await;
    assert_eq!(asked.json(), json!({ "status": "failed", "code": "access_denied" }));
    status(&mut world.browser(), &attempt).await.assert_refused(403, "attempt_missing");
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn a_window_whose_sign_in_took_too_long_tells_the_page() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("?mode=popup").await;
    world.google.advance(601).await;
    let before = world.before(&mut browser).await;
    browser.accept_html();
    let answer = browser.get(&callback).await;
    browser.headers.clear();
    let expected = refused(400, "attempt_expired").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    assert_eq!(told(&answer, "type"), "standin:failed");
    assert!(answer.body.contains("BroadcastChannel"));
}

#[tokio::test]
async fn oc_6_a_window_says_by_what_name_its_page_knows_it() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let done = browser.sign_in("?mode=popup&window=page-1_A").await;
    assert_eq!(told(&done, "type"), "standin:done");
    assert_eq!(told(&done, "window"), "page-1_A");
    let unnamed = browser.sign_in("?mode=popup").await;
    assert_eq!(told(&unnamed, "window"), "");
    world.google.deny(ADA).await;
    browser.accept_html();
    let failed = browser.sign_in("?mode=popup&window=page-2").await;
    assert_eq!(told(&failed, "type"), "standin:failed");
    assert_eq!(told(&failed, "window"), "page-2");
    let at_once = browser.get("/auth/google/login?mode=popup&window=page-3&scope=unknown").await;
    assert_eq!(told(&at_once, "window"), "page-3");
}

#[tokio::test]
async fn oc_6_a_name_that_is_none_is_refused_and_never_shown() {
    let world = World::start().await;
    let mut browser = world.browser();
    browser.accept_html();
    let long = "a".repeat(65);
    for name in ["", "a%22b", "%3Cb%3E", "a+b", "a%00b", "%C3%A4", "%26lt%3B", "a.b", &long] {
        let path = format!("/auth/google/login?mode=popup&window={name}");
        let answer = browser.get(&path).await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.any_code()),
            (400, "invalid_request"),
            "{name}"
        );
        assert_eq!(told(&answer, "window"), "", "{name}");
    }
    let longest = format!("/auth/google/login?mode=popup&window={}", &long[1..]);
    browser.get(&longest).await.assert_status(303);
}

#[tokio::test]
async fn only_a_windows_failure_is_told_to_a_page() {
    let world = World::start().await;
    let mut browser = world.browser();
    browser.accept_html();
    let popup = browser.get("/auth/google/login?mode=popup&scope=unknown").await;
    assert!(popup.body.contains(r#"data-type="standin:failed""#), "{}", popup.body);
    let asked = "/auth/google/login?return_to=/x?mode=popup&scope=unknown";
    let redirect = browser.get(asked).await;
    redirect.assert_status(400);
    assert!(redirect.body.contains(r#"data-type="""#), "a page that nobody waits for tells nobody");
}

#[tokio::test]
async fn cb_2_a_strangers_window_is_refused_in_my_browser() {
    let world = World::start().await;
    world.google.allow(GRACE).await;
    let mut stranger = world.browser();
    let theirs = stranger.callback_url("?mode=popup").await;
    let mut browser = world.browser();
    let before = world.before(&mut browser).await;
    browser.accept_html();
    let answer = browser.get(&theirs).await;
    browser.headers.clear();
    let expected = refused(403, "attempt_missing");
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
}

#[tokio::test]
async fn nobody_learns_anything_about_attempts_that_are_not_theirs() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    browser.begin("").await;
    let begun = browser.begin_code(json!({})).await;
    let attempt = begun["attempt"].as_str().unwrap().to_owned();
    let own = status(&mut browser, &attempt).await;
    assert_eq!(own.json(), json!({ "status": "pending" }));
    let mut stranger = world.browser();
    stranger.begin("").await;
    for asked in [attempt.as_str(), "att_0", "x", "usr_01m803h3pyeq4apkqdndsv4d5m"] {
        status(&mut stranger, asked).await.assert_refused(403, "attempt_missing");
    }
}
