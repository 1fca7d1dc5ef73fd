//! Files that are not what they were (fault D23): the service does not start, says what is wrong, and leaves every byte
//! as it found it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::world::World;
use crate::nodes::{Cluster, Setup};

/// What a service that has stopped has left.
fn left() -> World {
    let mut world = World::over(Cluster::with(Setup { nodes: 1, ..Setup::default() }));
    world.rotates();
    let ada = world.sign_in(0, "ada@example.com");
    world.refresh(0, &ada);
    // Killed: the log is still there.
    world.cluster.nodes.clear();
    world
}

fn run(directory: &Path, command: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_standin"))
        .current_dir(directory)
        .env_clear()
        .args([command, "--config", "standin.toml"])
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// It does not start. What it says.
fn refused(world: &World) -> String {
    let output = run(world.cluster.directory.path(), "serve");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "it said that it is ready: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn bytes(world: &World) -> [Vec<u8>; 2] {
    let read = |path| fs::read(path).unwrap_or_default();
    [read(world.file()), read(world.file().with_extension("db-wal"))]
}

#[test]
fn d23_a_service_whose_key_file_is_gone_or_another_one_does_not_start() {
    let world = left();
    let keys = world.cluster.directory.path().join("keys.toml");
    let ours = fs::read(&keys).unwrap();
    fs::remove_file(&keys).unwrap();
    let before = bytes(&world);
    let words = refused(&world);
    assert!(words.contains("keys.toml"), "{words}");
    assert!(bytes(&world) == before, "the bytes have changed");
    assert!(!keys.exists(), "a key file was made for a vault that has lost its own");

    let elsewhere = tempfile::tempdir().unwrap();
    assert!(run_init(elsewhere.path()).status.success());
    fs::copy(elsewhere.path().join("keys.toml"), &keys).unwrap();
    let words = refused(&world);
    assert!(words.contains("the vault cannot be opened"), "{words}");

    // The log of the process that was killed may be in the file by now; what they say together is the same.
    fs::write(&keys, ours).unwrap();
    let kept = world.kept();
    assert_eq!(
        kept["ada@example.com"].refresh_token,
        world.newest_refresh_tokens()["ada@example.com"]
    );
}

fn run_init(directory: &Path) -> Output {
    let mut init = Command::new(env!("CARGO_BIN_EXE_standin"));
    init.current_dir(directory).env_clear().arg("init").output().unwrap()
}

#[test]
fn d23_a_service_whose_database_is_damaged_does_not_start() {
    let world = left();
    let mut damaged = fs::read(world.file()).unwrap();
    damaged[100..2_000].fill(0xa5);
    fs::write(world.file(), damaged).unwrap();
    fs::remove_file(world.file().with_extension("db-wal")).unwrap();
    let before = bytes(&world);
    let words = refused(&world);
    assert!(bytes(&world) == before, "the bytes have changed");
    assert!(words.contains("is corrupt") && words.contains("restore it from a backup"), "{words}");
}
