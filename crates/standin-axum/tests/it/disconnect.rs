//! Taking back: gone here at once, gone at the provider as soon as it can be told.

use std::time::Duration;

use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use standin::Revoked;

use crate::support::{ADA, Browser, CALENDAR, Caller, GRACE, Wire, World, contains};

const PATH: &str = "/auth/google/disconnect";

async fn disconnect(browser: &mut Browser) -> Value {
    let answer = browser.post(PATH, json!({})).await;
    answer.assert_status(200);
    answer.json()["revoked"].clone()
}

async fn revoke_fails(world: &World, times: u32) {
    world.google.fault("revoke", "status", json!({ "status": 503, "times": times })).await;
}

#[tokio::test]
async fn a_confirmed_revocation_ends_the_grant_on_both_sides() {
    let wire = Wire::new();
    let world = World::over(wire.clone(), |_| {}).await;
    let (mut browser, user) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    let caller = Caller::new(&world, &world.job().await, &user);
    let token = caller.token().await;

    assert_eq!(disconnect(&mut browser).await, "confirmed");

    caller.ask(json!({})).await.assert_refused(404, "no_grant");
    assert_eq!(world.google.count("revoked").await, 1);
    assert!(world.is_dead_at_provider(&token).await);
    assert!(world.is_dead_at_provider(&wire.heard("refresh_token")[0]).await);
    let grant = browser.session().await.json()["grants"][0].clone();
    assert_eq!(
        (&grant["state"], &grant["offline"], &grant["scopes"]),
        (&json!("revoked"), &json!(false), &json!([]))
    );
    assert_eq!(
        (world.events_of("grant_revoked"), world.value::<i64>("SELECT count(*) FROM revocations")),
        (1, 0)
    );
}

#[tokio::test]
async fn nobody_disconnects_without_a_session_or_for_somebody_else() {
    let world = World::start().await;
    let (_, ada) = world.signed_in(ADA, "").await;
    let (mut grace, _) = world.signed_in(GRACE, "").await;
    world.browser().post(PATH, json!({})).await.assert_refused(401, "unauthenticated");
    assert_eq!(disconnect(&mut grace).await, "confirmed");
    Caller::new(&world, &world.job().await, &ada).token().await;
    for path in [
        "/auth/entra/disconnect",
        "/auth/%00/disconnect",
        "/auth/Google/disconnect",
        "/auth/%ff/disconnect",
    ] {
        let answer = grace.post(path, json!({})).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(["no_grant", "unknown_provider"].contains(&answer.code().as_str()), "{path}");
    }
}

#[tokio::test]
async fn taking_back_twice_is_taking_back_once() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    disconnect(&mut browser).await;
    browser.post(PATH, json!({})).await.assert_refused(404, "no_grant");
    assert_eq!((world.google.count("revoked").await, world.events_of("grant_revoked")), (1, 1));
}

#[tokio::test]
async fn taking_back_in_several_windows_at_once_fails_in_none_of_them() {
    let world = World::start().await;
    for _ in 0..5 {
        let (browser, _) = world.signed_in(ADA, "").await;
        let (mut a, mut b, mut c) = (browser.clone(), browser.clone(), browser);
        let posts =
            join(a.post(PATH, json!({})), join(b.post(PATH, json!({})), c.post(PATH, json!({}))))
                .await;
        let answers = [posts.0, posts.1.0, posts.1.1];
        assert!(
            answers.iter().all(|answer| [200, 404].contains(&answer.status.as_u16())),
            "{answers:?}"
        );
        assert!(answers.iter().any(|answer| answer.status == 200));
        assert_eq!(world.grant_state(), "revoked");
        assert_eq!(world.value::<i64>("SELECT count(*) FROM revocations"), 0);
    }
}

#[tokio::test]
async fn a_provider_that_is_down_is_asked_again_until_it_answers() {
    let wire = Wire::new();
    let world = World::over(wire.clone(), |_| {}).await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let caller = Caller::new(&world, &world.job().await, &user);
    revoke_fails(&world, 3).await;

    assert_eq!(disconnect(&mut browser).await, "queued");

    // Here it is over at once, whatever the provider does.
    caller.ask(json!({})).await.assert_refused(404, "no_grant");
    let sweep = async || world.standin.revocations().sweep().await.unwrap();
    assert_eq!(sweep().await, 0);
    assert_eq!(world.google.count("fault_used").await, 1, "not before its time");
    for (minutes, confirmed) in [(1, 0), (2, 0), (4, 1), (60, 0)] {
        world.google.advance(minutes * 60).await;
        assert_eq!(sweep().await, confirmed, "after {minutes} minutes");
        assert_eq!(sweep().await, 0);
    }
    assert_eq!(world.google.count("fault_used").await, 3);
    assert_eq!(world.google.count("revoked").await, 1);
    assert!(world.is_dead_at_provider(&wire.heard("refresh_token")[0]).await);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM revocations"), 0);
}

