//! Many grants of one client, and a provider that is well, ill, or short of breath.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use futures_util::future::join_all;
use serde_json::json;
use standin::http::{HttpClient, HttpError, Request, ReqwestClient, Response};
use standin::provider::{ProviderKind, ProviderProfile, RefreshRate};
use standin::secret::sha256;
use tokio::sync::Notify;

use crate::support::{ADA, Answer, CALENDAR, Caller, GRACE, World, http_client};

/// So many people who signed in an hour ago.
async fn many_away(world: &World, count: usize) -> Vec<Caller> {
    let people: Vec<_> = (0..count).map(|n| format!("user{n}@example.com")).collect();
    let users: Vec<_> = people.iter().map(|email| json!({ "email": email })).collect();
    world.google.control("PUT", "users", json!(users)).await;
    world.google.control("DELETE", "autopilot", json!(null)).await;
    let fresh = world.browser();
    for group in people.chunks(20) {
        let sign_ins = group.iter().map(async |email| {
            fresh.clone().sign_in_by_hand(email, "").await.assert_status(303);
        });
        join_all(sign_ins).await;
    }
    world.google.advance(3600).await;
    let users = world.standin.store().users(None, count).await.unwrap();
    let caller = Caller::new(world, &world.job().await, &users[0].id.to_string());
    users.iter().map(|user| caller.of(&user.id.to_string())).collect()
}

async fn all_at_once(callers: &[Caller]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for group in callers.chunks(50) {
        answers.extend(join_all(group.iter().map(|caller| caller.ask(json!({})))).await);
    }
    answers
}

fn retry_after(answer: &Answer) -> u64 {
    answer.headers["retry-after"].to_str().unwrap().parse().unwrap()
}

