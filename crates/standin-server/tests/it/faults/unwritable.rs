//! A database file that cannot be written for a while: locked, on a full disk, on one that takes no writes (faults D19,
//! D20, D21). What can be read goes on, whatever would have to be written is refused before a provider hears of it, and
//! nobody has to start anything again.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread;

use rusqlite::Connection;
use serde_json::json;
use standin_store::testing::SmallDisk;

use super::world::{Person, World, code, signal, stale, token_in};
use crate::nodes::{Cluster, Node, Setup};

fn world() -> World {
    World::over(Cluster::with(Setup { nodes: 1, ..Setup::default() }))
}

/// Logs are on the same disk.
fn world_on(disk: &SmallDisk) -> World {
    let directory = tempfile::tempdir_in(disk.path()).unwrap();
    World::over(Cluster::with(Setup { nodes: 1, directory, ..Setup::default() }))
}

/// What holds of a service whose file cannot be written.
fn nothing_is_written(world: &World, ada: &Person, token: &str) {
    let counts = || ["token_refreshed", "code_redeemed"].map(|kind| world.cluster.count(kind));
    let before = counts();
    let live = world.vend(0, ada, &json!({}));
    assert_eq!(token_in(&live).as_deref(), Some(token), "a token that lives is vended");
    let session = world.cluster.nodes[0].get("/auth/session", &ada.session);
    assert_eq!(session.status(), 200, "{}", session.0);

    let refreshed = world.vend(0, ada, &stale(token));
    assert_eq!((refreshed.status(), code(&refreshed).as_str()), (503, "storage_unavailable"));
    let signed_in = world.try_sign_in(0, "grace@example.com").unwrap_err();
    assert_eq!(signed_in.status(), 503, "{}", signed_in.0);
    assert!(signed_in.0.contains("storage_unavailable"), "{}", signed_in.0);
    assert!(world.counts_sign_ins(0, "storage_unavailable"), "it is counted all the same");
    assert_eq!(counts(), before, "the provider has heard of it");
    assert_eq!(world.health(0), (503, 200), "it lives, and is not ready");
}

fn all_is_well(world: &World, ada: &Person) {
    assert_eq!(world.health(0), (200, 200));
    world.refresh(0, ada);
    world.sign_in(0, "grace@example.com");
    world.nobody_is_behind(&[ada]);
}

/// The provider answers while the file cannot be written: whoever waits gets the token when it can.
fn an_answer_waits(world: &World, ada: &Person, fault: impl FnOnce(), mend: impl FnOnce()) {
    let token = world.token(0, ada, &json!({}));
    let refreshes = world.cluster.count("token_refreshed");
    world.cluster.control("POST", "faults", r#"[{"endpoint":"token","fault":"hold"}]"#);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| world.vend(0, ada, &stale(&token)));
        world.until("the provider is asked", || world.cluster.count("fault_used") > 0);
        fault();
        world.cluster.control("POST", "faults/release", "");
        world.until("it has answered", || world.cluster.count("token_refreshed") > refreshes);
        mend();
        let answer = waiting.join().unwrap();
        assert!(token_in(&answer).is_some_and(|fresh| fresh != token), "{}", answer.0);
    });
    world.nobody_is_behind(&[ada]);
}

#[test]
fn d19_a_file_that_another_process_holds_is_read_and_is_written_again_when_it_lets_go() {
    let world = world();
    world.rotates();
    let ada = world.sign_in(0, "ada@example.com");
    let token = world.refresh(0, &ada);
    let other = Connection::open(world.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    nothing_is_written(&world, &ada, &token);
    other.execute_batch("ROLLBACK").unwrap();
    all_is_well(&world, &ada);
}

#[test]
fn d19_an_answer_that_comes_while_another_process_holds_the_file_is_not_lost() {
    let world = world();
    world.rotates();
    let ada = world.sign_in(0, "ada@example.com");
    world.refresh(0, &ada);
    let other = Connection::open(world.file()).unwrap();
    let hold = || other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let let_go = || {
        let tried = || world.cluster.log().contains("a batch of writes was not committed");
        world.until("it has tried to write", tried);
        other.execute_batch("ROLLBACK").unwrap();
    };
    an_answer_waits(&world, &ada, hold, let_go);
}

#[test]
#[ignore = "needs to mount a disk"]
fn d20_on_a_full_disk_what_lives_is_served_and_nothing_is_asked_of_a_provider() {
    let disk = SmallDisk::mount(16);
    let world = world_on(&disk);
    world.rotates();
    let ada = world.sign_in(0, "ada@example.com");
    let token = world.refresh(0, &ada);
    disk.fill();
    nothing_is_written(&world, &ada, &token);
    disk.free();
    all_is_well(&world, &ada);
}

/// Google does not rotate: nothing would be lost, and still it is not asked.
#[test]
#[ignore = "needs to mount a disk"]
fn d20_a_sign_in_on_a_full_disk_spends_no_code() {
    let disk = SmallDisk::mount(16);
    let world = world_on(&disk);
    disk.fill();
    let refused = world.try_sign_in(0, "ada@example.com").unwrap_err();
    assert_eq!(refused.status(), 503, "{}", refused.0);
    assert_eq!(world.cluster.count("code_redeemed"), 0);
    disk.free();
    world.sign_in(0, "ada@example.com");
}

#[test]
#[ignore = "needs to mount a disk"]
fn d20_an_answer_that_comes_while_the_disk_is_full_is_not_lost_even_if_the_process_is() {
    let disk = SmallDisk::mount(16);
    let mut world = world_on(&disk);
    world.rotates();
    let ada = world.sign_in(0, "ada@example.com");
    world.refresh(0, &ada);
    an_answer_waits(&world, &ada, || disk.fill(), || disk.free());
    // The journal has been written again since.
    world.refresh(0, &ada);
    signal(&world.cluster.nodes[0], "-KILL");
    world.cluster.nodes[0] = Node::start(world.cluster.directory.path());
    world.nobody_is_behind(&[&ada]);
    world.refresh(0, &ada);
}

/// Files that nobody may write, not even who has them open, until this goes.
struct Immutable(Vec<PathBuf>);

impl Immutable {
    fn made(files: Vec<PathBuf>) -> Self {
        let files = Self(files);
        let output = files.chattr("+i").expect("chattr");
        assert!(output.status.success(), "chattr +i, as mostly only root may: {output:?}");
        files
    }

    fn chattr(&self, change: &str) -> io::Result<Output> {
        Command::new("chattr").arg(change).args(&self.0).output()
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        drop(self.chattr("-i"));
    }
}

/// An I/O error at each write: what a file system does that was mounted again read-only.
#[test]
#[ignore = "needs files that nobody may write"]
fn d21_a_disk_that_takes_no_writes_is_read_from_and_nothing_is_asked_of_a_provider() {
    let world = world();
    world.rotates();
    let ada = world.sign_in(0, "ada@example.com");
    let token = world.refresh(0, &ada);
    let directory = world.cluster.directory.path();
    let mut files: Vec<_> =
        ["standin.db", "standin.db-wal"].iter().map(|name| directory.join(name)).collect();
    let journal = fs::read_dir(directory.join("standin.db.journal.d")).unwrap();
    files.extend(journal.map(|entry| entry.unwrap().path()));
    let immutable = Immutable::made(files);
    nothing_is_written(&world, &ada, &token);
    drop(immutable);
    all_is_well(&world, &ada);
}
