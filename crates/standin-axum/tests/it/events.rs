//! Whatever somebody does is on the record, done or refused (requirement LS-6).

use http::Method;
use serde_json::json;
use standin::store::EventKind::{
    GrantRevoked, GrantSuspected, SignInFailed, SignedIn, SignedOut, TokenRefreshed, TokenVended,
    VendRefused,
};
use standin::store::{EventKind, StoredEvent};

use crate::support::{ADA, Caller, GRACE, World};

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
        for kind in expected {
            assert!(kinds.contains(kind), "no {kind:?} in {kinds:?}");
        }
        for StoredEvent { event, .. } in &events {
            assert!(event.at.unix_ms() > 0, "{event:?}");
            assert!(
                event.user.is_some() || event.attempt.is_some() || event.client.is_some(),
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
    record.assert_new(&[SignedIn]).await;

    let replayed = browser.callback_url("").await;
    world.google.fault("token", "wrong_nonce", json!({})).await;
    browser.get(&replayed).await.assert_status(403);
    let failed = record.assert_new(&[SignInFailed]).await;
    assert_eq!(failed[0].event.detail.as_deref(), Some("id_token_nonce_mismatch"));

    let job = world.job().await;
    let caller = Caller::new(&world, &job, &user);
    caller.token().await;
    let vended = record.assert_new(&[TokenVended]).await;
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

    browser.post("/auth/google/disconnect", json!({})).await.assert_status(200);
    record.assert_new(&[GrantRevoked]).await;
    browser.post("/auth/logout", json!({})).await.assert_status(204);
    record.assert_new(&[SignedOut]).await;

    let (_, grace) = world.signed_in(GRACE, "").await;
    record.assert_new(&[SignedIn]).await;
    world.google.control("POST", &format!("users/{GRACE}/revoke"), json!(null)).await;
    world.google.advance(3600).await;
    Caller::new(&world, &job, &grace).ask(json!({})).await.assert_status(409);
    record.assert_new(&[GrantSuspected, VendRefused]).await;
}

/// A stranger who asks about somebody is told the same, whoever that is.
#[tokio::test]
async fn ls_6_no_answer_says_who_has_an_account() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let job = world.job_with(standin::vend::Policy(Vec::new())).await;
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
