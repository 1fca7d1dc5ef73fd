//! Refreshing with three processes on one database, before a provider that replaces refresh tokens.

use std::panic::AssertUnwindSafe;
use std::process::Command;
use std::thread;
use std::time::Duration;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use standin::secret::sha256;
use standin::time::{Clock as _, SystemClock};
use standin::vault::{Grant, GrantState};
use tokio::runtime::Runtime;

use crate::nodes::{Answer, Cluster, Node, PUBLIC, ask};

/// Waits for what another process does: longer than a lease and a look of the sweeper take, on a machine with much
/// else to do.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1_200 {
        if let Some(found) = look() {
            return found;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{what} has not happened in a minute");
}

/// A cluster, somebody who gave offline access, and a job.
pub(crate) struct Job {
    pub(crate) cluster: Cluster,
    pub(crate) user: String,
    key: String,
}

impl Job {
    /// The grant has been refreshed once: from then on it is known to rotate.
    pub(crate) fn start(cluster: Cluster) -> Self {
        // As long a grace as the shortest that real providers give.
        let profile = r#"{"rotate_refresh_tokens":true,"rotation_grace_seconds":60}"#;
        cluster.control("PUT", "profile", profile);
        let (path, cookie) = cluster.answered();
        let done = cluster.nodes[0].get(&path, &cookie);
        assert_eq!(done.status(), 303, "{}", done.0);
        let session = done.cookie("__Host-standin=").unwrap();
        let session = cluster.nodes[0].get("/auth/session", &session);
        let session: Value = body(&session);
        let user = session["user"]["id"].as_str().unwrap().to_owned();
        let added = Command::new(env!("CARGO_BIN_EXE_standin"))
            .current_dir(cluster.directory.path())
            .env_clear()
            .args(["clients", "add", "job", "--allow", "*", "--json"])
            .output()
            .unwrap();
        let added: Value = serde_json::from_slice(&added.stdout).unwrap();
        let job = Self { key: added["key"].as_str().unwrap().to_owned(), cluster, user };
        let token = job.token(0, &json!({}));
        job.token(0, &stale(&token));
        job
    }

    pub(crate) fn vend(&self, node: usize, request: &Value) -> Answer {
        let path = format!("POST /v1/users/{}/grants/google/token", self.user);
        let lines =
            format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", self.key);
        let address = &self.cluster.nodes[node].address;
        ask(address, PUBLIC, &path, &lines, &request.to_string())
    }

    pub(crate) fn token(&self, node: usize, request: &Value) -> String {
        let answer = self.vend(node, request);
        assert_eq!(answer.status(), 200, "{}", answer.0);
        body(&answer)["access_token"].as_str().unwrap().to_owned()
    }

    fn grant(&self) -> Grant {
        let grant = async {
            let store = standin_store::open(&self.cluster.database_url).await.unwrap();
            let user = store.users(None, 1).await.unwrap()[0].id;
            store.grants_of(user).await.unwrap().remove(0)
        };
        Runtime::new().unwrap().block_on(grant)
    }

    /// Waits until the ledger of the provider has so many.
    fn until(&self, kind: &str, count: usize) {
        eventually(kind, || (self.cluster.count(kind) >= count).then_some(()));
    }

    /// The first process asks the provider, and is gone before it is answered.
    fn kill_while_it_asks(&mut self) {
        let request = stale(&self.token(0, &json!({})));
        self.fault(&json!({ "endpoint": "token", "fault": "delay", "delay_ms": 60_000 }));
        thread::scope(|scope| {
            scope.spawn(|| {
                let asked = std::panic::catch_unwind(AssertUnwindSafe(|| self.vend(0, &request)));
                // It is killed before it can answer.
                drop(asked);
            });
            self.until("fault_used", 1);
            signal(&self.cluster.nodes[0], "-KILL");
        });
        self.cluster.nodes.remove(0);
    }

    /// How many leases there are, over or not.
    fn leases(&self) -> usize {
        let leases = async {
            let store = standin_store::open(&self.cluster.database_url).await.unwrap();
            let end = SystemClock.now().after(Duration::from_hours(1));
            store.overdue_refreshes(end, 10).await.unwrap().len()
        };
        Runtime::new().unwrap().block_on(leases)
    }

    fn refreshes(&self) -> usize {
        self.cluster.count("token_refreshed")
    }

    pub(crate) fn fault(&self, fault: &Value) {
        self.cluster.control("POST", "faults", &json!([fault]).to_string());
    }
}

