//! What a provider does on a bad day, and what it must not cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures_util::future::join;
use serde_json::{Value, json};
use standin::http::{HttpClient, HttpError, Request, ReqwestClient, Response};
use standin::provider::Scopes;
use standin::vend::{DEFAULT_MIN_TTL, VendRequest};
use standin::{Refusal, Standin};

use crate::support::{ADA, Answer, CALENDAR, Caller, GRACE, World, http_client};

fn retry_after(answer: &Answer) -> u64 {
    answer.headers["retry-after"].to_str().unwrap().parse().unwrap()
}

/// The fault strikes once: 503 with a time to come back at, the grant as it was, and all well at that time.
async fn is_transient(world: &World, caller: &Caller, fault: &str, more: &Value) -> u64 {
    world.google.advance(3600).await;
    let before = world.grant_tokens();
    world.google.fault("token", fault, more.clone()).await;
    let answer = caller.ask(json!({})).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (503, "provider_unavailable".into()),
        "{fault} {more}: {}",
        answer.body
    );
    let wait = retry_after(&answer);
    assert!(wait >= 1, "{fault}");
    assert_eq!((world.grant_state().as_str(), world.grant_tokens()), ("active", before), "{fault}");
    // Nobody asks again before that, however often.
    let asked = world.google.ledger().await.len();
    for answer in caller.ask_at_once(5).await {
        answer.assert_refused(503, "provider_unavailable");
        assert!(retry_after(&answer) <= wait);
    }
    assert_eq!(world.google.ledger().await.len(), asked, "{fault}");
    world.google.advance(wait).await;
    caller.token().await;
    wait
}

#[tokio::test]
async fn rf_6_d1_trouble_at_the_provider_changes_no_grant_and_passes() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    for status in [500, 502, 503, 504, 408, 425] {
        is_transient(&world, &caller, "status", &json!({ "status": status, "body": "<html>" }))
            .await;
    }
    for error in
        ["temporarily_unavailable", "server_error", "internal_failure", "invalid_scope", "whatever"]
    {
        let body = json!({ "error": error });
        is_transient(&world, &caller, "status", &json!({ "status": 400, "body": body })).await;
    }
    // Even a 500 that calls itself invalid_grant says nothing about the grant.
    is_transient(
        &world,
        &caller,
        "status",
        &json!({ "status": 500, "body": { "error": "invalid_grant" } }),
    )
    .await;
    assert_eq!(world.events_of("grant_suspected"), 0);
}

#[tokio::test]
async fn rf_6_d2_the_provider_says_how_long_and_is_believed_for_an_hour() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    for status in [429, 503] {
        let wait = async |seconds: u64| {
            is_transient(
                &world,
                &caller,
                "status",
                &json!({ "status": status, "retry_after": seconds }),
            )
            .await
        };
        assert_eq!(wait(7).await, 7);
        assert_eq!(wait(315_360_000).await, 3600);
        assert_eq!(wait(u64::MAX).await, 3600);
    }
    assert!(
        is_transient(&world, &caller, "status", &json!({ "status": 429, "retry_after": 0 })).await
            >= 1
    );
    is_transient(&world, &caller, "status", &json!({ "status": 429 })).await;
    let slow_down = json!({ "status": 403, "body": { "error": "rate_limit_exceeded" } });
    is_transient(&world, &caller, "status", &slow_down).await;
}

#[tokio::test]
async fn rf_6_d3_d4_a_cut_connection_passes() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    is_transient(&world, &caller, "drop_before", &json!({})).await;
    is_transient(&world, &caller, "drop_after", &json!({})).await;
}

#[tokio::test]
async fn rf_6_d5_d6_an_answer_that_cannot_be_read_passes() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    let good = r#""access_token":"a","token_type":"Bearer","expires_in":3599"#;
    let deep = "[".repeat(100_000);
    let large = format!("{{{good},\"x\":\"{}\"}}", "x".repeat(300_000));
    for body in [
        "",
        "<html>login</html>",
        "[]",
        "null",
        "{}",
        &format!("\u{feff}{{{good}}}"),
        &format!("{{{good},{good}}}"),
        &format!("{{{good}"),
        &format!("{{{good}}} x"),
        &format!("{{\"x\":{deep}"),
        &deep,
        &large,
        r#"{"access_token":"","token_type":"Bearer"}"#,
        r#"{"access_token":7,"token_type":"Bearer"}"#,
        r#"{"access_token":"a","token_type":"mac"}"#,
        r#"{"access_token":"a","token_type":"Bearer","scope":"a\u0000b"}"#,
        r#"{"access_token":"a","token_type":"Bearer","expires_in":-1}"#,
        r#"{"access_token":"a","token_type":"Bearer","expires_in":1e99}"#,
        r#"{"access_token":"a","token_type":"Bearer","expires_in":"3599"}"#,
    ] {
        is_transient(&world, &caller, "malformed", &json!({ "body": body })).await;
    }
    is_transient(&world, &caller, "malformed", &json!({})).await;
}

