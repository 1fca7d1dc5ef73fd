//! Where the browser ends: on a page of this site, whatever was asked (requirements RD-1 to RD-7).

use http::header::LOCATION;
use url::Url;

use crate::support::{ADA, Browser, World, with};

/// Shapes on which browsers and parsers disagree, and plain attempts to leave the site. `{host}` is our own.
const ELSEWHERE: &[&str] = &[
    "",
    " ",
    "notes",
    "?x",
    "#x",
    ".",
    "..",
    "./notes",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/////evil.example",
    "//evil.example/%2f..",
    "//evil.example\\@{host}",
    "/\\evil.example",
    "/\\/evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "\\/\\/evil.example",
    "/\\\\evil.example",
    "//\\evil.example",
    "/\t/evil.example",
    "/\t\\evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "/\r\n/evil.example",
    "\t//evil.example",
    "\n//evil.example",
    " //evil.example",
    "/ /evil.example",
    "/\u{b}/evil.example",
    "/\u{c}/evil.example",
    "/\u{a0}/evil.example",
    "/\u{2028}/evil.example",
    "/\u{feff}//evil.example\u{85}",
    "/\u{0}/evil.example",
    "/..//evil.example",
    "/.//evil.example",
    "/../..//evil.example",
    "/./.././/evil.example",
    "/%2e%2e//evil.example",
    "/%2e//evil.example",
    "/%2E%2E//evil.example",
    "/.%2e//evil.example",
    "/%2e./%2e//evil.example",
    "/a/..//evil.example",
    "/a/%2e%2e//evil.example",
    "/a/b/../..//evil.example",
    "/%2f/evil.example",
    "/%2F/evil.example",
    "/%2f%2fevil.example",
    "/%5cevil.example",
    "/%5C%5Cevil.example",
    "/%5c/evil.example",
    "/%09/evil.example",
    "/%0a/evil.example",
    "/%0d/evil.example",
    "/%0d%0a/evil.example",
    "/%00/evil.example",
    "/;%2fevil.example",
    "https://evil.example",
    "HTTPS://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https:\\\\evil.example",
    "http://{host}@evil.example",
    "http://{host}.evil.example",
    "http://{host}:1@evil.example/",
    "http://evil.example/{host}",
    "http://evil.example?{host}",
    "http://evil.example#{host}",
    "http://evil.example\\.{host}",
    "http://user@{host}/",
    "https://{host}/",
    "http://{host}:1/",
    "{host}",
    "@evil.example",
    "@{host}",
    ".evil.example",
    "evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:http://{host}/x",
    "about:blank",
    "ftp://evil.example",
    "//google.com%2f@evil.example",
    "//evil%E3%80%82example",
    "〱evil.example",
    "/auth/google/login",
    "/auth/google/login?return_to=/auth/google/login",
    "/auth/google/callback?code=x&state=y",
    "/auth/logout",
    "/x/../auth/google/login",
    "/./auth/google/callback",
    "/%2e/auth/google/login",
    "/x/%2e%2e/auth/google/login",
];

/// Pages of this site, and how they are spelt when the browser is sent there.
const PAGES: &[(&str, &str)] = &[
    ("/", "/"),
    ("/notes", "/notes"),
    ("/notes?page=2&x=%2f%2fevil.example", "/notes?page=2&x=%2f%2fevil.example"),
    ("/notes?next=https://evil.example", "/notes?next=https://evil.example"),
    ("/notes#top", "/notes"),
    ("/a/../b", "/b"),
    ("/a//b", "/a//b"),
    ("/café", "/caf%C3%A9"),
    ("/@evil.example", "/@evil.example"),
    ("/:80", "/:80"),
    ("/authors", "/authors"),
    ("/notes?q=%0d%0aSet-Cookie:x=1", "/notes?q=%0d%0aSet-Cookie:x=1"),
];

fn query(return_to: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::from("?"));
    query.append_pair("return_to", return_to);
    query.finish()
}

