//! Sessions: who is signed in, for how long, and which cookies do not count.

use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderValue, Method};
use serde_json::json;
use standin::session::SessionSettings;

use crate::routes;
use crate::support::{ADA, Answer, Browser, CALENDAR, World, contains};

const NAME: &str = "__Host-standin";

/// A browser that sends exactly these cookies.
async fn with_cookies(world: &World, cookies: &[&[u8]]) -> Answer {
    let mut browser = world.browser();
    for cookie in cookies {
        browser.headers.append(COOKIE, HeaderValue::from_bytes(cookie).unwrap());
    }
    browser.session().await
}

fn cookie_of(browser: &Browser) -> String {
    browser.cookie(NAME).unwrap().to_owned()
}

#[tokio::test]
async fn nobody_is_signed_in_without_a_cookie() {
    let world = World::start().await;
    let answer = world.browser().session().await;
    answer.assert_refused(401, "unauthenticated");
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert!(!answer.headers.contains_key("www-authenticate"));
}

#[tokio::test]
async fn sc_2_the_database_holds_nothing_that_opens_a_session() {
    let world = World::start().await;
    let (browser, _) = world.signed_in(ADA, "").await;
    let cookie = cookie_of(&browser);
    assert_eq!(cookie.len(), 43, "256 bits in base64url");

    let bytes = world.database_bytes();

    assert!(!contains(&bytes, cookie.as_bytes()));
    let raw = data_encoding::BASE64URL_NOPAD.decode(cookie.as_bytes()).unwrap();
    assert!(!contains(&bytes, &raw));
    let hash: Vec<u8> = world.value("SELECT hash FROM sessions");
    assert_eq!(hash, standin::secret::sha256(cookie.as_bytes()));
    for stolen in [
        data_encoding::BASE64URL_NOPAD.encode(&hash),
        data_encoding::HEXLOWER.encode(&hash),
        data_encoding::BASE64.encode(&hash),
    ] {
        let answer = with_cookies(&world, &[format!("{NAME}={stolen}").as_bytes()]).await;
        answer.assert_refused(401, "unauthenticated");
    }
}

#[tokio::test]
async fn sc_3_an_id_that_is_not_exactly_right_is_nobodys() {
    let world = World::start().await;
    let (browser, _) = world.signed_in(ADA, "").await;
    let id = cookie_of(&browser);
    let flipped = id
        .chars()
        .map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() });
    let encoded: String = {
        let hex: Vec<_> = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        hex.concat()
    };
    let near_misses = [
        id[..42].to_owned(),
        id[1..].to_owned(),
        format!("{id}A"),
        format!("{id}="),
        format!("\"{id}\""),
        flipped.collect(),
        encoded,
        id.replacen(&id[..1], &format!("%{:02X}", id.as_bytes()[0]), 1),
        String::new(),
        "null".into(),
    ];
    for value in near_misses {
        let answer = with_cookies(&world, &[format!("{NAME}={value}").as_bytes()]).await;
        assert_eq!(answer.status, 401, "{value}");
    }
    with_cookies(&world, &[format!("{NAME}={id}").as_bytes()]).await.assert_status(200);
}

#[tokio::test]
async fn sc_4_an_idle_session_ends_at_its_limit_and_a_used_one_goes_on() {
    let world = World::start().await;
    let idle = SessionSettings::default().idle;
    let (mut used, _) = world.signed_in(ADA, "").await;
    let (mut left_alone, _) = world.signed_in(ADA, "").await;

    world.google.clock().advance(idle.checked_sub(Duration::from_secs(3)).unwrap());
    used.session().await.assert_status(200);
    world.google.clock().advance(Duration::from_secs(4));

    left_alone.session().await.assert_refused(401, "unauthenticated");
    used.session().await.assert_status(200);
}

#[tokio::test]
async fn sc_4_a_session_is_alive_a_second_before_its_idle_limit() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let seen: i64 = world.value("SELECT last_seen_at FROM sessions");
    let limit = seen + i64::try_from(SessionSettings::default().idle.as_millis()).unwrap();
    let left = limit - world.google.clock().now_unix_ms();

    world.google.clock().advance(Duration::from_millis(left.unsigned_abs() - 1000));

    browser.session().await.assert_status(200);
}

#[tokio::test]
async fn sc_4_no_activity_extends_the_absolute_limit() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let ends = browser.session().await.json()["session"]["expires_at"].clone();
    let end: i64 = world.value("SELECT expires_at FROM sessions");
    let left = || (end - world.google.clock().now_unix_ms()).unsigned_abs();
    for _ in 0..4 {
        world.google.clock().advance(Duration::from_hours(6 * 24));
        let session = browser.session().await;
        session.assert_status(200);
        assert_eq!(session.json()["session"]["expires_at"], ends);
    }
    world.google.clock().advance(Duration::from_hours(5 * 24));
    browser.session().await.assert_status(200);

    world.google.clock().advance(Duration::from_millis(left() - 1000));
    browser.session().await.assert_status(200);
    world.google.clock().advance(Duration::from_millis(1001));

    browser.session().await.assert_refused(401, "unauthenticated");
    browser.post("/auth/logout", json!({})).await.assert_refused(401, "unauthenticated");
}