#[tokio::test]
async fn rf_6_d7_a_redirect_is_followed_nowhere() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    for status in [301, 302, 303, 307, 308, 204, 206] {
        is_transient(&world, &caller, "status", &json!({ "status": status })).await;
    }
}

#[tokio::test]
async fn rf_6_waits_grow_while_trouble_lasts_and_start_anew_after_it() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    world.google.fault("token", "status", json!({ "status": 503, "times": 8 })).await;
    let mut waits = Vec::new();
    for _ in 0..8 {
        let answer = caller.ask(json!({})).await;
        answer.assert_refused(503, "provider_unavailable");
        waits.push(retry_after(&answer));
        world.google.advance(*waits.last().unwrap()).await;
    }
    assert!(waits.is_sorted() && waits[7] > waits[0] && waits[7] <= 60, "{waits:?}");
    caller.token().await;
    world.google.advance(3600).await;
    world.google.fault("token", "status", json!({ "status": 503 })).await;
    assert_eq!(retry_after(&caller.ask(json!({})).await), waits[0]);
}

#[tokio::test]
async fn rf_6_a_token_that_still_lives_is_served_through_an_outage() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let caller = Caller::new(&world, &world.job().await, &user);
    let token = caller.token().await;
    world.google.fault("token", "drop_before", json!({ "times": 100 })).await;
    world.google.advance(3500).await;
    assert_eq!(caller.token().await, token);
    caller.ask(json!({ "min_ttl": 600 })).await.assert_refused(503, "provider_unavailable");
    assert_eq!(caller.token().await, token);
}

#[tokio::test]
async fn rf_7_d9_a_refused_registration_kills_no_grant() {
    let world = World::start().await;
    world.away(GRACE, "").await;
    let (caller, _) = world.away(ADA, "").await;
    world.google.fault("token", "invalid_client", json!({ "times": 3 })).await;
    for _ in 0..3 {
        let answer = caller.ask(json!({})).await;
        answer.assert_refused(502, "provider_refuses_client");
        world.google.advance(120).await;
    }
    let unauthorized = json!({ "status": 401, "body": { "error": "unauthorized_client" } });
    world.google.fault("token", "status", unauthorized).await;
    caller.ask(json!({})).await.assert_refused(502, "provider_refuses_client");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM grants WHERE state = 'active'"), 2);
    assert_eq!(world.events_of("grant_suspected"), 0);
    world.google.advance(120).await;
    caller.token().await;
}

#[tokio::test]
async fn d8_a_refusal_that_the_provider_takes_back_is_mended_by_itself() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    world.google.fault("token", "invalid_grant", json!({})).await;
    caller.ask(json!({})).await.assert_refused(409, "reauth_required");
    world.google.advance(40).await;
    caller.ask(json!({})).await.assert_refused(409, "reauth_required");
    assert_eq!(world.standin.tend_grants().await, Ok(0));
    assert_eq!(world.google.count("token_refreshed").await, 0);
    world.google.advance(40).await;

    // Nobody asks.
    assert_eq!(world.standin.tend_grants().await, Ok(1));

    assert_eq!(world.google.count("token_refreshed").await, 1);
    assert_eq!(world.grant_state(), "active");
    caller.token().await;
    assert_eq!(world.google.count("token_refreshed").await, 1);
    let events = ["grant_suspected", "grant_recovered", "grant_reauth_required"];
    assert_eq!(events.map(|kind| world.events_of(kind)), [1, 1, 0]);
    assert_eq!(world.standin.tend_grants().await, Ok(0));
}

#[tokio::test]
async fn a_suspect_grant_hands_out_the_token_of_before_as_long_as_it_lives() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    let token = caller.token().await;
    world.google.fault("token", "invalid_grant", json!({})).await;
    let hash = standin::secret::sha256(token.as_bytes());
    let stale = json!({ "stale_token_sha256": data_encoding::HEXLOWER.encode(&hash) });

    caller.ask(stale.clone()).await.assert_refused(409, "reauth_required");

    assert_eq!(world.grant_state(), "suspect");
    assert_eq!(caller.token().await, token);
    world.google.advance(80).await;
    let renewed = caller.ask(stale).await;
    renewed.assert_status(200);
    assert_ne!(renewed.json()["access_token"], token);
    assert_eq!(world.grant_state(), "active");
}