/// Each process asked for every revocation that was due, and the provider heard it as often.
#[tokio::test]
async fn of_all_processes_that_find_a_revocation_due_one_asks() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    revoke_fails(&world, 1).await;
    assert_eq!(disconnect(&mut browser).await, "queued");
    world.google.advance(60).await;
    world.google.fault("revoke", "status", json!({ "status": 503, "times": 100 })).await;
    let asked = world.google.count("fault_used").await;

    // They read what is due before the provider has answered any of them.
    let sweep = || world.standin.revocations().sweep();
    let swept = join_all((0..8).map(|_| sweep())).await;

    assert!(swept.iter().all(|swept| *swept == Ok(0)), "{swept:?}");
    assert_eq!(world.google.count("fault_used").await, asked + 1);
    assert_eq!(world.value::<i64>("SELECT attempts FROM revocations"), 1);
}

#[tokio::test]
async fn each_kind_of_trouble_queues_and_none_loses_the_revocation() {
    let world = World::start().await;
    for (fault, more) in [
        ("drop_before", json!({})),
        ("drop_after", json!({})),
        ("status", json!({ "status": 500 })),
        ("status", json!({ "status": 302 })),
        ("status", json!({ "status": 400, "body": { "error": "invalid_request" } })),
        ("status", json!({ "status": 401, "body": { "error": "invalid_client" } })),
    ] {
        let (mut browser, _) = world.signed_in(ADA, "").await;
        world.google.fault("revoke", fault, more.clone()).await;
        assert_eq!(disconnect(&mut browser).await, "queued", "{fault} {more}");
        world.google.advance(60).await;
        assert_eq!(world.standin.revocations().sweep().await.unwrap(), 1, "{fault} {more}");
        assert_eq!(world.value::<i64>("SELECT count(*) FROM revocations"), 0);
    }
}

#[tokio::test]
async fn what_is_dead_at_the_provider_already_counts_as_confirmed() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    world.google.control("POST", &format!("users/{ADA}/revoke"), json!(null)).await;
    assert_eq!(disconnect(&mut browser).await, "confirmed");

    let (mut browser, _) = world.signed_in(ADA, "").await;
    world.google.control("POST", &format!("users/{ADA}/revoke"), json!(null)).await;
    world.google.advance(3600).await;
    let caller = Caller::new(&world, &world.job().await, &user);
    caller.ask(json!({})).await.assert_refused(409, "reauth_required");
    assert_eq!(disconnect(&mut browser).await, "confirmed");
    caller.ask(json!({})).await.assert_refused(404, "no_grant");
}

#[tokio::test]
async fn signing_in_again_heals_the_same_grant() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let id: Vec<u8> = world.value("SELECT id FROM grants");
    disconnect(&mut browser).await;

    let (_, again) = world.signed_in(ADA, "").await;

    assert_eq!(again, user);
    assert_eq!(world.value::<Vec<u8>>("SELECT id FROM grants"), id);
    world.google.advance(3600).await;
    Caller::new(&world, &world.job().await, &user).token().await;
    assert_eq!(world.google.count("consent_shown").await, 2);
}

#[tokio::test]
async fn a_queued_revocation_is_dropped_once_the_user_has_given_access_again() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    revoke_fails(&world, 1).await;
    assert_eq!(disconnect(&mut browser).await, "queued");
    world.google.control("POST", &format!("users/{ADA}/revoke"), json!(null)).await;
    world.signed_in(ADA, "").await;

    world.google.advance(3600).await;
    assert_eq!(world.standin.revocations().sweep().await.unwrap(), 0);

    assert_eq!(world.value::<i64>("SELECT count(*) FROM revocations"), 0);
    Caller::new(&world, &world.job().await, &user).token().await;
    assert_eq!(world.google.count("refresh_refused").await, 0);
}

#[tokio::test]
async fn a_queued_revocation_is_dropped_too_when_the_new_access_needed_no_consent() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    revoke_fails(&world, 1).await;
    assert_eq!(disconnect(&mut browser).await, "queued");
    // The provider never heard of it, so no consent is shown; the second leg asks for it.
    world.signed_in(ADA, "").await;
    world.google.advance(3600).await;
    world.standin.revocations().sweep().await.unwrap();
    Caller::new(&world, &world.job().await, &user).token().await;
    assert_eq!(world.google.count("revoked").await, 0);
}

