//! Refreshing: one question to the provider, no rotated token lost, whoever else is at it.

use std::time::Duration;

use futures_util::future::join;
use serde_json::json;

use crate::support::{ADA, CALENDAR, Caller, DRIVE, GRACE, Wire, World};

/// The refresh tokens that were spent, and those that were given for them.
async fn refreshes(world: &World) -> Vec<(String, Option<String>)> {
    let ledger = world.google.ledger().await;
    let refreshed = ledger.iter().filter(|event| event["kind"] == "token_refreshed");
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    refreshed
        .map(|event| {
            (
                text(&event["refresh_token_sha256"]).unwrap(),
                text(&event["new_refresh_token_sha256"]),
            )
        })
        .collect()
}

#[tokio::test]
async fn rf_1_two_hundred_vends_of_an_expired_grant_make_one_refresh() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    world.google.fault("token", "delay", json!({ "delay_ms": 100 })).await;

    let answers = caller.ask_at_once(200).await;

    let first = &answers[0];
    first.assert_status(200);
    let token = first.json()["access_token"].clone();
    assert!(
        answers.iter().all(|answer| answer.status == 200 && answer.json()["access_token"] == token)
    );
    assert_eq!(world.google.count("token_refreshed").await, 1);
    assert_eq!(world.events_of("token_refreshed"), 1);
}

#[tokio::test]
async fn rf_1_two_hundred_vends_of_a_rotating_grant_spend_no_token_twice() {
    let world = World::start().await;
    world.google.control("PUT", "profile", json!({ "rotate_refresh_tokens": true })).await;
    let (caller, _) = world.away(ADA, "").await;
    for _ in 0..3 {
        let answers = caller.ask_at_once(70).await;
        assert!(answers.iter().all(|answer| answer.status == 200));
        world.google.advance(3600).await;
    }
    assert_eq!(world.google.count("token_refreshed").await, 3);
    assert_eq!(world.google.count("refresh_refused").await, 0);
}

#[tokio::test]
async fn rf_1_a_wide_and_a_narrow_client_do_not_spend_one_refresh_token_at_once() {
    let world = World::start().await;
    world.google.control("PUT", "profile", json!({ "rotate_refresh_tokens": true })).await;
    let (caller, user) = world.away(ADA, &format!("?scope={CALENDAR}%20{DRIVE}")).await;
    let narrow = |scope| standin::vend::Policy(vec![format!("google:{scope}").parse().unwrap()]);
    let calendar = Caller::new(&world, &world.job_with(narrow(CALENDAR)).await, &user);
    let drive = Caller::new(&world, &world.job_with(narrow(DRIVE)).await, &user);
    world.google.fault("token", "delay", json!({ "delay_ms": 50, "times": 3 })).await;

    let asked = join(caller.ask(json!({})), join(calendar.ask(json!({})), drive.ask(json!({}))));
    let (wide, (calendar, drive)) = asked.await;

    for answer in [wide, calendar, drive] {
        answer.assert_status(200);
    }
    assert_eq!(world.google.count("refresh_refused").await, 0);
    assert_eq!(world.grant_state(), "active");
}

#[tokio::test]
async fn rf_1_rf_14_grants_of_different_people_do_not_wait_for_each_other() {
    let world = World::start().await;
    let (_, ada) = world.signed_in(ADA, "").await;
    let (grace, _) = world.away(GRACE, "").await;
    let ada = Caller::new(&world, &world.job().await, &ada);
    world.google.fault("token", "delay", json!({ "delay_ms": 60_000 })).await;
    let slow = ada.ask(json!({}));
    tokio::pin!(slow);
    tokio::select! {
        _ = &mut slow => panic!("the provider does not answer"),
        () = world.google.happened("fault_used", 1) => {}
    }
    // A provider that hangs for one takes nothing from the others.
    tokio::select! {
        _ = &mut slow => panic!("the provider does not answer"),
        _ = grace.token() => {}
    }
    tokio::select! {
        _ = &mut slow => panic!("the provider does not answer"),
        answer = async { world.browser().session().await } => { answer.assert_status(401); }
    }
}