#[tokio::test]
async fn a_token_that_its_provider_forgets_when_it_lies_idle_is_used_in_time() {
    let world = World::start().await;
    world.away(ADA, "").await;
    let months = async |count: u32| {
        world.google.advance(u64::from(count) * 30 * 86_400).await;
        world.standin.tend_grants().await
    };
    for _ in 0..3 {
        assert_eq!(months(3).await, Ok(0));
        assert_eq!(months(2).await, Ok(1));
        assert_eq!(world.standin.tend_grants().await, Ok(0));
    }
    assert_eq!(world.google.count("token_refreshed").await, 3);
    assert_eq!(world.grant_state(), "active");
}

#[tokio::test]
async fn d8_a_single_invalid_grant_is_mended_by_a_sign_in() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    world.google.fault("token", "invalid_grant", json!({})).await;
    caller.ask(json!({})).await.assert_refused(409, "reauth_required");
    assert_eq!(world.google.count("token_refreshed").await, 0);
    // Not even the second leg is left out: the stored token is known not to work.
    world.browser().sign_in("").await.assert_status(303);
    assert_eq!(world.grant_state(), "active");
    world.google.advance(3600).await;
    caller.token().await;
}

#[tokio::test]
async fn d11_rf_9_a_rotation_whose_answer_is_lost_is_tried_once_and_named() {
    let world = World::start().await;
    world.google.control("PUT", "profile", json!({ "rotate_refresh_tokens": true })).await;
    let (caller, _) = world.away(ADA, "").await;
    // From now on it is known to rotate.
    caller.token().await;
    world.google.advance(3600).await;
    world.google.fault("token", "drop_after", json!({})).await;

    let answer = caller.ask(json!({})).await;

    answer.assert_refused(409, "reauth_required");
    assert_eq!(answer.json()["reason"], "rotation_lost");
    caller.ask(json!({})).await.assert_refused(409, "reauth_required");
    assert_eq!(world.google.count("refresh_refused").await, 1);
    assert_eq!(world.value::<String>("SELECT reason FROM grants"), "rotation_lost");
}

/// A provider that fails over a refresh may have replaced the token first.
#[tokio::test]
async fn d1_rf_9_a_500_of_a_provider_that_rotates_is_a_lost_answer() {
    let world = World::start().await;
    world.google.control("PUT", "profile", json!({ "rotate_refresh_tokens": true })).await;
    let (caller, _) = world.away(ADA, "").await;
    // From now on it is known to rotate.
    caller.token().await;
    world.google.advance(3600).await;
    world.google.fault("token", "status", json!({ "status": 500, "retry_after": 20 })).await;
    let answer = caller.ask(json!({})).await;
    answer.assert_refused(503, "provider_unavailable");
    assert_eq!(retry_after(&answer), 20);
    world.google.fault("token", "invalid_grant", json!({})).await;
    world.google.advance(20).await;

    let answer = caller.ask(json!({})).await;

    answer.assert_refused(409, "reauth_required");
    assert_eq!(answer.json()["reason"], "rotation_lost");
}

/// A provider that gives no other refresh token cannot have lost one on the way.
#[tokio::test]
async fn d11_rf_5_after_a_lost_answer_a_provider_that_does_not_rotate_is_not_believed_at_once() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    world.google.fault("token", "drop_after", json!({})).await;
    let answer = caller.ask(json!({})).await;
    answer.assert_refused(503, "provider_unavailable");
    world.google.advance(retry_after(&answer)).await;
    world.google.fault("token", "invalid_grant", json!({})).await;
    caller.ask(json!({})).await.assert_refused(409, "reauth_required");
    assert_eq!(world.value::<i64>("SELECT refusals FROM grants"), 1);
    // A minute later it is asked again, and takes it.
    world.google.advance(90).await;
    assert_eq!(world.standin.tend_grants().await, Ok(1));
    caller.token().await;
    assert_eq!(world.value::<i64>("SELECT refusals FROM grants"), 0);
}

/// It says that a refresh token lives for seven days.
#[tokio::test]
async fn expired_idle_is_named_when_the_provider_had_said_when_and_not_before() {
    for (days, reason) in [(8, "expired_idle"), (6, "revoked")] {
        let world = World::start().await;
        world.google.control("PUT", "profile", json!({ "testing_status": true })).await;
        let (caller, _) = world.away(ADA, &format!("?scope={CALENDAR}")).await;
        world.google.advance(days * 86_400).await;
        if reason == "revoked" {
            world.google.fault("token", "invalid_grant", json!({})).await;
        }
        let answer = caller.ask(json!({})).await;
        answer.assert_refused(409, "reauth_required");
        assert_eq!(answer.json()["reason"], reason);
    }
}

