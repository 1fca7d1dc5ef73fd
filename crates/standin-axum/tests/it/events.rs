//! Whatever somebody does is on the record, done or refused (requirement LS-6).

use http::Method;
use serde_json::json;
use standin::store::EventKind::{
    GrantAuthorized, GrantRevoked, GrantSuspected, RefreshFailed, SignInFailed, SignedIn,
    SignedOut, TokenRefreshed, TokenVended, UserDeleted, VendRefused,
};
use standin::store::{EventKind, StoredEvent};
use standin::vend::Policy;

use crate::routes::{By, TABLE, routes};
use crate::support::{ADA, Answer, Browser, CALENDAR, Caller, GRACE, Job, World};

/// What happened since it was last asked.
struct Record<'a> {
    world: &'a World,
    seen: u64,
}

impl Record<'_> {
    /// These, in any order; each says when, and about whom or in which attempt.
    async fn assert_new(&mut self, expected: &[EventKind]) -> Vec<StoredEvent> {
        self.world.standin.flush_audit().await.unwrap();
        let events = self.world.events_after(self.seen).await;
        self.seen = events.last().map_or(self.seen, |event| event.sequence);
        let kinds: Vec<_> = events.iter().map(|stored| stored.event.kind).collect();
        let sorted = |kinds: &[EventKind]| {
            let mut words: Vec<_> = kinds.iter().map(|kind| format!("{kind:?}")).collect();
            words.sort();
            words
        };
        assert_eq!(sorted(&kinds), sorted(expected));
        for StoredEvent { event, .. } in &events {
            assert!(event.at.unix_ms() > 0, "{event:?}");
            let is_strangers = event.detail.as_deref() == Some("invalid_client");
            assert!(
                event.user.is_some()
                    || event.attempt.is_some()
                    || event.client.is_some()
                    || is_strangers,
                "{event:?}"
            );
        }
        events
    }
}

#[tokio::test]
async fn ls_6_whatever_is_done_or_refused_is_on_the_record() {
    let world = World::start().await;
    let mut record = Record { world: &world, seen: 0 };
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let first = record.assert_new(&[SignedIn, GrantAuthorized]).await;
    assert_eq!(first[0].event.attempt, first[1].event.attempt);
    // Somebody who comes again gives nothing new; who adds a scope does.
    browser.sign_in("").await.assert_status(303);
    record.assert_new(&[SignedIn]).await;
    browser.sign_in(&format!("?scope={CALENDAR}")).await.assert_status(303);
    record.assert_new(&[SignedIn, GrantAuthorized]).await;

    let replayed = browser.callback_url("").await;
    world.google.fault("token", "wrong_nonce", json!({})).await;
    browser.get(&replayed).await.assert_status(403);
    let failed = record.assert_new(&[SignInFailed]).await;
    assert_eq!(failed[0].event.detail.as_deref(), Some("id_token_nonce_mismatch"));

    let job = world.job().await;
    let caller = Caller::new(&world, &job, &user);
    caller.token().await;
    let vended = record.assert_new(&[EventKind::ClientAdded, TokenVended]).await;
    let vended: Vec<_> = vended.iter().filter(|s| s.event.kind == TokenVended).collect();
    assert!(vended[0].event.client.is_some() && vended[0].event.grant.is_some());
    caller
        .ask(json!({ "scopes": ["https://www.googleapis.com/auth/drive"] }))
        .await
        .assert_status(403);
    let refused = record.assert_new(&[VendRefused]).await;
    assert_eq!(refused[0].event.detail.as_deref(), Some("insufficient_scope"));
    world.google.advance(3600).await;
    caller.token().await;
    record.assert_new(&[TokenRefreshed, TokenVended]).await;

    browser.post("/auth/google/access-token", json!({})).await.assert_status(400);
    let refused = record.assert_new(&[VendRefused]).await;
    assert_eq!(refused[0].event.detail.as_deref(), Some("scope_not_allowed"));
    assert!(refused[0].event.user.is_some() && refused[0].event.client.is_none());

    browser.post("/auth/google/disconnect", json!({})).await.assert_status(200);
    record.assert_new(&[GrantRevoked]).await;
    // What was taken back, and is given again, is news.
    browser.sign_in("").await.assert_status(303);
    record.assert_new(&[SignedIn, GrantAuthorized]).await;
    browser.post("/auth/logout", json!({})).await.assert_status(204);
    record.assert_new(&[SignedOut]).await;

    let (_, grace) = world.signed_in(GRACE, "").await;
    record.assert_new(&[SignedIn, GrantAuthorized]).await;
    world.google.control("POST", &format!("users/{GRACE}/revoke"), json!(null)).await;
    world.google.advance(3600).await;
    Caller::new(&world, &job, &grace).ask(json!({})).await.assert_status(409);
    record.assert_new(&[GrantSuspected, VendRefused]).await;
    let (mut browser, grace) = world.signed_in(GRACE, "").await;
    record.assert_new(&[SignedIn, GrantAuthorized]).await;
    browser.post("/auth/delete-account", json!({ "confirm": grace })).await.assert_status(204);
    record.assert_new(&[GrantRevoked, UserDeleted]).await;
}