pub(crate) fn body(answer: &Answer) -> Value {
    serde_json::from_str(answer.0.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// A request by somebody whom an API has refused this token.
pub(crate) fn stale(token: &str) -> Value {
    json!({ "stale_token_sha256": HEXLOWER.encode(&sha256(token.as_bytes())) })
}

pub(crate) fn signal(node: &Node, name: &str) {
    let pid = node.child.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

#[test]
fn rf_1_two_hundred_vends_at_three_processes_make_one_refresh() {
    two_hundred_vends(&Job::start(Cluster::on_sqlite()));
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn rf_1_two_hundred_vends_at_three_processes_make_one_refresh_on_postgresql() {
    two_hundred_vends(&Job::start(Cluster::on_postgres()));
}

fn two_hundred_vends(job: &Job) {
    for round in 0..3 {
        let before = job.refreshes();
        let request = stale(&job.token(round, &json!({})));
        job.fault(&json!({ "endpoint": "token", "fault": "delay", "delay_ms": 200 }));
        let tokens: Vec<_> = thread::scope(|scope| {
            let request = &request;
            let callers: Vec<_> = (0..200)
                .map(|number| scope.spawn(move || job.token(number % 3, request)))
                .collect();
            callers.into_iter().map(|caller| caller.join().unwrap()).collect()
        });
        assert!(tokens.iter().all(|token| *token == tokens[0]), "more than one token came out");
        assert_eq!(job.refreshes(), before + 1);
    }
    assert_eq!(job.cluster.count("refresh_refused"), 0);
}

/// The provider has answered, nobody heard it, and the process is gone: another one asks again.
#[test]
fn rf_9_a_process_that_dies_while_it_asks_is_followed_by_another() {
    dies_while_it_asks(Job::start(Cluster::on_sqlite()));
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn rf_9_a_process_that_dies_while_it_asks_is_followed_by_another_on_postgresql() {
    dies_while_it_asks(Job::start(Cluster::on_postgres()));
}

fn dies_while_it_asks(mut job: Job) {
    let generation = job.grant().generation;
    job.kill_while_it_asks();

    // Nobody asks for a token: the sweeper of another process finds the lease.
    eventually("a refresh by another process", || {
        (job.grant().generation > generation).then_some(())
    });
    assert_eq!(job.grant().state, GrantState::Active);
    let token = job.token(0, &json!({}));
    job.token(1, &stale(&token));
    assert_eq!(job.cluster.count("refresh_refused"), 0);
}

/// Nobody will refresh it any more: the sweeper ends the lease, and does not come back to it for ever.
#[test]
fn rf_10_a_lease_of_a_grant_that_was_taken_back_is_ended() {
    let mut job = Job::start(Cluster::on_sqlite());
    job.kill_while_it_asks();
    assert_eq!(job.leases(), 1);
    let revoked = Command::new(env!("CARGO_BIN_EXE_standin"))
        .current_dir(job.cluster.directory.path())
        .env_clear()
        .args(["grants", "revoke", &job.grant().id.to_string()])
        .output()
        .unwrap();
    assert!(revoked.status.success(), "{revoked:?}");
    eventually("the end of the lease", || (job.leases() == 0).then_some(()));
}

/// The holder of the lease sleeps through it with its answer in hand.
#[test]
fn rf_2_who_sleeps_through_the_lease_writes_nothing() {
    sleeps_through_the_lease(&Job::start(Cluster::on_sqlite()));
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn rf_2_who_sleeps_through_the_lease_writes_nothing_on_postgresql() {
    sleeps_through_the_lease(&Job::start(Cluster::on_postgres()));
}

fn sleeps_through_the_lease(job: &Job) {
    let request = stale(&job.token(0, &json!({})));
    let before = job.grant();
    job.fault(&json!({ "endpoint": "token", "fault": "delay", "delay_ms": 1_000 }));
    thread::scope(|scope| {
        let late = scope.spawn(|| job.vend(0, &request));
        job.until("fault_used", 1);
        signal(&job.cluster.nodes[0], "-STOP");
        // Another takes over when the lease is over, and the provider still takes the refresh token.
        let token = eventually("a refresh by another process", || {
            let answer = job.vend(1, &request);
            (answer.status() == 200).then(|| body(&answer)["access_token"].clone())
        });
        let taken_over = job.grant();
        assert_eq!(taken_over.generation, before.generation + 1);
        signal(&job.cluster.nodes[0], "-CONT");
        let late = late.join().unwrap();
        assert_eq!(late.status(), 200, "{}", late.0);
        // It hands out what stands in the row, and not what it was late with.
        assert_eq!(body(&late)["access_token"], token);
        assert_eq!(job.grant().generation, taken_over.generation);
    });
}