#[tokio::test]
async fn rf_16_a_lifetime_is_believed_only_as_far_as_it_is_sane() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    for (claimed, believed) in [
        (json!(3599), 3599),
        (json!(120), 120),
        (json!(null), 300),
        (json!(86_400), 86_400),
        (json!(i64::MAX), 86_400),
        (json!(u64::MAX), 86_400),
    ] {
        world
            .google
            .fault("token", "token_response", json!({ "fields": { "expires_in": claimed } }))
            .await;
        let answer = caller.ask(json!({})).await;
        answer.assert_status(200);
        let told = answer.json()["expires_in"].as_u64().unwrap();
        assert!((believed - 5..=believed).contains(&told), "{claimed}: {told}");
        world.google.advance(believed - 70).await;
        assert_eq!(caller.token().await, answer.json()["access_token"]);
        world.google.advance(71).await;
        assert_ne!(caller.token().await, answer.json()["access_token"], "{claimed}");
        world.google.advance(3600).await;
    }
}

#[tokio::test]
async fn rf_16_a_token_that_is_dead_on_arrival_is_not_handed_out_and_asked_for_once() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    for (claimed, vends) in [(0, 1), (30, 2)] {
        world
            .google
            .fault("token", "token_response", json!({ "fields": { "expires_in": claimed } }))
            .await;
        let answer = caller.ask(json!({})).await;
        answer.assert_refused(503, "provider_unavailable");
        assert_eq!(world.google.count("token_refreshed").await, vends, "{claimed}");
        world.google.advance(120).await;
    }
    caller.token().await;
}

#[tokio::test]
async fn rf_16_a_lifetime_counts_from_when_the_question_was_asked() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    world.google.fault("token", "delay", json!({ "delay_ms": 200 })).await;
    let meanwhile = async {
        world.google.happened("fault_used", 1).await;
        world.google.advance(100).await;
    };
    let (answer, ()) = join(caller.ask(json!({})), meanwhile).await;
    answer.assert_status(200);
    assert!(answer.json()["expires_in"].as_u64().unwrap() <= 3499);
}

#[tokio::test]
async fn a_scope_that_is_taken_away_is_missed_out_loud() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    let caller = Caller::new(&world, &world.job().await, &user);
    world.google.advance(3600).await;
    world.google.fault("token", "narrow_scope", json!({ "scopes": [CALENDAR] })).await;

    let answer = caller.ask(json!({ "scopes": [CALENDAR] })).await;

    answer.assert_refused(403, "insufficient_scope");
    assert_eq!(answer.json()["missing"], json!([CALENDAR]));
    let grant = browser.session().await.json()["grants"][0].clone();
    assert_eq!(grant["missing_scopes"], json!([CALENDAR]));
    caller.ask(json!({ "scopes": ["openid"] })).await.assert_status(200);
    // It comes back by itself if the provider gives it again.
    world.google.advance(3600).await;
    caller.token().await;
    caller.ask(json!({ "scopes": [CALENDAR] })).await.assert_status(200);
}

/// Panics when it is told to.
struct Panicky(ReqwestClient, Arc<AtomicBool>);

#[async_trait]
impl HttpClient for Panicky {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        assert!(!self.1.swap(false, Ordering::SeqCst), "on purpose");
        self.0.send(request).await
    }
}

#[tokio::test]
async fn rf_17_a_refresh_that_panics_is_one_failed_answer_and_nothing_more() {
    let panics = Arc::new(AtomicBool::new(false));
    let client = Panicky(http_client(), Arc::clone(&panics));
    let world = World::over(client, |_| {}).await;
    let (caller, _) = world.away(ADA, "").await;
    panics.store(true, Ordering::SeqCst);

    for answer in caller.ask_at_once(5).await {
        assert!([200, 503].contains(&answer.status.as_u16()), "{}", answer.body);
    }

    assert_eq!(world.grant_state(), "active");
    world.google.advance(60).await;
    caller.token().await;
}

#[tokio::test]
async fn rf_13_a_provider_that_is_no_longer_configured_is_never_asked() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let token = Caller::new(&world, &world.job().await, &user).token().await;
    let stored = standin::secret::sha256(token.as_bytes());
    let store = standin_store::open(&world.database_url()).await.unwrap();
    let without =
        Standin::builder(world.app.clone(), store, http_client()).build(&world.keys).await.unwrap();
    let clients = without.store().clients().await.unwrap();
    let request = VendRequest {
        user: user.parse().unwrap(),
        provider: "google".parse().unwrap(),
        scopes: Scopes::default(),
        min_ttl: DEFAULT_MIN_TTL,
        stale_token_sha256: Some(stored),
        purpose: None,
    };
    let vended = without.vend().vend(&clients[0], &request).await;
    assert_eq!(vended.unwrap_err(), Refusal::NoGrant.into());
    assert_eq!(world.google.count("token_refreshed").await, 0);
}