#[tokio::test]
async fn one_revocation_that_cannot_be_opened_does_not_hold_up_the_others() {
    let world = World::start().await;
    let (mut ada, _) = world.signed_in(ADA, "").await;
    let (mut grace, _) = world.signed_in(GRACE, "").await;
    revoke_fails(&world, 2).await;
    assert_eq!(disconnect(&mut ada).await, "queued");
    world.execute("UPDATE revocations SET sealed_token = x'0101'", []);
    assert_eq!(disconnect(&mut grace).await, "queued");
    world.google.advance(60).await;

    let confirmed = world.standin.revocations().sweep().await;

    assert_eq!(confirmed, Ok(1));
    assert_eq!(world.google.count("revoked").await, 1);
    // It never will: what stayed would keep its key from being retired. The log says so.
    assert_eq!(world.value::<i64>("SELECT count(*) FROM revocations"), 0);
}

#[tokio::test]
async fn a_grant_whose_tokens_do_not_open_can_be_taken_back_all_the_same() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    world.execute("UPDATE grants SET sealed_refresh = x'01', sealed_access = x'02'", []);
    // Nobody can tell the provider, so nothing is confirmed and nothing queued; but it is gone here.
    assert_eq!(disconnect(&mut browser).await, "untold");
    assert_eq!(world.grant_state(), "revoked");
    let caller = Caller::new(&world, &world.job().await, &user);
    caller.ask(json!({})).await.assert_refused(404, "no_grant");
    world.signed_in(ADA, "").await;
    caller.token().await;
}

#[tokio::test]
async fn rf_10_a_token_that_was_rotated_just_before_does_not_outlive_its_grant() {
    let wire = Wire::new();
    let world = World::over(wire.clone(), |_| {}).await;
    world.google.control("PUT", "profile", json!({ "rotate_refresh_tokens": true })).await;
    let (caller, user) = world.away(ADA, "").await;
    let (user, google) = (user.parse().unwrap(), "google".parse().unwrap());
    // Read by whoever takes it back, then rotated by whoever refreshes.
    let read = world.standin.store().grant_at(user, &google).await.unwrap().unwrap();
    caller.token().await;

    let revoked = world.standin.revocations().take_back(read).await.unwrap();

    assert_eq!(revoked, Revoked::Confirmed);
    assert_eq!(world.grant_state(), "revoked");
    assert_eq!(wire.heard("refresh_token").len(), 2);
    for token in wire.heard("refresh_token") {
        assert!(world.is_dead_at_provider(&token).await);
    }
}

#[tokio::test]
async fn vc_11_the_ciphertext_is_gone_from_the_file() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let (access, refresh, _) = world.grant_tokens();
    let (access, refresh) = (access.unwrap(), refresh.unwrap());
    let bytes = world.settled_database_bytes();
    assert!(contains(&bytes, &access) && contains(&bytes, &refresh));

    disconnect(&mut browser).await;

    let bytes = world.settled_database_bytes();
    assert!(!contains(&bytes, &access) && !contains(&bytes, &refresh));
    // Not even a piece of it: overwritten, not only unlinked.
    assert!(!contains(&bytes, &refresh[refresh.len() - 24..]));
}

#[tokio::test]
async fn vc_11_a_queued_token_is_gone_from_the_file_when_it_is_revoked() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    revoke_fails(&world, 1).await;
    disconnect(&mut browser).await;
    let sealed: Vec<u8> = world.value("SELECT sealed_token FROM revocations");
    world.google.advance(60).await;
    world.standin.revocations().sweep().await.unwrap();
    assert!(!contains(&world.settled_database_bytes(), &sealed));
}

#[tokio::test]
async fn deleting_a_user_ends_their_sessions_and_revokes_even_when_the_provider_is_down() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let caller = Caller::new(&world, &world.job().await, &user);
    revoke_fails(&world, 1).await;
    assert!(world.standin.revocations().delete_user(user.parse().unwrap(), None).await.unwrap());

    browser.session().await.assert_refused(401, "unauthenticated");
    caller.ask(json!({})).await.assert_refused(404, "no_grant");
    world.google.clock().advance(Duration::from_mins(1));
    assert_eq!(world.standin.revocations().sweep().await, Ok(1));
    assert_eq!(world.google.count("revoked").await, 1);
    assert!(!world.standin.revocations().delete_user(user.parse().unwrap(), None).await.unwrap());
}