#[tokio::test]
async fn rf_3_a_caller_who_hangs_up_does_not_lose_the_rotated_token() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    world.google.fault("token", "rotate", json!({ "delay_ms": 150 })).await;
    let generation: i64 = world.value("SELECT generation FROM grants");

    tokio::select! {
        _ = caller.ask(json!({})) => panic!("too fast to hang up"),
        () = world.google.happened("fault_used", 1) => {}
    }
    world.until("SELECT generation FROM grants", generation + 1).await;
    world.google.advance(3600).await;
    caller.token().await;

    let refreshes = refreshes(&world).await;
    assert_eq!(refreshes[0].1.as_ref(), Some(&refreshes[1].0));
    assert_eq!(world.google.count("refresh_refused").await, 0);
}

#[tokio::test]
async fn rf_3_a_rotated_token_is_the_next_to_be_spent_and_the_old_one_never_again() {
    let world = World::start().await;
    world.google.control("PUT", "profile", json!({ "rotate_refresh_tokens": true })).await;
    let (caller, _) = world.away(ADA, "").await;
    for _ in 0..3 {
        caller.token().await;
        world.google.advance(3600).await;
    }
    let refreshes = refreshes(&world).await;
    assert_eq!(refreshes.len(), 3);
    for pair in refreshes.windows(2) {
        assert_eq!(pair[0].1.as_ref(), Some(&pair[1].0));
    }
}

#[tokio::test]
async fn rf_4_an_answer_without_a_refresh_token_keeps_the_old_one() {
    let wire = Wire::new();
    let world = World::over(wire.clone(), |_| {}).await;
    let (caller, _) = world.away(ADA, "").await;
    let ours = wire.heard("refresh_token").remove(0);
    let (_, sealed, generation) = world.grant_tokens();
    for fields in [
        json!({}),
        json!({ "refresh_token": "" }),
        json!({ "refresh_token": null }),
        json!({ "refresh_token": ours }),
    ] {
        world.google.fault("token", "token_response", json!({ "fields": fields })).await;
        caller.token().await;
        world.google.advance(3600).await;
        if fields["refresh_token"] != json!(ours) {
            assert_eq!(
                (&world.grant_tokens().1, world.grant_tokens().2),
                (&sealed, generation),
                "{fields}"
            );
        }
    }
    caller.token().await;
    let spent: std::collections::BTreeSet<_> =
        refreshes(&world).await.into_iter().map(|(spent, _)| spent).collect();
    assert_eq!(spent.len(), 1);
}

#[tokio::test]
async fn rf_5_a_refused_refresh_token_needs_the_user_and_the_provider_is_left_alone() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, &format!("?scope={CALENDAR}")).await;
    world.google.control("POST", &format!("users/{ADA}/revoke"), json!(null)).await;

    let answers = caller.ask_at_once(20).await;

    for answer in &answers {
        answer.assert_refused(409, "reauth_required");
    }
    let problem = answers[0].json();
    assert_eq!(problem["reason"], "revoked");
    let members: Vec<_> = problem.as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["code", "detail", "reason", "reconnect_url", "status", "title"]);
    let url = url::Url::parse(problem["reconnect_url"].as_str().unwrap()).unwrap();
    assert!(url.query_pairs().any(|(name, value)| name == "scope" && value == CALENDAR), "{url}");
    assert_eq!(world.google.count("refresh_refused").await, 1);
    let asked_each_hour = async |hours: u32| {
        for _ in 0..hours {
            world.google.advance(3600).await;
            let stale = json!({ "stale_token_sha256": "0".repeat(64) });
            caller.ask(stale).await.assert_refused(409, "reauth_required");
        }
        world.google.count("refresh_refused").await
    };
    // Asked again after a minute, ten, an hour and six, however many ask for a token; the last time a day later.
    assert_eq!(world.grant_state(), "suspect");
    assert_eq!(asked_each_hour(24).await, 5);
    assert_eq!(world.grant_state(), "suspect");
    assert_eq!(asked_each_hour(24).await, 6);
    assert_eq!(world.grant_state(), "reauth");
    assert_eq!(asked_each_hour(24).await, 6);
    let events = ["grant_suspected", "grant_reauth_required"];
    assert_eq!(events.map(|kind| world.events_of(kind)), [1, 1]);

    // And the link mends it.
    let mut browser = world.browser();
    let begun = browser.get(url).await;
    browser.follow(begun).await.assert_status(303);
    caller.ask(json!({ "scopes": [CALENDAR] })).await.assert_status(200);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM grants"), 1);
}

