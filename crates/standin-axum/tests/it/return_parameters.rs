//! Every parameter that could name an address to go to, at every route: one of them does, and one function
//! judges it (requirement RD-4).
//!
//! The routes are read from the tables themselves, so that a new one is tried without anybody's thinking of it.

use http::header::LOCATION;
use http::{Method, StatusCode};
use serde_json::json;

use crate::support::{ADA, Answer, Browser, World, adding};

const TABLES: [&str; 2] =
    [include_str!("../../src/browser/mod.rs"), include_str!("../../src/jobs/mod.rs")];

/// What such parameters are called in the programs of this world.
const NAMES: [&str; 24] = [
    "return_to",
    "returnTo",
    "return_url",
    "ReturnUrl",
    "return",
    "rd",
    "rurl",
    "redirect",
    "redirect_to",
    "redirect_uri",
    "redirect_url",
    "post_logout_redirect_uri",
    "target_link_uri",
    "target",
    "next",
    "continue",
    "url",
    "back",
    "dest",
    "destination",
    "goto",
    "service",
    "link",
    "RelayState",
];

/// What stands before a foreign host in an address that some parser, somewhere, takes for a path.
const LEAD: [&str; 28] = [
    "//",
    "///",
    "/\\",
    "\\/",
    "\\\\",
    "/\t/",
    "/\n/",
    "/\r/",
    "/%09/",
    "/%2f",
    "/%2f/",
    "/%5c",
    "/%255c",
    "/%252f",
    "/.//",
    "/..//",
    "/%2e%2e//",
    "/a/..//",
    "/;//",
    "/\u{ff0f}",
    "\u{ff0f}/",
    "/\u{2044}",
    "https:",
    "https:/",
    "https://",
    "//{host}@",
    "//{host}.",
    "{host}//",
];

/// And what a foreign host is followed by.
const TAIL: [&str; 3] = ["", "/%2f..", "#{host}"];

fn crossed(world: &World, leads: &[&str], tails: &[&str]) -> Vec<String> {
    let host = world.app.as_str().trim_start_matches("http://").trim_end_matches('/');
    let pairs = leads.iter().flat_map(|lead| tails.iter().map(move |tail| (lead, tail)));
    let addresses = pairs.map(|(lead, tail)| format!("{lead}evil.example{tail}"));
    addresses.map(|text| text.replace("{host}", host)).collect()
}

/// Method and path of every route.
fn routes() -> Vec<(Method, String)> {
    let mut routes = Vec::new();
    for line in TABLES.iter().flat_map(|table| table.split(".route(")).skip(1) {
        let Some((path, handlers)) = line.strip_prefix('"').and_then(|rest| rest.split_once('"'))
        else {
            continue;
        };
        let path = path.replace("{provider}", "google").replace("{attempt}", "att_x");
        let path = path.replace("{session}", "ses_x");
        let path = path.replace("{user}", "usr_x");
        for (call, method) in [("get(", Method::GET), ("post(", Method::POST)] {
            if handlers.lines().next().unwrap_or_default().contains(call) {
                routes.push((method, path.clone()));
            }
        }
    }
    routes
}

fn query(names: &[&str], value: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::from("?"));
    query.extend_pairs(names.iter().map(|name| (name, value)));
    query.finish()
}

/// Sends the parameters in the query and, as a page of ours would, in the body.
async fn try_at(
    browser: &mut Browser,
    route: &(Method, String),
    names: &[&str],
    value: &str,
) -> Vec<Answer> {
    let (method, path) = route;
    let asked = format!("{path}{}", query(names, value));
    if method == Method::GET {
        return vec![browser.get(&asked).await];
    }
    let body: serde_json::Map<_, _> =
        names.iter().map(|&name| (name.to_owned(), json!(value))).collect();
    vec![browser.post(&asked, json!({})).await, browser.post(path, json!(body)).await]
}