#[tokio::test]
async fn sc_8_two_cookies_of_the_name_sign_nobody_in_and_are_both_cleared() {
    let world = World::start().await;
    let (browser, _) = world.signed_in(ADA, "").await;
    let (other, _) = world.signed_in(ADA, "").await;
    let (good, also_good) = (cookie_of(&browser), cookie_of(&other));
    let pair = |a: &str, b: &str| vec![format!("{NAME}={a}; {NAME}={b}")];
    for cookies in [
        pair(&good, "evil"),
        pair("evil", &good),
        pair(&good, &good),
        pair(&good, &also_good),
        pair(&good, ""),
        vec![format!("{NAME}={good}"), format!("{NAME}=evil")],
        vec![format!("{NAME}=evil"), format!("{NAME}={good}")],
        vec![format!("{NAME}={good}; a=b; {NAME}={good}")],
    ] {
        let bytes: Vec<_> = cookies.iter().map(String::as_bytes).collect();
        let answer = with_cookies(&world, &bytes).await;
        answer.assert_refused(401, "unauthenticated");
        let cleared: Vec<_> =
            answer.headers.get_all("set-cookie").iter().map(|c| c.to_str().unwrap()).collect();
        assert_eq!(cleared.len(), 2, "{cookies:?}");
        assert!(
            cleared.iter().all(|c| c.starts_with("__Host-standin=;") && c.contains("Max-Age=0"))
        );
        assert_eq!(cleared.iter().filter(|c| c.ends_with("; Partitioned")).count(), 1);
    }
    with_cookies(&world, &[format!("{NAME}={good}").as_bytes()]).await.assert_status(200);
}

#[tokio::test]
async fn sc_8_holds_for_every_call_that_needs_a_session() {
    let world = World::start().await;
    let (browser, _) = world.signed_in(ADA, "").await;
    let good = cookie_of(&browser);
    let before = world.database_dump();
    for path in ["/auth/logout", "/auth/google/disconnect", "/auth/google/access-token"] {
        let mut tossed = world.browser();
        let cookies = format!("{NAME}={good}; {NAME}={good}");
        tossed.headers.insert(COOKIE, HeaderValue::from_str(&cookies).unwrap());
        let answer = tossed.post(path, json!({})).await;
        answer.assert_refused(401, "unauthenticated");
        assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2, "{path}");
    }
    assert_eq!(world.database_dump(), before);
}

#[tokio::test]
async fn sc_9_a_cookies_name_is_its_bytes_and_nothing_else() {
    let world = World::start().await;
    let (browser, _) = world.signed_in(ADA, "").await;
    let good = cookie_of(&browser);
    for before in [
        &b"%5F%5FHost-standin="[..],
        b"__Host%2Dstandin=",
        b"\xe2\x80\x80__Host-standin=",
        b"\xc2\xa0__Host-standin=",
        b"\xa0__Host-standin=",
        b"__Host-standin\xe2\x80\x80=",
        b"__Host-standin\t=",
        b"__Host-standin =",
        b"=__Host-standin=",
        b"\"__Host-standin\"=",
        b"__host-standin=",
        b"__HOST-STANDIN=",
        b"$Version=1, __Host-standin=",
        b"a=b, __Host-standin=",
        b"__Host-standin.=",
        b"__Host-standin=\"",
        b"__Host-standin= ",
    ] {
        let cookie = [before, good.as_bytes()].concat();
        let answer = with_cookies(&world, &[&cookie]).await;
        assert_eq!(answer.status, 401, "{}", String::from_utf8_lossy(&cookie));
    }
}

#[tokio::test]
async fn sc_10_foreign_cookies_do_not_sign_anybody_out() {
    let world = World::start().await;
    let (browser, _) = world.signed_in(ADA, "").await;
    let good = format!("{NAME}={}", cookie_of(&browser));
    let sixty: Vec<_> = (0..60).map(|i| format!("c{i}=v{i}; ")).collect();
    let sixty = sixty.concat();
    for (before, after) in [
        (&b"junk=\xe2\x80\x80; "[..], &b""[..]),
        (b"\xff\xfe=\x80; ", b"; \xff"),
        (b"; ;; =; novalue; ", b"; ="),
        (b"%5F%5FHost-standin=evil; ", b"; __Host-standin2=x"),
        (b"a=\"unclosed; ", b""),
        (sixty.as_bytes(), b"; last=1"),
    ] {
        let cookies = [before, good.as_bytes(), after].concat();
        let answer = with_cookies(&world, &[&cookies]).await;
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&cookies));
    }
    with_cookies(&world, &[b"junk=\xff", good.as_bytes(), b"more=1"]).await.assert_status(200);
}

