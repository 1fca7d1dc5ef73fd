//! What is under way while the app changes: its keys, its registration, its own address.

use http::Method;
use standin::vault::{Rotation, UnderWay};

use crate::support::{ADA, World, refused};

/// A row is settled when every process has had the time to read it.
const A_WHILE: u64 = 20;

#[tokio::test]
async fn sc_15_sign_ins_outlive_a_change_of_keys_and_end_with_the_old_key_and_nobody_is_signed_out()
{
    let world = World::start().await;
    let (mut from_before, _) = world.signed_in(ADA, "").await;
    let (mut in_time, mut too_late) = (world.browser(), world.browser());
    let first = in_time.callback_url("").await;
    let second = too_late.callback_url("").await;
    let rotation = world.rotation().await;
    let added = rotation.add().await.unwrap();
    world.google.advance(A_WHILE).await;
    rotation.activate(added).await.unwrap();
    world.google.advance(A_WHILE).await;

    in_time.get(&first).await.assert_status(303);
    in_time.session().await.assert_status(200);

    let mut rewrap = rotation.rewrap();
    while rewrap.next_batch(100).await.unwrap() {}
    let (store, clock) =
        (standin_store::open(&world.database_url()).await.unwrap(), world.standin.clock());
    Rotation::retire(&*store, clock, 1, UnderWay::CutOff).await.unwrap();
    world.google.advance(A_WHILE).await;
    Rotation::remove(&*store, clock, 1).await.unwrap();
    world.google.advance(A_WHILE).await;
    let before = world.before(&mut too_late).await;
    let answer = too_late.get(&second).await;
    world.assert_refusal(&mut too_late, &before, &answer, refused(403, "attempt_missing")).await;
    for browser in [&mut from_before, &mut in_time] {
        browser.session().await.assert_status(200);
    }
    world.assert_next_sign_in_works(&mut too_late).await;
}

#[tokio::test]
async fn ar_4_an_answer_is_none_for_an_app_that_is_registered_otherwise_by_now() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let other_site = "http://127.0.0.1:9".parse().unwrap();
    let same = world.beside(&world.app, |_| {}).await;
    let elsewhere = world.beside(&other_site, |_| {}).await;
    let other_client = world
        .beside(&world.app, |provider| provider.registration.client_id = "another".to_owned())
        .await;
    let other_issuer = world
        .beside(&world.app, |provider| provider.issuer = "http://127.0.0.1:9".to_owned())
        .await;
    for ((address, _), expected) in [
        (&elsewhere, Some("provider_mismatch")),
        (&other_client, Some("provider_mismatch")),
        (&other_issuer, Some("provider_mismatch")),
        (&same, None),
    ] {
        let callback = browser.callback_url("").await;
        let (name, value) = browser.attempts().remove(0);
        let mut there = address.clone();
        there.set_path(callback.path());
        there.set_query(callback.query());
        let cookie = format!("{name}={value}");
        let calls = world.google.token_calls().await;
        let headers = [("cookie", cookie.as_str())];
        let answer =
            world.browser().send(Method::GET, there.as_str(), &headers, String::new()).await;
        match expected {
            Some(code) => {
                answer.assert_refused(400, code);
                assert_eq!(world.google.token_calls().await, calls, "{address}");
            }
            None => drop(answer.assert_status(303)),
        }
        browser.forget(&name);
    }
}