#[tokio::test]
async fn ls_6_a_refresh_that_fails_and_a_key_that_is_none_are_on_the_record() {
    let world = World::start().await;
    let mut record = Record { world: &world, seen: 0 };
    let (caller, _) = world.away(ADA, "").await;
    record.assert_new(&[SignedIn, GrantAuthorized, EventKind::ClientAdded]).await;
    world.google.fault("token", "status", json!({ "status": 500 })).await;
    caller.ask(json!({})).await.assert_status(503);
    let failed = record.assert_new(&[RefreshFailed, VendRefused]).await;
    for stored in &failed {
        assert_eq!(stored.event.detail.as_deref(), Some("provider_unavailable"));
    }
    assert!(failed.iter().any(|stored| stored.event.grant.is_some()));

    let key = format!("Bearer sk_{}", "A".repeat(43));
    for _ in 0..3 {
        let headers = [("authorization", key.as_str())];
        let answer = world.browser().send(Method::GET, "/v1/users", &headers, String::new()).await;
        assert_eq!(answer.status, 401);
    }
    let strangers = record.assert_new(&[VendRefused]).await;
    assert_eq!(strangers[0].event.count, 3, "however many, one row");
    assert_eq!(strangers[0].event.detail.as_deref(), Some("invalid_client"));
}

/// Everybody that a job can name: some who are there, some who are not, and what names nobody.
async fn names(world: &World) -> Vec<String> {
    let (mut browser, ada) = world.signed_in(ADA, "").await;
    let subject = browser.session().await.json()["identities"][0]["subject"].clone();
    let (mut gone, grace) = world.signed_in(GRACE, "").await;
    gone.post("/auth/google/disconnect", json!({})).await.assert_status(200);
    vec![
        ada,
        format!("google:{}", subject.as_str().unwrap()),
        grace,
        "usr_00000000000000000000000000".to_owned(),
        "google:1".to_owned(),
        "other:1".to_owned(),
        "nobody".to_owned(),
    ]
}

async fn ask(browser: &mut Browser, key: Option<&Job>, method: &Method, path: &str) -> Answer {
    let bearer = key.map(|job| format!("Bearer {}", job.key));
    let headers: Vec<_> = bearer.iter().map(|key| ("authorization", key.as_str())).collect();
    browser.send(method.clone(), path, &headers, String::new()).await
}

/// At every route of jobs, whoever may not ask hears the same of everybody.
#[tokio::test]
async fn ls_6_no_route_says_who_is_there_to_whoever_may_not_know() {
    let world = World::start().await;
    let names = names(&world).await;
    let (nothing, other) = (
        world.job_with(Policy(Vec::new())).await,
        world.job_with(Policy(vec!["github".parse().unwrap()])).await,
    );
    let (mut browser, mut tried) = (world.browser(), 0);
    for (path, by) in TABLE.into_iter().filter(|(_, by)| *by == By::Job) {
        for method in &routes()[path] {
            for key in [None, Some(&nothing), Some(&other)] {
                let mut told = Vec::new();
                for name in &names {
                    let path = path.replace("{user}", name).replace("{provider}", "google");
                    let email = if name == "nobody" { "nobody@example.com" } else { ADA };
                    let query = format!("{path}?email={email}");
                    let path = if path == "/v1/users" { &query } else { &path };
                    let answer = ask(&mut browser, key, method, path).await;
                    assert!([401, 403].contains(&answer.status.as_u16()), "{by:?} {path}");
                    told.push((answer.status, answer.body));
                    tried += 1;
                }
                told.dedup();
                assert_eq!(told.len(), 1, "{method} {path}: {told:?}");
            }
        }
    }
    assert!(tried >= 6 * 3 * 7, "{tried}");
    // And whoever may have tokens does not hear who is there without giving any.
    let job = world.job().await;
    let mut told = Vec::new();
    for name in &names[2..] {
        let answer = job.vend(name, json!({})).await;
        told.push((answer.status, answer.body));
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, 404);
}

/// A stranger who asks about somebody is told the same, whoever that is.
#[tokio::test]
async fn ls_6_no_answer_says_who_has_an_account() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let job = world.job_with(Policy(Vec::new())).await;
    let mut answers = Vec::new();
    for name in [
        user.as_str(),
        "usr_00000000000000000000000000",
        "google:1",
        "google:108151210181518451210",
    ] {
        let caller = Caller::new(&world, &job, name);
        let answer = caller.ask(json!({})).await;
        answers.push((answer.status, answer.body));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    // And whoever begins to sign in as somebody learns nothing of them: the provider is asked, for everybody.
    for hint in [ADA, "nobody@example.com"] {
        let path = format!("/auth/google/login?login_hint={hint}");
        let answer = world.browser().send(Method::GET, &path, &[], String::new()).await;
        assert_eq!(answer.status, 303);
    }
}
