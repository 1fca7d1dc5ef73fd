//! The promise of live tokens, with three processes on one database: once a revocation is answered, no process vends
//! the grant's token later than two seconds after, whatever it keeps in memory.
//!
//! The two seconds are not waited for but measured: every vend that began later must be refused, on a slow machine,
//! too, since a process goes by its own clock and by when it last looked.

use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use standin::store::Epoch;
use standin_store::postgres::testing::{Database, Server};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::nodes::{Answer, Cluster, PUBLIC, ask};
use crate::refresh_nodes::{Job, body, eventually, signal};

const PROMISE: Duration = Duration::from_secs(2);

/// A command of the service, which must succeed. Its JSON.
fn standin(cluster: &Cluster, arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_standin"))
        .current_dir(cluster.directory.path())
        .env_clear()
        .args(arguments)
        .arg("--json")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Another client of theirs, which may take grants back.
fn key_that_revokes(cluster: &Cluster) -> String {
    let added = standin(cluster, &["clients", "add", "janitor", "--allow", "grants.revoke"]);
    added["key"].as_str().unwrap().to_owned()
}

fn revoke(job: &Job, key: &str, node: usize, query: &str) -> Answer {
    let request = format!("DELETE /v1/users/{}/grants/google{query}", job.user);
    let lines = format!("Authorization: Bearer {key}\r\n");
    ask(&job.cluster.nodes[node].address, PUBLIC, &request, &lines, "")
}

fn vend(job: &Job, node: usize) -> u16 {
    job.vend(node, &json!({})).status()
}

/// Every process keeps the token, and hears of what others do.
fn warm(job: &Job) {
    for node in 0..job.cluster.nodes.len() {
        job.token(node, &json!({}));
        job.token(node, &json!({}));
    }
}

/// Until this process refuses with `status`; and nothing that it was asked after the promise is over is vended.
fn stops(job: &Job, node: usize, since: Instant, status: u16) {
    eventually("an end of vending", || {
        let asked_after = since.elapsed();
        let answered = vend(job, node);
        assert!(answered != 200 || asked_after < PROMISE, "vended after {asked_after:?}");
        assert!(answered == 200 || answered == status, "{answered}");
        (answered == status).then_some(())
    });
    // And so it stays. More refusals of a client would be limited.
    for _ in 0..5 {
        assert_eq!(vend(job, node), status);
    }
}

#[test]
fn rf_10_no_process_vends_what_another_has_taken_back_two_seconds_ago() {
    taken_back(&Job::start(Cluster::on_sqlite()));
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn rf_10_no_process_vends_what_another_has_taken_back_two_seconds_ago_on_postgresql() {
    taken_back(&Job::start(Cluster::on_postgres()));
}

/// By a bound, then.
#[test]
#[ignore = "needs a PostgreSQL server"]
fn rf_10_no_process_vends_what_another_has_taken_back_without_numbers_of_transactions_on_postgresql()
 {
    let job = Job::start(Cluster::on(Database::fresh().without_numbers()));
    taken_back(&job);
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn a_strict_revocation_is_over_everywhere_without_numbers_of_transactions_on_postgresql() {
    strictly(&Job::start(Cluster::on(Database::fresh().without_numbers())));
}

fn taken_back(job: &Job) {
    let key = key_that_revokes(&job.cluster);
    warm(job);
    let revoked = revoke(job, &key, 0, "");
    let since = Instant::now();
    assert_eq!(revoked.status(), 200, "{}", revoked.0);
    assert!(body(&revoked).get("everywhere").is_none());
    // The process that answered knows it at once.
    assert_eq!(vend(job, 0), 404);
    for node in [1, 2] {
        stops(job, node, since, 404);
    }
}

#[test]
fn tv_10_a_client_that_is_revoked_is_no_client_at_any_process_two_seconds_later() {
    client_revoked(&Job::start(Cluster::on_sqlite()));
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn tv_10_a_client_that_is_revoked_is_no_client_at_any_process_two_seconds_later_on_postgresql() {
    client_revoked(&Job::start(Cluster::on_postgres()));
}

fn client_revoked(job: &Job) {
    warm(job);
    let clients = standin(&job.cluster, &["clients", "list"]);
    let id = clients[0]["id"].as_str().unwrap();
    standin(&job.cluster, &["clients", "revoke", id]);
    let since = Instant::now();
    for node in 0..3 {
        stops(job, node, since, 401);
    }
}

#[test]
fn a_strict_revocation_is_over_everywhere_when_it_is_answered() {
    strictly(&Job::start(Cluster::on_sqlite()));
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn a_strict_revocation_is_over_everywhere_when_it_is_answered_on_postgresql() {
    strictly(&Job::start(Cluster::on_postgres()));
}

fn strictly(job: &Job) {
    let key = key_that_revokes(&job.cluster);
    warm(job);
    assert_eq!(revoke(job, &key, 0, "?strict=yes").status(), 400);
    assert_eq!(vend(job, 1), 200);
    let revoked = revoke(job, &key, 0, "?strict=1");
    assert_eq!(revoked.status(), 200, "{}", revoked.0);
    assert_eq!(body(&revoked)["everywhere"], true);
    for node in 0..3 {
        assert_eq!(vend(job, node), 404);
    }
}

#[test]
fn a_process_that_sleeps_through_a_strict_revocation_is_told_of_and_vends_nothing_when_it_wakes() {
    let job = Job::start(Cluster::on_sqlite());
    warm(&job);
    let grants = standin(&job.cluster, &["grants", "list"]);
    let id = grants[0]["id"].as_str().unwrap();
    signal(&job.cluster.nodes[2], "-STOP");
    let revoked = standin(&job.cluster, &["grants", "revoke", id, "--strict"]);
    assert_eq!(revoked["everywhere"], false);
    assert_eq!((vend(&job, 0), vend(&job, 1)), (404, 404));
    signal(&job.cluster.nodes[2], "-CONT");
    assert_eq!(vend(&job, 2), 404);
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn a_process_without_its_postgresql_vends_nothing_from_memory_after_two_seconds() {
    let server = Server::private(&[]);
    let job = Job::start(Cluster::at(server.url("postgres")));
    warm(&job);
    server.stop();
    let since = Instant::now();
    thread::scope(|scope| {
        for node in 0..3 {
            let job = &job;
            scope.spawn(move || stops(job, node, since, 503));
        }
    });
    server.start();
    for node in 0..3 {
        eventually("a token again", || (vend(&job, node) == 200).then_some(()));
    }
    server.stop();
}

/// What nobody was told of shows that tokens do come from memory, and how they are made to go.
#[test]
#[ignore = "needs a PostgreSQL server"]
fn a_row_that_was_changed_by_hand_is_seen_once_the_memory_is_cleared_on_postgresql() {
    let server = Server::private(&[]);
    let job = Job::start(Cluster::at(server.url("postgres")));
    // Every process has heard of the sign-in, and of the refresh; nothing happens from here on.
    standin(&job.cluster, &["cache", "clear"]);
    warm(&job);
    server.psql("postgres", "UPDATE grants SET state = 'revoked'");
    // A process that cannot look for a moment believes nothing until it has.
    let is_remembered =
        |node| eventually("a vend from memory", || (vend(&job, node) == 200).then_some(()));
    (0..3).for_each(is_remembered);
    // As the command does for a provider that the configuration has.
    let another = Epoch::Provider("another".parse().unwrap());
    Runtime::new().unwrap().block_on(async {
        let store = standin_store::open(&job.cluster.database_url).await.unwrap();
        store.begin_epoch(&another).await.unwrap();
    });
    (0..3).for_each(is_remembered);
    let cleared = standin(&job.cluster, &["cache", "clear"]);
    assert_eq!(cleared, json!({ "cleared": "everything", "everywhere": true }));
    for node in 0..3 {
        assert_eq!(vend(&job, node), 404);
    }
    server.stop();
}
