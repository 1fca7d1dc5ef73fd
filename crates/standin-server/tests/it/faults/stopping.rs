//! A process is told to stop while it works (fault D30): what has begun is finished, and kept.

use std::thread;

use serde_json::json;

use super::world::{World, signal, stale, token_in};
use crate::nodes::{Cluster, Setup};

/// One process asks for a token and one for what a code is worth when it is told to stop.
fn is_told_to_stop(world: &mut World) {
    world.rotates();
    let ada = world.sign_in(0, "ada@example.com");
    world.refresh(0, &ada);
    let request = stale(&world.token(0, &ada, &json!({})));
    world.allows("grace@example.com");
    let (path, cookie) = world.cluster.answered();
    let hold = r#"[{"endpoint":"token","fault":"hold","times":2}]"#;
    world.cluster.control("POST", "faults", hold);
    let (token, signed_in) = thread::scope(|scope| {
        let world = &*world;
        let token = scope.spawn(|| world.vend(0, &ada, &request));
        let signed_in = scope.spawn(|| world.cluster.nodes[0].get(&path, &cookie));
        world.until("both are under way", || world.cluster.count("fault_used") == 2);
        signal(&world.cluster.nodes[0], "-TERM");
        // Nobody new is let in; the next process takes over meanwhile.
        let refuses = || std::net::TcpStream::connect(&world.cluster.nodes[0].address).is_err();
        world.until("it takes no more requests", refuses);
        world.sign_in(1, "linus@example.com");
        world.cluster.control("POST", "faults/release", "");
        (token.join().unwrap(), signed_in.join().unwrap())
    });
    assert!(token_in(&token).is_some(), "{}", token.0);
    assert_eq!(signed_in.status(), 303, "{}", signed_in.0);
    let ended = world.cluster.nodes.remove(0).child.wait().unwrap();
    assert!(ended.success(), "{ended}");
    world.nobody_is_behind(&[&ada]);
    let session = signed_in.cookie("__Host-standin=").unwrap();
    assert_eq!(world.cluster.nodes[0].get("/auth/session", &session).status(), 200);
    world.refresh(0, &ada);
}

#[test]
fn d30_a_process_that_is_told_to_stop_finishes_what_it_has_begun() {
    is_told_to_stop(&mut World::over(Cluster::with(Setup { nodes: 2, ..Setup::default() })));
}