/// Nothing in the answer moves a browser to anywhere but here and the provider.
fn assert_stays(world: &World, answer: &Answer, value: &str) {
    if answer.headers.contains_key(LOCATION) {
        let origin = answer.location().origin().ascii_serialization();
        let ours = [world.app.origin().ascii_serialization(), world.google.origin().to_owned()];
        assert!(ours.contains(&origin), "{value:?} at {} leads to {origin}", answer.url);
        assert!(!answer.headers[LOCATION].as_bytes().starts_with(b"//"), "{value:?}");
    }
    for header in ["refresh", "content-location", "link"] {
        assert!(!answer.headers.contains_key(header), "{value:?} at {}", answer.url);
    }
    assert!(!answer.body.contains("evil"), "{value:?} at {}: {}", answer.url, answer.body);
}

#[test]
fn the_tables_are_read() {
    let routes = routes();
    assert!(routes.len() >= 11, "{routes:?}");
    for known in ["/auth/google/login", "/auth/logout", "/v1/users/usr_x/grants/google/token"] {
        assert!(routes.iter().any(|(_, path)| path == known), "{routes:?}");
    }
}

#[tokio::test]
async fn rd_4_only_the_login_takes_a_return_address_and_only_under_one_name() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut taken = Vec::new();
    for (index, name) in NAMES.into_iter().enumerate() {
        // Failures are counted by address, and signing out is among the routes.
        let mut browser = world.browser_at(u8::try_from(index).unwrap() + 2);
        browser.sign_in("").await.assert_status(303);
        for route in routes() {
            for answer in try_at(&mut browser, &route, &[name], "/notes").await {
                assert_stays(&world, &answer, name);
                if answer.status == StatusCode::SEE_OTHER {
                    taken.push((name, answer.url.path().to_owned()));
                }
            }
        }
    }
    assert_eq!(taken, [("return_to", "/auth/google/login".to_owned())]);
}

#[tokio::test]
async fn rd_4_no_parameter_of_any_route_sends_anybody_to_another_site() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let worst = ["//", "/\\", "/\t/", "/%5c", "/..//", "https://", "//{host}@"];
    for (index, value) in crossed(&world, &worst, &[""]).iter().enumerate() {
        let mut browser = world.browser_at(u8::try_from(index).unwrap() + 2);
        for route in routes() {
            for answer in try_at(&mut browser, &route, &NAMES, value).await {
                assert_stays(&world, &answer, value);
            }
        }
        let callback = browser.callback_url("").await;
        let callback = NAMES.iter().fold(callback, |url, name| adding(&url, name, value));
        let done = browser.get(&callback).await;
        assert_eq!(done.location(), world.app, "{value:?}");
    }
}

#[tokio::test]
async fn rd_4_the_one_return_address_is_judged_on_the_road_of_the_redirect() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    for value in crossed(&world, &LEAD, &TAIL) {
        let done = browser.sign_in(&query(&["return_to"], &value)).await;
        assert_eq!(done.location().origin(), world.app.origin(), "{value:?}");
        let location = done.headers[LOCATION].to_str().unwrap();
        assert!(location.starts_with(world.app.as_str()), "{value:?} leads to {location}");
    }
}

#[tokio::test]
async fn rd_4_the_one_return_address_is_judged_on_the_other_roads() {
    let world = World::start().await;
    let mut browser = world.browser();
    for value in crossed(&world, &LEAD, &[""]) {
        let asked = query(&["return_to"], &value);
        world.google.allow(ADA).await;
        let done = browser.sign_in(&format!("{asked}&mode=popup")).await;
        assert_eq!(done.status, 200);
        assert_stays(&world, &done, &value);
        // Once more for consent, and declined there: another end of the same road.
        world.google.fault("token", "no_refresh_token", json!({})).await;
        world.execute("DELETE FROM grants", ());
        let mut next = browser.get(format!("/auth/google/login{asked}")).await;
        while !next.location().as_str().contains("prompt=consent") {
            next = browser.get(next.location()).await;
        }
        world.google.deny(ADA).await;
        let done = browser.follow(next).await;
        assert_eq!(done.status, 303, "{value:?}: {}", done.body);
        assert_eq!(done.location().origin(), world.app.origin(), "{value:?}");
    }
}
