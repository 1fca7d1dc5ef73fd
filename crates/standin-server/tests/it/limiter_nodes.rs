//! Guessing at three processes on one database: they have one limit (requirement HH-13).

use std::fs;
use std::thread;

use crate::nodes::{Cluster, Node, PUBLIC, ask};

/// What a network may have in a minute, and what each process may let through before it has heard of the others:
/// `standin::Limiter`.
const LIMIT: usize = 60;
const PER_PROCESS: usize = 10;

/// The same processes, which believe what a proxy on this machine says of the client.
fn behind_a_proxy(mut cluster: Cluster) -> Cluster {
    let file = cluster.directory.path().join("standin.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("trusted_proxies = [\"127.0.0.1\"]\n{text}")).unwrap();
    cluster.nodes.clear();
    cluster.nodes = (0..3).map(|_| Node::start(cluster.directory.path())).collect();
    cluster
}

fn guess(node: &Node, forwarded: &str) -> u16 {
    let path = "POST /v1/users/google:1/grants/google/token";
    let lines = format!("Authorization: Bearer sk_a-guess\r\n{forwarded}");
    ask(&node.address, PUBLIC, path, &lines, "").status()
}

/// Guesses at all of them at once, at each until it refuses. How often it was let.
fn burst(cluster: &Cluster, forwarded: impl Fn(usize) -> String + Sync) -> usize {
    let guesses =
        |node| (0..1_000).take_while(|number| guess(node, &forwarded(*number)) == 401).count();
    thread::scope(|scope| {
        let bursts: Vec<_> =
            cluster.nodes.iter().map(|node| scope.spawn(move || guesses(node))).collect();
        bursts.into_iter().map(|burst| burst.join().unwrap()).sum()
    })
}

#[test]
fn hh_13_three_processes_have_one_limit() {
    three_processes_have_one_limit(Cluster::on_sqlite());
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn hh_13_three_processes_have_one_limit_on_postgresql() {
    three_processes_have_one_limit(Cluster::on_postgres());
}

fn three_processes_have_one_limit(cluster: Cluster) {
    let cluster = behind_a_proxy(cluster);
    let bound = LIMIT..=LIMIT + 3 * PER_PROCESS;
    let one = |_| "X-Forwarded-For: 198.51.100.7\r\n".to_owned();
    let let_through = burst(&cluster, one);
    assert!(bound.contains(&let_through), "{let_through} guesses were let through");
    for node in &cluster.nodes {
        assert_eq!(guess(node, &one(0)), 429);
        assert_eq!(guess(node, "X-Forwarded-For: 198.51.100.8\r\n"), 401, "somebody else");
    }

    // A client cannot make itself another one, nor nobody.
    let forged = |number| format!("X-Forwarded-For: 203.0.113.{number}, 198.51.100.9\r\n");
    let let_through = burst(&cluster, forged);
    assert!(bound.contains(&let_through), "{let_through} guesses with a forged address");
    let let_through = burst(&cluster, |_| String::new());
    assert!(bound.contains(&let_through), "{let_through} guesses without an address");
}