fn statuses(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// How much time has gone by, for the provider and the app.
struct Watch(standin_emulator::Clock, i64);

impl Watch {
    fn start(world: &World) -> Self {
        let clock = world.google.clock();
        let now = clock.now_unix_ms();
        Self(clock, now)
    }

    fn seconds(&self) -> usize {
        usize::try_from((self.0.now_unix_ms() - self.1) / 1000).unwrap()
    }
}

/// Grants that nobody doubts: a suspect one is an active one with refusals.
fn active(world: &World) -> i64 {
    world.value("SELECT count(*) FROM grants WHERE state = 'active' AND refusals = 0")
}

async fn alarms(world: &World) -> Vec<String> {
    let events = world.events_after(0).await.into_iter().map(|stored| stored.event);
    let alarms = events.filter(|event| event.kind == standin::store::EventKind::ProviderAlarm);
    alarms.filter_map(|event| event.detail).collect()
}

/// The provider is well again.
async fn heal(world: &World) {
    world.google.control("DELETE", "faults", json!(null)).await;
}

#[tokio::test]
async fn rf_6_d1_a_provider_in_trouble_is_asked_five_times_then_by_one_and_live_tokens_go_on() {
    let world = World::start().await;
    let callers = many_away(&world, 12).await;
    let (_, ada) = world.signed_in(ADA, "").await;
    let alive = callers[0].of(&ada);
    let token = alive.token().await;
    world.google.fault("token", "status", json!({ "status": 503, "times": 10_000 })).await;

    let (mut wait, watch) = (0, Watch::start(&world));
    for caller in &callers {
        let answer = caller.ask(json!({})).await;
        answer.assert_refused(503, "provider_unavailable");
        wait = retry_after(&answer);
        assert!((1..=60).contains(&wait), "{wait}");
    }

    // And one probe more every four seconds, where the machine is slow.
    let asked = world.google.count("fault_used").await;
    assert!((5..=5 + watch.seconds() / 4).contains(&asked), "{asked}");
    assert_eq!(alive.token().await, token);
    let refused =
        json!({ "stale_token_sha256": data_encoding::HEXLOWER.encode(&sha256(token.as_bytes())) });
    alive.ask(refused).await.assert_refused(503, "provider_unavailable");
    world.google.advance(wait).await;
    let watch = Watch::start(&world);
    // Those that have failed themselves may still be left alone; of the others, one asks.
    let answers = all_at_once(&callers).await;
    assert_eq!(statuses(&answers, 503), 12);
    let asked = world.google.count("fault_used").await - asked;
    assert!((1..=1 + watch.seconds() / 4).contains(&asked), "{asked}");
    assert_eq!(active(&world), 13);

    heal(&world).await;
    world.google.advance(60).await;
    callers[11].token().await;
    for answer in all_at_once(&callers).await {
        answer.assert_status(200);
    }
    assert_eq!(world.events_of("grant_reauth_required"), 0);
}

#[tokio::test]
async fn rf_6_d2_who_is_asked_to_wait_waits_for_all_also_until_a_date() {
    let world = World::start().await;
    let (grace, _) = world.away(GRACE, "").await;
    let (ada, _) = world.away(ADA, "").await;
    for (said, least, most) in [
        (json!(30), 20, 30),
        (json!("Fri, 31 Dec 2399 23:59:59 GMT"), 3580, 3600),
        (json!("Sun, 06 Nov 1994 08:49:37 GMT"), 1, 1),
        (json!(315_360_000), 3580, 3600),
    ] {
        let fault = json!({ "status": 429, "retry_after": said });
        world.google.fault("token", "status", fault).await;
        let asked = world.google.count("fault_used").await;
        let answer = ada.ask(json!({})).await;
        answer.assert_refused(503, "provider_unavailable");
        assert!((least..=most).contains(&retry_after(&answer)), "{said}");
        let refreshed = world.google.count("token_refreshed").await;
        if least > 1 {
            let answer = grace.ask(json!({})).await;
            answer.assert_refused(503, "provider_unavailable");
            assert!((least..=most).contains(&retry_after(&answer)), "{said}");
        }
        assert_eq!(world.google.count("fault_used").await, asked + 1);
        assert_eq!(world.google.count("token_refreshed").await, refreshed);
        world.google.advance(most).await;
        ada.token().await;
        grace.token().await;
        world.google.advance(3600).await;
    }
}

#[tokio::test]
async fn rf_7_d9_a_refused_registration_is_one_alarm_for_all_grants_and_kills_none() {
    let world = World::with(|google| {
        google.max_refreshes_per_second = RefreshRate::per_second(10_000).unwrap();
    })
    .await;
    let callers = many_away(&world, 200).await;
    world.google.fault("token", "invalid_client", json!({ "times": 10_000 })).await;
    let watch = Watch::start(&world);
    callers[0].ask(json!({})).await.assert_refused(502, "provider_refuses_client");

    for answer in all_at_once(&callers).await {
        answer.assert_refused(502, "provider_refuses_client");
    }

    // And one probe more every four seconds, where the machine is slow.
    let asked = world.google.count("fault_used").await;
    assert!((1..=1 + watch.seconds() / 4).contains(&asked), "{asked}");
    assert_eq!(alarms(&world).await, ["google registration_refused"]);
    assert_eq!((active(&world), world.events_of("grant_reauth_required")), (200, 0));
    heal(&world).await;
    world.google.advance(60).await;
    callers[0].token().await;
    assert_eq!(statuses(&all_at_once(&callers).await, 200), 200);
}

#[tokio::test]
async fn rf_18_so_many_dead_grants_at_once_are_not_believed() {
    let world = World::start().await;
    let callers = many_away(&world, 60).await;
    world.google.fault("token", "invalid_grant", json!({ "times": 10_000 })).await;
    let mut answers = Vec::new();
    for caller in &callers {
        answers.push(caller.ask(json!({})).await);
    }

    assert_eq!((statuses(&answers, 409), statuses(&answers, 503)), (19, 41));
    assert!(retry_after(&answers[59]) > 30);
    assert_eq!(world.google.count("fault_used").await, 20);
    assert_eq!(alarms(&world).await, ["google mass_invalid_grant"]);
    assert_eq!(active(&world), 41);

    // It goes on: whoever is first asks, and nothing changes.
    world.google.advance(60).await;
    assert_eq!(statuses(&all_at_once(&callers[19..]).await, 503), 41);
    assert_eq!(world.google.count("fault_used").await, 21);
    heal(&world).await;
    world.google.advance(60).await;
    callers[59].token().await;
    assert_eq!(statuses(&all_at_once(&callers[19..]).await, 200), 41);
    assert_eq!((active(&world), alarms(&world).await.len()), (41, 1));
}

#[tokio::test]
async fn rf_8_more_than_the_provider_likes_wait_for_their_turn_or_come_again() {
    let world = World::with(|google| {
        google.max_refreshes_per_second = RefreshRate::per_second(2).unwrap();
    })
    .await;
    let callers = many_away(&world, 50).await;

    // Two a second for ten seconds are about twenty; fifty would take twenty-five.
    let answers = join_all(callers.iter().map(|caller| caller.ask(json!({})))).await;

    let served = statuses(&answers, 200);
    assert!(served > 1 && served < 50, "{served}");
    assert_eq!(world.google.count("token_refreshed").await, served);
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        refused.assert_refused(503, "provider_unavailable");
        assert!(retry_after(refused) >= 10);
    }
}

