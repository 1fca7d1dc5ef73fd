//! The drill: a week-old backup is all that is left, before a provider that replaces refresh tokens.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use futures_util::future::join_all;
use serde_json::{Value, json};
use standin::id::UserId;
use standin::secret::sha256;
use standin::store::EventKind;
use standin::vault::GrantState;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::support::{ADA, Answer, Browser, Caller, GRACE, World};

const DAY: u64 = 24 * 3_600;
const LINUS: &str = "linus@corp.example";
/// One try, and those of a grant that is only suspected to be dead.
const MOST_TRIES: usize = 6;

/// More than a guard believes within a minute (`refresh/doubt.rs`).
const MANY: usize = 30;

/// Somebody who gave offline access, their browser, and a job that acts for them.
struct Person {
    email: String,
    browser: Browser,
    user: String,
    caller: Caller,
}

impl Person {
    async fn new(world: &World, email: &str) -> Self {
        let (browser, user) = world.signed_in(email, "").await;
        let caller = Caller::new(world, &world.job().await, &user);
        Self { email: email.to_owned(), browser, user, caller }
    }

    async fn state(&self, world: &World) -> GrantState {
        let user: UserId = self.user.parse().unwrap();
        world.standin.store().grants_of(user).await.unwrap()[0].state
    }
}

/// Refresh tokens that the provider has refused since, and how often each.
async fn refused(world: &World, after: usize) -> BTreeMap<String, usize> {
    let mut tries = BTreeMap::new();
    for event in world.google.ledger().await.into_iter().skip(after) {
        if event["kind"] == "refresh_refused" {
            let token = event["refresh_token_sha256"].as_str().unwrap().to_owned();
            *tries.entry(token).or_default() += 1;
        }
    }
    tries
}

