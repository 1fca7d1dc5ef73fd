//! What whoever is signed in changes about themselves is asked for by a page of ours, or not at all (requirements
//! AR-11, SC-12), and a form is sent on while a script is answered.

use http::Method;
use serde_json::json;

use crate::support::{ADA, World};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");
const HEADER: (&str, &str) = ("x-requested-with", "XmlHttpRequest");
const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");
const EVIL: (&str, &str) = ("origin", "https://evil.example");

fn paths(session: &str) -> [String; 5] {
    [
        "/auth/google/link".to_owned(),
        "/auth/google/unlink".to_owned(),
        "/auth/google/disconnect".to_owned(),
        format!("/auth/sessions/{session}/end"),
        "/auth/logout".to_owned(),
    ]
}

#[tokio::test]
async fn sc_12_no_other_page_changes_anything_of_whoever_is_signed_in() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let session = browser.session().await.json()["session"]["id"].as_str().unwrap().to_owned();
    let origin = browser.origin();
    let ours = ("origin", origin.as_str());
    let dump = world.database_dump();
    for path in paths(&session) {
        for (headers, code) in [
            (&[JSON][..], "cross_origin"),
            (&[JSON, ours], "csrf_header_missing"),
            (&[JSON, HEADER, EVIL], "cross_origin"),
            (&[JSON, HEADER, ("origin", "null")], "cross_origin"),
            (&[JSON, HEADER, ours, ("sec-fetch-site", "same-site")], "cross_origin"),
            (&[JSON, HEADER, ours, ("sec-fetch-site", "cross-site")], "cross_origin"),
            (&[FORM], "cross_origin"),
            (&[FORM, ours, HEADER], "cross_origin"),
            (&[FORM, EVIL, OWN], "cross_origin"),
            (&[FORM, ("origin", "null"), OWN], "cross_origin"),
            (&[FORM, ours, ("sec-fetch-site", "same-site")], "cross_origin"),
            (&[FORM, ours, OWN, ("sec-fetch-dest", "iframe")], "cross_origin"),
        ] {
            let body = if headers[0] == JSON { "{}" } else { "" };
            let answer = browser.send(Method::POST, &path, headers, body.to_owned()).await;
            answer.assert_refused(403, code);
        }
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let answer = browser.send(method, &path, &[ours, HEADER, OWN], String::new()).await;
            answer.assert_status(405);
        }
        let plain = [("content-type", "text/plain"), ours, HEADER, OWN];
        let answer = browser.send(Method::POST, &path, &plain, "{}".to_owned()).await;
        answer.assert_refused(415, "invalid_request");
        for body in [json!({ "surprise": 1 }), json!([]), json!("x")] {
            browser.post(&path, body).await.assert_refused(400, "invalid_request");
        }
    }
    assert_eq!(world.database_dump(), dump);
    assert_eq!(browser.attempts(), []);
}

#[tokio::test]
async fn sc_12_a_form_of_ours_goes_where_it_wants_to_or_to_the_users_page() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let (mut other, _) = world.signed_in(ADA, "").await;
    let theirs = other.session().await.json()["session"]["id"].as_str().unwrap().to_owned();
    let origin = browser.origin();
    let headers = [FORM, ("origin", origin.as_str()), OWN, ("sec-fetch-dest", "document")];
    for (path, body, next) in [
        (format!("/auth/sessions/{theirs}/end"), "", "/account"),
        ("/auth/google/disconnect".to_owned(), "return_to=/notes", "/notes"),
        ("/auth/logout".to_owned(), "return_to=https://evil.example", "/"),
    ] {
        let answer = browser.send(Method::POST, &path, &headers, body.to_owned()).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, world.url(next)), "{path}");
    }
    other.session().await.assert_refused(401, "unauthenticated");
    browser.session().await.assert_refused(401, "unauthenticated");

    let (mut browser, _) = world.signed_in(ADA, "").await;
    browser.accept_html();
    let body = "subject=1&surprise=2".to_owned();
    let page = browser.send(Method::POST, "/auth/google/unlink", &headers, body).await;
    assert_eq!((page.status.as_u16(), page.any_code().as_str()), (400, "invalid_request"));
    let page = browser.send(Method::POST, "/auth/google/unlink", &headers, String::new()).await;
    assert_eq!((page.status.as_u16(), page.any_code().as_str()), (409, "last_identity"));
    assert!(page.body.contains("href=\"/account\""), "{}", page.body);
}