#[tokio::test]
async fn rf_5_a_page_sees_that_the_grant_needs_its_user() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let caller = Caller::new(&world, &world.job().await, &user);
    world.google.control("POST", &format!("users/{ADA}/revoke"), json!(null)).await;
    world.google.advance(3600).await;
    caller.ask(json!({})).await.assert_refused(409, "reauth_required");
    let grant = browser.session().await.json()["grants"][0].clone();
    assert_eq!((&grant["state"], &grant["offline"]), (&json!("suspect"), &json!(false)));
}

#[tokio::test]
async fn rf_5_a_sign_in_that_lands_during_a_refresh_is_adopted() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    world.google.control("POST", &format!("users/{ADA}/revoke"), json!(null)).await;
    world.google.fault("token", "invalid_grant", json!({ "held": true })).await;
    let vend = caller.ask(json!({}));
    let sign_in = async {
        world.google.happened("fault_used", 1).await;
        world.browser().sign_in("").await.assert_status(303);
        world.google.control("POST", "faults/release", json!(null)).await;
    };

    let (answer, ()) = join(vend, sign_in).await;

    answer.assert_status(200);
    assert_eq!(world.grant_state(), "active");
    assert_eq!(world.events_of("grant_suspected"), 0);
    assert_eq!(world.google.count("token_refreshed").await, 0);
}

#[tokio::test]
async fn rf_5_a_sign_in_without_a_refresh_token_does_not_undo_a_rotation_in_flight() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    world.google.fault("token", "rotate", json!({ "held": true })).await;
    let sign_in = async {
        world.google.happened("fault_used", 1).await;
        world.browser().sign_in("").await.assert_status(303);
        world.google.control("POST", "faults/release", json!(null)).await;
    };
    let (answer, ()) = join(caller.ask(json!({})), sign_in).await;
    answer.assert_status(200);
    world.google.advance(3600).await;
    caller.token().await;
    assert_eq!(world.google.count("refresh_refused").await, 0);
    assert_eq!(world.grant_state(), "active");
}

#[tokio::test]
async fn rf_10_a_grant_that_is_taken_back_during_a_refresh_stays_taken_back() {
    let wire = Wire::new();
    let world = World::over(wire.clone(), |_| {}).await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let caller = Caller::new(&world, &world.job().await, &user);
    for round in 0..25_u64 {
        world.google.advance(3600).await;
        world.google.fault("token", "rotate", json!({ "delay_ms": round % 5 })).await;
        let disconnect = async {
            tokio::time::sleep(Duration::from_millis(round % 7)).await;
            browser.post("/auth/google/disconnect", json!({})).await
        };
        let (vended, disconnected) = join(caller.ask(json!({})), disconnect).await;

        disconnected.assert_status(200);
        assert!([200, 404, 409].contains(&vended.status.as_u16()), "{}", vended.body);
        caller.ask(json!({})).await.assert_refused(404, "no_grant");
        assert_eq!(world.grant_state(), "revoked");
        let (access, refresh, _) = world.grant_tokens();
        assert!(access.is_none() && refresh.is_none());
        world.google.control("DELETE", "faults", json!(null)).await;
        world.google.control("POST", &format!("users/{ADA}/revoke"), json!(null)).await;
        browser.sign_in("").await.assert_status(303);
        assert_eq!(world.grant_state(), "active");
    }
    browser.post("/auth/google/disconnect", json!({})).await.assert_status(200);
    for token in wire.heard("refresh_token") {
        assert!(world.is_dead_at_provider(&token).await);
    }
}

#[tokio::test]
async fn rf_10_a_narrowed_token_is_not_handed_out_when_its_grant_is_gone() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    let policy = standin::vend::Policy(vec![format!("google:{CALENDAR}").parse().unwrap()]);
    let caller = Caller::new(&world, &world.job_with(policy).await, &user);
    // The provider answers before it revokes, and its answer is late.
    world.google.fault("token", "delay", json!({ "delay_ms": 300 })).await;
    world.google.fault("revoke", "status", json!({ "status": 503 })).await;
    let disconnect = async {
        world.google.happened("fault_used", 1).await;
        browser.post("/auth/google/disconnect", json!({})).await
    };
    let (vended, disconnected) = join(caller.ask(json!({})), disconnect).await;
    assert_eq!(disconnected.json()["revoked"], "queued");
    vended.assert_refused(404, "no_grant");
}

