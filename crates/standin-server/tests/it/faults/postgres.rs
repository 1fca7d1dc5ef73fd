//! A PostgreSQL server, or the pooler before it, that goes away and comes back (faults D25, D27, D28).

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;
use standin_store::postgres::testing::Server;

use super::world::{Person, World, code, stale, token_in};
use crate::nodes::{Cluster, Setup};

/// Callers are told soon that no connection is to be had.
fn impatient(url: &str) -> String {
    url.replace("pool_timeout=60", "pool_timeout=2")
}

/// Two processes on this database, and people whose refresh tokens are replaced.
fn world(url: &str) -> (World, Vec<Person>) {
    let setup = Setup { nodes: 2, database_url: Some(impatient(url)), ..Setup::default() };
    let world = World::over(Cluster::with(setup));
    world.rotates();
    let people = ["ada", "grace", "linus"].map(|name| {
        let person = world.sign_in(0, &format!("{name}@example.com"));
        world.refresh(0, &person);
        person
    });
    (world, people.to_vec())
}

/// Refreshes at every process, one after the other, while `faults` happen, until much has come of it afterwards.
fn under_load(world: &World, people: &[Person], faults: impl FnOnce()) {
    let (is_over, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for (number, person) in people.iter().enumerate() {
            let (is_over, count) = (&is_over, &count);
            scope.spawn(move || refresh_on(world, number, person, is_over, count));
        }
        let _over = Over(&is_over);
        let more = || {
            let wanted = count.load(Ordering::Relaxed) + 4 * people.len();
            world.until("refreshes go on", || count.load(Ordering::Relaxed) >= wanted);
        };
        more();
        faults();
        more();
    });
    world.nobody_is_behind(&people.iter().collect::<Vec<_>>());
}

fn refresh_on(
    world: &World,
    number: usize,
    person: &Person,
    is_over: &AtomicBool,
    count: &AtomicUsize,
) {
    let mut request = json!({});
    for turn in number.. {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let answer = world.vend(turn % world.cluster.nodes.len(), person, &request);
        if let Some(token) = token_in(&answer) {
            request = stale(&token);
            count.fetch_add(1, Ordering::Relaxed);
        } else {
            assert_eq!(answer.status(), 503, "{}", answer.0);
            thread::sleep(Duration::from_millis(50));
        }
    }
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a process answers whose database is away.
fn is_cut_off(world: &World, node: usize, person: &Person) {
    let asked = || ["token_refreshed", "code_redeemed"].map(|kind| world.cluster.count(kind));
    // What it remembers it believes for a moment, and then nothing any more.
    let vended = || world.vend(node, person, &json!({}));
    let refused = (0..100).map(|_| vended()).find(|vended| {
        thread::sleep(Duration::from_millis(50));
        vended.status() != 200
    });
    let refused = refused.expect("it vends without its database");
    assert_eq!((refused.status(), code(&refused).as_str()), (503, "storage_unavailable"));
    // Whoever had begun before may be answered now.
    let mut before = [usize::MAX; 2];
    world.until("the provider has heard of those", || {
        let last = std::mem::replace(&mut before, asked());
        last == before
    });
    let signed_in = world.try_sign_in(node, "mary@example.com").err().unwrap();
    assert_eq!(signed_in.status(), 503, "{}", signed_in.0);
    assert_eq!(world.health(node), (503, 200), "it lives, and is not ready");
    assert_eq!(before, asked(), "the provider has heard of it");
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn d25_a_server_that_is_restarted_under_load_costs_no_grant() {
    let server = Server::private(&[]);
    let (world, people) = world(&server.url("postgres"));
    under_load(&world, &people, || {
        server.stop();
        is_cut_off(&world, 0, &people[0]);
        server.start();
        world.until("it is ready again", || world.health(0) == (200, 200));
        server.stop();
        server.start();
    });
    world.sign_in(1, "mary@example.com");
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn d28_a_pooler_that_is_restarted_under_load_costs_no_grant() {
    let server = Server::private(&[]);
    let (world, people) = world(&server.pooled_url("postgres"));
    under_load(&world, &people, || {
        server.restart_pooler();
        server.restart_pooler();
    });
    world.sign_in(1, "mary@example.com");
}

/// Nothing comes through the pooler any more, and no connection is closed.
#[test]
#[ignore = "needs a PostgreSQL server"]
fn d27_a_process_that_is_cut_off_from_the_database_asks_no_provider() {
    let server = Server::private(&[]);
    let (mut world, people) = world(&server.url("postgres"));
    let behind = impatient(&server.pooled_url("postgres"));
    world.start(&[("STANDIN__DATABASE__URL", &behind)]);
    let ada = &people[0];
    world.refresh(2, ada);

    server.signal_pooler("-STOP");
    is_cut_off(&world, 2, ada);
    // The others go on, and it is not in their way.
    world.refresh(0, ada);
    world.refresh(1, ada);
    is_cut_off(&world, 2, ada);
    server.signal_pooler("-CONT");
    world.until("it is ready again", || world.health(2) == (200, 200));
    world.refresh(2, ada);
    world.nobody_is_behind(&people.iter().collect::<Vec<_>>());
}