#[tokio::test]
async fn sc_11_no_count_of_a_clients_choosing_costs_anything() {
    let world = World::start().await;
    let (browser, _) = world.signed_in(ADA, "").await;
    let good = cookie_of(&browser);
    let chunks = format!("{NAME}_chunks=99999999; {NAME}={good}; {NAME}.0=x; {NAME}.99999999=y");
    with_cookies(&world, &[chunks.as_bytes()]).await.assert_status(200);
    let mut flooded = world.browser();
    let attempts: Vec<_> = (0..1500).map(|i| format!("__Host-standin-att-{i:x}=AAAA; ")).collect();
    let attempts = attempts.concat();
    flooded.headers.insert(COOKIE, HeaderValue::from_str(&attempts).unwrap());
    flooded.get("/auth/google/login").await.assert_status(303);
}

#[tokio::test]
async fn sc_12_no_state_change_is_made_for_another_site() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    let ours = browser.origin();
    let evil = "https://evil.example";
    let (origin, custom, site) = ("origin", "x-requested-with", "sec-fetch-site");
    let json_type = ("content-type", "application/json");
    let before = world.database_dump();
    let shapes: [&[(&str, &str)]; 12] = [
        &[(origin, evil), (custom, "x"), (site, "cross-site")],
        &[(origin, evil), (custom, "x")],
        &[(origin, "null"), (custom, "x")],
        &[(origin, &ours), (custom, "x"), (site, "cross-site")],
        &[(origin, &ours), (custom, "x"), (site, "same-site")],
        &[(origin, &ours), (custom, "x"), (site, "none")],
        &[(origin, &ours), (custom, "x"), (site, "")],
        &[(origin, &ours)],
        &[(origin, &ours), (custom, "")],
        &[(custom, "x")],
        &[(custom, "x"), ("referer", &ours)],
        &[],
    ];
    for path in routes::changes() {
        for shape in &shapes {
            let headers = [&[json_type], *shape].concat();
            let body = if path.ends_with("code") { r#"{"code":"c","state":"s"}"# } else { "{}" };
            let answer = browser.send(Method::POST, &path, &headers, body.into()).await;
            assert_eq!(answer.status, 403, "{path} {shape:?}: {}", answer.body);
            assert!(["cross_origin", "csrf_header_missing"].contains(&answer.code().as_str()));
            assert!(!answer.headers.contains_key("access-control-allow-origin"));
        }
    }
    assert_eq!(world.database_dump(), before);
    assert_eq!(world.google.count("revoked").await, 0);
    browser.session().await.assert_status(200);
}

#[tokio::test]
async fn sc_12_what_changes_state_cannot_be_reached_by_get() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let before = world.database_dump();
    for path in routes::changes() {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE] {
            let answer = browser.send(method.clone(), &path, &[], String::new()).await;
            assert_eq!(answer.status, 405, "{method} {path}");
        }
    }
    for path in [
        "/auth/session",
        "/auth/google/login",
        "/auth/attempts/att_0",
        "/auth/google/callback",
        "/auth/google/callback?state=x&code=y",
    ] {
        browser.get(path).await;
    }
    assert_eq!(world.database_dump(), before);
}

#[tokio::test]
async fn sc_13_no_answer_to_a_browser_holds_a_token() {
    let wire = crate::support::Wire::new();
    let world = World::over(wire.clone(), |_| {}).await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let mut seen = Vec::new();
    let mut answer = browser.get(format!("/auth/google/login?scope={CALENDAR}&mode=popup")).await;
    while answer.status.is_redirection() {
        seen.push(format!("{:?}{}", answer.headers, answer.body));
        answer = browser.get(answer.location()).await;
    }
    answer.assert_status(200);
    seen.push(format!("{:?}{}", answer.headers, answer.body));
    for answer in [
        browser.session().await,
        browser.post("/auth/google/begin", json!({})).await,
        browser.post("/auth/google/access-token", json!({})).await,
        browser.post("/auth/google/disconnect", json!({})).await,
        browser.session().await,
        browser.post("/auth/logout", json!({})).await,
    ] {
        seen.push(format!("{:?}{}", answer.headers, answer.body));
    }
    let seen = seen.concat();
    let kinds = ["access_token", "refresh_token", "id_token", "client_secret", "code_verifier"];
    for (kind, secret) in wire.secrets() {
        if kinds.contains(&kind.as_str()) {
            assert!(!seen.contains(&secret), "{kind}");
        }
    }
    assert!(wire.heard("refresh_token").len() == 1 && wire.heard("id_token").len() == 1);
}