async fn ends_at(browser: &mut Browser, return_to: &str) -> String {
    let callback = browser.callback_url(&query(return_to)).await;
    let done = browser.get(&callback).await;
    done.assert_status(303);
    done.headers[LOCATION].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn rd_1_rd_2_rd_3_whatever_is_no_page_of_this_site_is_the_front_page() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let host = world.app.as_str().trim_start_matches("http://").trim_end_matches('/');
    let mut browser = world.browser();
    for asked in ELSEWHERE {
        let asked = asked.replace("{host}", host);
        let location = ends_at(&mut browser, &asked).await;
        assert_eq!(location, world.app.as_str(), "{asked:?}");
    }
}

#[tokio::test]
async fn rd_2_a_page_of_this_site_is_an_absolute_address_on_our_own_origin() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    for (asked, expected) in PAGES {
        let location = ends_at(&mut browser, asked).await;
        let expected = format!("{}{expected}", world.app.origin().ascii_serialization());
        assert_eq!(location, expected, "{asked:?}");
    }
}

#[tokio::test]
async fn rd_5_a_return_address_is_kept_on_our_side_and_is_not_longer_than_it_may_be() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let longest = format!("/{}", "a".repeat(2047));
    let location = ends_at(&mut browser, &longest).await;
    assert_eq!(location, world.url(&longest).as_str());
    let location = ends_at(&mut browser, &format!("{longest}a")).await;
    assert_eq!(location, world.app.as_str());

    let asked = browser.begin("?return_to=/only-we-know").await;
    assert!(!asked.as_str().contains("only-we-know"));
    let callback = browser.answer_to(&asked).await;
    let callback = with(&callback, "return_to", "/changed-on-the-way");
    let done = browser.get(&callback).await;
    assert_eq!(done.location(), world.url("/only-we-know"));
}

#[tokio::test]
async fn rd_6_no_line_break_gets_into_a_header() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    for raw in [
        "/a%0d%0aSet-Cookie:%20x=1",
        "/a%0aX:%20y",
        "%0d%0aSet-Cookie:x=1",
        "/a%00b",
        "/a%e2%80%a8b",
        "/a%c2%85b",
    ] {
        let callback = browser.callback_url(&format!("?return_to={raw}")).await;
        let done = browser.get(&callback).await;
        assert_eq!(done.location(), world.app, "{raw}");
        assert!(browser.cookie("x").is_none());
        assert!(!done.headers.contains_key("x"));
    }
}

#[tokio::test]
async fn rd_7_a_failure_sends_nobody_anywhere() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    browser.accept_html();
    let failures: Vec<Url> = vec![
        world.url("/auth/google/callback?state=x&code=y&return_to=//evil.example"),
        world.url("/auth/google/callback?error=access_denied&return_to=https://evil.example"),
        world.url("/auth/google/login?scope=unknown&return_to=//evil.example"),
        world.url("/auth/google/login?redirect_uri=https://evil.example&return_to=//evil.example"),
        world.url("/auth/other/login?return_to=//evil.example"),
        world.url("/auth/OTHER/login?return_to=//evil.example"),
    ];
    for url in failures {
        let answer = browser.get(&url).await;
        assert!(answer.status.is_client_error(), "{url}");
        assert!(!answer.headers.contains_key(LOCATION), "{url}");
        assert!(!answer.headers.contains_key("refresh"), "{url}");
        world.assert_tells_nothing(&answer).await;
    }
    browser.headers.clear();
    browser.sign_in("").await.assert_status(303);
}

#[tokio::test]
async fn rd_7_a_cancelled_sign_in_with_a_foreign_address_stays_here() {
    let world = World::start().await;
    world.google.deny(ADA).await;
    let mut browser = world.browser();
    browser.accept_html();
    let answer = browser.sign_in(&query("https://evil.example")).await;
    answer.assert_status(403);
    assert_eq!(answer.any_code(), "access_denied");
    world.assert_tells_nothing(&answer).await;
}
