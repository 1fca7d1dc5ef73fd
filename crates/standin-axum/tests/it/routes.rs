//! Every route there is, read from the router's own page: one without a row here fails, and each row is tried with
//! what a foreign page can make a browser send.

use std::collections::BTreeMap;

use http::Method;

use crate::support::{ADA, World};

const SOURCES: [&str; 2] =
    [include_str!("../../src/browser/mod.rs"), include_str!("../../src/jobs/mod.rs")];

/// Who asks there, as far as a browser is concerned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum By {
    /// A person's window goes there, perhaps from another site.
    Window,
    /// A page of ours reads it.
    Reader,
    /// A page of ours changes something.
    Page,
    /// The provider's page may post its form there.
    ProvidersPage,
    /// The provider's server.
    Provider,
    /// A job, with its key.
    Job,
}

/// Whoever adds a route says here who asks there.
pub const TABLE: [(&str, By); 25] = [
    ("/account", By::Window),
    ("/auth/attempts/{attempt}", By::Reader),
    ("/auth/delete-account", By::Page),
    ("/auth/logout", By::Page),
    ("/auth/session", By::Reader),
    ("/auth/sessions", By::Reader),
    ("/auth/sessions/{session}/end", By::Page),
    ("/auth/{provider}/access-token", By::Page),
    ("/auth/{provider}/backchannel-logout", By::Provider),
    ("/auth/{provider}/begin", By::Page),
    ("/auth/{provider}/callback", By::Window),
    ("/auth/{provider}/code", By::Page),
    ("/auth/{provider}/credential", By::ProvidersPage),
    ("/auth/{provider}/disconnect", By::Page),
    ("/auth/{provider}/grant", By::Page),
    ("/auth/{provider}/link", By::Page),
    ("/auth/{provider}/logged-out", By::Window),
    ("/auth/{provider}/login", By::Window),
    ("/auth/{provider}/risc", By::Provider),
    ("/auth/{provider}/unlink", By::Page),
    ("/v1/users", By::Job),
    ("/v1/users/{user}", By::Job),
    ("/v1/users/{user}/grants", By::Job),
    ("/v1/users/{user}/grants/{provider}", By::Job),
    ("/v1/users/{user}/grants/{provider}/token", By::Job),
];

/// The routes of the sources, with their methods.
pub fn routes() -> BTreeMap<&'static str, Vec<Method>> {
    let calls = SOURCES.iter().flat_map(|source| source.split(".route(").skip(1));
    calls
        .map(|call| {
            let path = call.split('"').nth(1).unwrap();
            let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
            let is_there =
                |method: &Method| call.contains(&format!("{}(", method.as_str().to_lowercase()));
            (path, methods.into_iter().filter(is_there).collect())
        })
        .collect()
}

pub fn concrete(path: &str) -> String {
    let named = path.replace("{provider}", "google").replace("{attempt}", "att_0");
    named.replace("{session}", "ses_0").replace("{user}", "google:1")
}

/// Where a page of ours changes something.
pub fn changes() -> impl Iterator<Item = String> {
    TABLE.iter().filter(|(_, by)| *by == By::Page).map(|(path, _)| concrete(path))
}

#[test]
fn sc_12_every_route_says_who_asks_there() {
    let listed: Vec<_> = TABLE.iter().map(|(path, _)| *path).collect();
    let found: Vec<_> = routes().into_keys().collect();
    assert_eq!(listed, found, "say in TABLE who asks at a new route");
}

#[tokio::test]
async fn hh_5_every_route_has_its_methods_and_no_others() {
    let world = World::start().await;
    let mut browser = world.browser();
    for (path, methods) in routes() {
        let all = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        for method in all.iter().filter(|method| !methods.contains(method)) {
            let answer = browser.send(method.clone(), &concrete(path), &[], String::new()).await;
            assert_eq!(answer.status, 405, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn hh_12_what_a_foreign_page_embeds_reaches_no_handler() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let before = world.database_dump();
    let embedded = [
        ("no-cors", "image"),
        ("no-cors", "script"),
        ("no-cors", "empty"),
        ("cors", "empty"),
        ("cors", "font"),
        ("navigate", "iframe"),
        ("navigate", "object"),
        ("navigate", ""),
        ("", "document"),
        ("websocket", "websocket"),
    ];
    for (path, by) in TABLE {
        for method in &routes()[path] {
            for (mode, dest) in embedded {
                let headers = [
                    ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-mode", mode),
                    ("sec-fetch-dest", dest),
                    ("content-type", "application/x-www-form-urlencoded"),
                ];
                let path = concrete(path);
                let answer = browser.send(method.clone(), &path, &headers, String::new()).await;
                let what = format!("{method} {path} {mode} {dest}: {}", answer.body);
                match by {
                    // Not a browser's door at all: it wants a key.
                    By::Job => assert!([400, 401, 403].contains(&answer.status.as_u16()), "{what}"),
                    _ => assert_eq!(
                        (answer.status.as_u16(), &*answer.any_code()),
                        (403, "cross_origin"),
                        "{what}"
                    ),
                }
            }
        }
    }
    assert_eq!(world.database_dump(), before);
    browser.session().await.assert_status(200);
}

#[tokio::test]
async fn hh_12_a_person_comes_from_anywhere_and_a_server_says_nothing_of_itself() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ] {
        browser.set_header(name, value);
    }
    browser.sign_in("").await.assert_status(303);
    browser.session().await.assert_status(200);
    browser.headers.clear();
    for path in ["/auth/google/risc", "/auth/google/backchannel-logout"] {
        let answer = browser.send(Method::POST, path, &[], String::new()).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.body);
    }
}