/// Whose token it is, as the provider knows.
async fn owner(world: &World, token: &str) -> Value {
    let hash = HEXLOWER.encode(&sha256(token.as_bytes()));
    let ledger = world.google.ledger().await;
    let of_it = |event: &&Value| event["access_token_sha256"] == hash.as_str();
    ledger.iter().find(of_it).unwrap_or_else(|| panic!("nobody's token"))["user"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_7_d36_a_week_old_backup_brings_back_what_is_still_good_and_ends_the_rest_quietly() {
    a_week_is_lost(World::start().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a PostgreSQL server"]
async fn st_7_d36_a_week_old_backup_brings_back_what_is_still_good_and_ends_the_rest_on_postgresql()
{
    a_week_is_lost(World::on_postgres().await).await;
}

async fn a_week_is_lost(mut world: World) {
    world.google.control("PUT", "profile", json!({ "rotate_refresh_tokens": true })).await;
    let mut ada = Person::new(&world, ADA).await;
    let mut grace = Person::new(&world, GRACE).await;
    let linus = Person::new(&world, LINUS).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = world.backup(elsewhere.path());

    // A week goes by: Ada's token is replaced every day, Linus takes his back, Grace is left alone.
    let page = json!({});
    let disconnected = linus.browser.clone().post("/auth/google/disconnect", page).await;
    disconnected.assert_status(200);
    for _ in 0..6 {
        world.google.advance(DAY).await;
        ada.caller.token().await;
    }
    assert_eq!(world.google.count("token_refreshed").await, 6);

    world.lost_and_restored(&copy).await;
    let (since, upkeep, stop) =
        (world.google.ledger().await.len(), TaskTracker::new(), CancellationToken::new());
    let standin = world.standin.clone();
    let until = stop.clone();
    let running = upkeep.spawn(async move { standin.run(until).await });

    // What is still good goes on, and is its owner's.
    let token = grace.caller.token().await;
    assert_eq!(owner(&world, &token).await, owner_name(&grace));
    // Sessions are judged by their own time, which is that of the backup: seven days without use.
    ada.browser.session().await.assert_status(200);
    world.google.advance(2 * DAY).await;
    grace.browser.session().await.assert_status(401);

    // What is stale ends, however often and for how long jobs ask.
    for hour in 0..72 {
        for person in [&ada, &linus] {
            for answer in person.caller.ask_at_once(3).await {
                answer.assert_refused(409, "reauth_required");
            }
        }
        world.google.advance(if hour < 60 { 3_600 } else { 4 * 3_600 }).await;
    }
    let tries = refused(&world, since).await;
    assert_eq!(tries.len(), 2, "one stale token each: {tries:?}");
    assert!(tries.values().all(|tries| *tries <= MOST_TRIES), "{tries:?}");
    for person in [&ada, &linus] {
        assert_eq!(person.state(&world).await, GrantState::Reauth, "{}", person.email);
    }
    let token = grace.caller.token().await;
    assert_eq!(owner(&world, &token).await, owner_name(&grace));

    // Whoever signs in again has what they had.
    world.google.allow(ADA).await;
    ada.browser.sign_in("").await.assert_status(303);
    let token = ada.caller.token().await;
    assert_eq!(owner(&world, &token).await, owner_name(&ada));
    assert_eq!(refused(&world, since).await, tries);
    stop.cancel();
    running.await.unwrap();
}

fn owner_name(person: &Person) -> Value {
    json!(person.email)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_7_d36_however_many_tokens_were_replaced_since_each_ends_at_once_and_nobody_else_waits()
{
    many_are_lost(World::start().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a PostgreSQL server"]
async fn st_7_d36_however_many_tokens_were_replaced_since_each_ends_at_once_on_postgresql() {
    many_are_lost(World::on_postgres().await).await;
}

async fn many_people(world: &World) -> Vec<Person> {
    let emails: Vec<_> = (0..MANY).map(|number| format!("user{number}@example.com")).collect();
    let users: Vec<_> = emails.iter().map(|email| json!({ "email": email })).collect();
    world.google.control("PUT", "users", json!(users)).await;
    let mut people = Vec::new();
    for email in &emails {
        people.push(Person::new(world, email).await);
    }
    people
}

/// Each of them once, at the same time.
async fn all_ask(people: &[Person]) -> Vec<Answer> {
    join_all(people.iter().map(|person| person.caller.ask(json!({})))).await
}

async fn all_refresh(world: &World, people: &[Person]) {
    world.google.advance(3_600).await;
    for answer in all_ask(people).await {
        answer.assert_status(200);
    }
}

async fn events_of(world: &World, kind: EventKind) -> usize {
    let events = world.standin.store().events(0, 1_000).await.unwrap();
    events.iter().filter(|stored| stored.event.kind == kind).count()
}

async fn many_are_lost(mut world: World) {
    world.google.control("PUT", "profile", json!({ "rotate_refresh_tokens": true })).await;
    let mut people = many_people(&world).await;
    let grace = Person::new(&world, GRACE).await;
    // That the provider replaces refresh tokens is known from the first one.
    all_refresh(&world, &people).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = world.backup(elsewhere.path());
    all_refresh(&world, &people).await;

    world.lost_and_restored(&copy).await;
    let since = world.google.ledger().await.len();
    let suspected = events_of(&world, EventKind::GrantSuspected).await;
    for _ in 0..3 {
        for answer in all_ask(&people).await {
            answer.assert_refused(409, "reauth_required");
            assert_eq!(answer.json()["reason"], "rotation_lost");
        }
        // Nobody else is kept waiting meanwhile.
        let token = grace.caller.token().await;
        assert_eq!(owner(&world, &token).await, owner_name(&grace));
    }

    let tries = refused(&world, since).await;
    assert!(tries.len() == MANY && tries.values().all(|tries| *tries == 1), "{tries:?}");
    for person in &people {
        assert_eq!(person.state(&world).await, GrantState::Reauth, "{}", person.email);
    }
    assert_eq!(events_of(&world, EventKind::GrantSuspected).await, suspected);
    assert_eq!(events_of(&world, EventKind::ProviderAlarm).await, 0);
    // Whoever gives access again has it at once, and keeps it.
    let ada = &mut people[0];
    world.google.allow(&ada.email).await;
    ada.browser.sign_in("").await.assert_status(303);
    let token = ada.caller.token().await;
    assert_eq!(owner(&world, &token).await, owner_name(ada));
    world.google.advance(3_600).await;
    ada.caller.token().await;
}

#[tokio::test]
async fn st_7_d36_whoever_came_after_the_backup_is_unknown_and_comes_again() {
    unknown_afterwards(World::start().await).await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn st_7_d36_whoever_came_after_the_backup_is_unknown_and_comes_again_on_postgresql() {
    unknown_afterwards(World::on_postgres().await).await;
}

async fn events(world: &World) -> Vec<u64> {
    let events = world.standin.store().events(0, 100).await.unwrap();
    events.iter().map(|event| event.sequence).collect()
}

async fn unknown_afterwards(mut world: World) {
    let ada = Person::new(&world, ADA).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = world.backup(elsewhere.path());
    let mut grace = Person::new(&world, GRACE).await;
    let given = events(&world).await;

    world.lost_and_restored(&copy).await;

    // Her job's key went with her; Ada's knows nobody of that name.
    let stranger = Caller::new(&world, &world.job().await, &grace.user);
    stranger.ask(json!({})).await.assert_refused(404, "no_grant");
    grace.caller.ask(json!({})).await.assert_refused(401, "invalid_client");
    grace.browser.session().await.assert_status(401);
    ada.caller.token().await;
    world.google.allow(GRACE).await;
    grace.browser.sign_in("").await.assert_status(303);
    let again = grace.browser.session().await.json()["user"]["id"].as_str().unwrap().to_owned();
    let caller = Caller::new(&world, &world.job().await, &again);
    let token = caller.token().await;
    assert_eq!(owner(&world, &token).await, json!(GRACE));
    // Events go on above every number that was given before.
    let events = events(&world).await;
    assert!(events.is_sorted_by(|one, other| one < other), "{events:?}");
    let is_new = |number: &&u64| !given.contains(number);
    assert!(events.iter().filter(is_new).min() > given.last(), "{events:?} after {given:?}");
}

/// A refresh that was under way when the backup was taken has left its lease in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_7_d36_a_lease_in_the_backup_is_tried_once_and_ends() {
    a_lease_is_left(World::start().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a PostgreSQL server"]
async fn st_7_d36_a_lease_in_the_backup_is_tried_once_and_ends_on_postgresql() {
    a_lease_is_left(World::on_postgres().await).await;
}

async fn a_lease_is_left(mut world: World) {
    world.google.control("PUT", "profile", json!({ "rotate_refresh_tokens": true })).await;
    let ada = Person::new(&world, ADA).await;
    world.google.advance(DAY).await;
    ada.caller.token().await;
    world.google.advance(DAY).await;
    world.google.fault("token", "hold", json!({})).await;
    let asking = TaskTracker::new();
    let caller = ada.caller.clone();
    let asked = asking.spawn(async move { caller.ask(json!({})).await });
    world.google.happened("fault_used", 1).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = world.backup(elsewhere.path());
    world.google.control("POST", "faults/release", json!({})).await;
    asked.await.unwrap();

    world.lost_and_restored(&copy).await;
    world.google.advance(3_600).await;
    let since = world.google.ledger().await.len();
    let (stop, standin) = (CancellationToken::new(), world.standin.clone());
    let until = stop.clone();
    let running = asking.spawn(async move { standin.run(until).await });
    world.google.happened("refresh_refused", 1).await;
    for _ in 0..10 {
        ada.caller.ask(json!({})).await.assert_refused(409, "reauth_required");
    }
    let tries = refused(&world, since).await;
    assert!(tries.len() == 1 && tries.values().all(|tries| *tries <= MOST_TRIES), "{tries:?}");
    stop.cancel();
    running.await.unwrap();
}