/// Waits until as many refreshes are in the rows.
async fn landed(world: &World, refreshes: i64) {
    let sql = "SELECT count(*) FROM events WHERE kind = 'token_refreshed'";
    world.until(sql, refreshes).await;
}

#[tokio::test]
async fn rf_8_a_token_about_to_die_is_handed_out_and_one_successor_fetched_meanwhile() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let caller = Caller::new(&world, &world.job().await, &user);
    let token = caller.token().await;
    world.google.advance(3000).await;
    assert_eq!(caller.token().await, token);
    assert_eq!(world.google.count("token_refreshed").await, 0);
    world.google.advance(400).await;
    world.google.fault("token", "hold", json!({})).await;

    for answer in caller.ask_at_once(20).await {
        assert_eq!(answer.json()["access_token"], token);
    }

    world.google.happened("fault_used", 1).await;
    assert_eq!(caller.token().await, token);
    world.google.control("POST", "faults/release", json!(null)).await;
    landed(&world, 1).await;
    assert_ne!(caller.token().await, token);
    assert_eq!(world.google.count("token_refreshed").await, 1);
}

#[tokio::test]
async fn rf_8_nothing_is_fetched_ahead_where_that_might_end_the_token_just_handed_out() {
    let unknown = ProviderKind::Oidc(ProviderProfile::default());
    let world = World::with(|google| google.kind = unknown).await;
    let (_, user) = world.signed_in(ADA, "").await;
    let caller = Caller::new(&world, &world.job().await, &user);
    let token = caller.token().await;
    world.google.advance(3400).await;
    for _ in 0..20 {
        assert_eq!(caller.token().await, token);
    }
    assert_eq!(world.google.count("token_refreshed").await, 0);
}

#[tokio::test]
async fn rf_8_nothing_is_fetched_ahead_for_a_narrowed_token() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    let policy = standin::vend::Policy(vec![format!("google:{CALENDAR}").parse().unwrap()]);
    let caller = Caller::new(&world, &world.job_with(policy).await, &user);
    let token = caller.token().await;
    world.google.advance(3400).await;
    for _ in 0..20 {
        assert_eq!(caller.token().await, token);
    }
    assert_eq!(world.google.count("token_refreshed").await, 1);
}

/// Panics over the first refresh token that it hears of, whenever that is spent.
struct Poisoned {
    client: ReqwestClient,
    poison: Mutex<Option<String>>,
    panics: Arc<AtomicUsize>,
}