#[tokio::test]
async fn rf_11_a_refresh_about_somebody_else_is_thrown_away_whole() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    let before = world.grant_tokens();
    let other = |claim: &str, value: &str| json!({ "claims": { claim: value } });
    for (fault, more) in [
        ("other_subject", json!({})),
        ("wrong_iss", json!({})),
        ("wrong_aud", json!({})),
        ("id_token_claims", other("sub", "")),
        ("id_token_claims", json!({ "claims": { "sub": null } })),
        ("id_token_claims", other("iss", "https://accounts.google.com.evil.example")),
    ] {
        world.google.fault("token", fault, more.clone()).await;
        let answer = caller.ask(json!({})).await;
        assert_eq!(answer.status, 502, "{fault} {more}: {}", answer.body);
        assert_eq!(answer.code(), "provider_misbehaved");
        assert_eq!(world.grant_tokens(), before, "{fault}");
        assert_eq!(world.grant_state(), "active");
        world.google.advance(60).await;
    }
    assert_eq!(world.events_of("token_refreshed"), 0);
    caller.token().await;
}

/// Nothing was left that said so, and the next refusal was taken for the user's.
#[tokio::test]
async fn rf_11_a_rotation_that_was_about_somebody_else_is_named_when_its_token_is_refused() {
    let world = World::start().await;
    world.google.control("PUT", "profile", json!({ "rotate_refresh_tokens": true })).await;
    let (caller, _) = world.away(ADA, "").await;
    // From now on it is known to rotate.
    caller.token().await;
    world.google.advance(3600).await;
    world.google.fault("token", "other_subject", json!({})).await;
    caller.ask(json!({})).await.assert_refused(502, "provider_misbehaved");
    assert_eq!(world.google.count("refresh_refused").await, 0, "it was asked again at once");
    world.google.advance(60).await;

    let answer = caller.ask(json!({})).await;

    answer.assert_refused(409, "reauth_required");
    assert_eq!(answer.json()["reason"], "rotation_lost");
    world.standin.flush_audit().await.unwrap();
    let told = "SELECT count(*) FROM events WHERE kind = 'refresh_failed' AND detail = 'provider_misbehaved'";
    assert_eq!(world.value::<i64>(told), 1);
}

#[tokio::test]
async fn rf_11_an_id_token_that_is_merely_bad_costs_no_rotated_token() {
    let world = World::start().await;
    world.google.control("PUT", "profile", json!({ "rotate_refresh_tokens": true })).await;
    let (caller, _) = world.away(ADA, "").await;
    for fault in ["expired", "bad_signature", "unknown_kid", "alg_none"] {
        world.google.fault("token", fault, json!({})).await;
        caller.token().await;
        world.google.advance(3600).await;
    }
    caller.token().await;
    assert_eq!(world.google.count("refresh_refused").await, 0);
}

#[tokio::test]
async fn rf_15_a_refresh_token_goes_only_where_it_was_pinned() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    world.google.advance(90_000).await;
    let document = world
        .browser()
        .get(format!("{}/.well-known/openid-configuration", world.google.origin()))
        .await;
    let mut document = document.json();
    document["token_endpoint"] = json!("http://127.0.0.1:9/token");
    world.google.fault("discovery", "malformed", json!({ "body": document, "times": 9 })).await;
    caller.token().await;
    world.google.advance(90_000).await;
    caller.token().await;
    assert_eq!(world.google.count("token_refreshed").await, 2);
}

#[tokio::test]
async fn rf_12_a_second_sign_in_keeps_the_refresh_token_and_adds_the_scope() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let (_, refresh, generation) = world.grant_tokens();
    world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    let caller = Caller::new(&world, &world.job().await, &user);
    caller.ask(json!({ "scopes": [CALENDAR] })).await.assert_status(200);
    world.google.advance(3600).await;
    let answer = caller.ask(json!({ "scopes": [CALENDAR, "openid", "email"] })).await;
    answer.assert_status(200);
    let after = world.grant_tokens();
    assert!(after.2 > generation || after.1 == refresh);
    assert_eq!(world.google.count("refresh_refused").await, 0);
}