#[async_trait]
impl HttpClient for Poisoned {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let spent = form_urlencoded::parse(&request.body).find(|(name, _)| name == "refresh_token");
        if let Some((_, spent)) = spent
            && self.poison.lock().unwrap().as_deref() == Some(&*spent)
        {
            self.panics.fetch_add(1, Ordering::SeqCst);
            panic!("on purpose");
        }
        let response = self.client.send(request).await?;
        let answer: serde_json::Value = serde_json::from_slice(&response.body).unwrap_or_default();
        if let Some(token) = answer["refresh_token"].as_str() {
            self.poison.lock().unwrap().get_or_insert(token.to_owned());
        }
        Ok(response)
    }
}

#[tokio::test]
async fn rf_17_one_grant_that_panics_among_many_disturbs_no_other() {
    let panics = Arc::new(AtomicUsize::new(0));
    let (client, poison) = (http_client(), Mutex::new(None));
    let poisoned = Poisoned { client, poison, panics: Arc::clone(&panics) };
    let world = World::over(poisoned, |_| {}).await;
    let (poison, _) = world.away(ADA, "").await;
    let callers = many_away(&world, 30).await;
    let others: Vec<_> = callers.iter().filter(|caller| !caller.is_for_same(&poison)).collect();

    for other in others {
        poison.ask(json!({})).await.assert_refused(503, "provider_unavailable");
        other.token().await;
        world.google.advance(1).await;
    }

    let panics = panics.load(Ordering::SeqCst);
    assert!(panics >= 5, "{panics}");
    assert_eq!(active(&world), 31);
}

/// Does not answer until it is told to.
struct Hanging {
    client: ReqwestClient,
    is_silent: Arc<AtomicBool>,
    speak: Arc<Notify>,
}

#[async_trait]
impl HttpClient for Hanging {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        if self.is_silent.load(Ordering::SeqCst) {
            self.speak.notified().await;
        }
        self.client.send(request).await
    }
}

#[tokio::test]
async fn rf_14_nobody_waits_for_ever_and_the_refresh_goes_on_without_them() {
    let (is_silent, speak) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let client = http_client();
    let hanging = Hanging { client, is_silent: Arc::clone(&is_silent), speak: Arc::clone(&speak) };
    let world = World::over(hanging, |_| {}).await;
    let (caller, _) = world.away(ADA, "").await;
    is_silent.store(true, Ordering::SeqCst);

    for answer in caller.ask_at_once(20).await {
        answer.assert_refused(503, "provider_unavailable");
    }

    is_silent.store(false, Ordering::SeqCst);
    speak.notify_one();
    landed(&world, 1).await;
    caller.token().await;
    assert_eq!(world.google.count("token_refreshed").await, 1);
}

#[tokio::test]
async fn rf_6_a_failure_is_shared_with_those_who_come_right_after_it() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    world.google.fault("token", "other_subject", json!({ "times": 10_000 })).await;
    let watch = Watch::start(&world);
    for _ in 0..30 {
        caller.ask(json!({})).await.assert_refused(502, "provider_misbehaved");
    }
    let asked = world.google.count("fault_used").await;
    assert!(asked <= 2 + watch.seconds(), "{asked}");
}

#[tokio::test]
async fn rf_1_a_herd_that_wants_more_than_the_provider_gives_makes_one_refresh() {
    let world = World::start().await;
    let (caller, _) = world.away(ADA, "").await;
    let short = json!({ "fields": { "expires_in": 100 }, "delay_ms": 500, "times": 10_000 });
    world.google.fault("token", "token_response", short).await;
    let answers = join_all((0..50).map(|_| caller.ask(json!({ "min_ttl": 600 })))).await;
    assert_eq!(statuses(&answers, 503), 50);
    // Who comes after it has landed makes one more.
    assert!(world.google.count("token_refreshed").await < 10);
}
