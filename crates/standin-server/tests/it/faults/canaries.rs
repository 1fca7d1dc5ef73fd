//! Tokens and keys are nowhere but where they belong: not in a file of the database, of the journal, of a backup or a
//! dump, not in a log of ours or of the server's, and not in a core (requirements VC-1 and VC-8).

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use rusqlite::Connection;
use serde_json::json;
use standin_store::postgres::testing::Server;

use super::world::{World, signal};
use crate::nodes::{Cluster, Setup};

/// A secret, and what it is.
type Canary = (&'static str, String);

/// As a thief would look for it.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let url: String = url::form_urlencoded::byte_serialize(bytes).collect();
    let mut spellings = vec![bytes.to_vec(), url.into_bytes()];
    // A base64 text that stands inside a longer one begins at one of three places.
    for skip in 0..3 {
        let whole = &bytes[skip..bytes.len() - (bytes.len() - skip) % 3];
        spellings.push(BASE64.encode(whole).into_bytes());
        spellings.push(BASE64URL_NOPAD.encode(whole).into_bytes());
    }
    spellings.extend([HEXLOWER.encode(bytes).into_bytes(), HEXUPPER.encode(bytes).into_bytes()]);
    spellings
}

/// Every file below, as deep as it goes.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// What must be nowhere. The signatures of tokens tell each from any other.
fn canaries(world: &World) -> Vec<Canary> {
    world.rotates();
    let ada = world.sign_in(0, "ada@example.com");
    let mut canaries = Vec::new();
    for _ in 0..3 {
        canaries.push(("access token", world.refresh(0, &ada)));
        canaries.push(("refresh token", world.refresh_token(&ada)));
    }
    let cookie = ada.session.split_once('=').unwrap().1.to_owned();
    canaries.push(("session", cookie));
    canaries.push(("key of a job", world.key().to_owned()));
    canaries.push(("client secret", world.cluster.emulator.client_secret().to_owned()));
    let keys = fs::read_to_string(world.cluster.directory.path().join("keys.toml")).unwrap();
    let kek = keys.split('"').find(|part| part.len() == 44).expect("a key in base64");
    canaries.push(("key file", kek.to_owned()));
    assert!(world.cluster.log().len() < 100_000);
    // In flight it is in the journal and nowhere else.
    assert_eq!(world.token(0, &ada, &json!({})), canaries[4].1);
    canaries
}

/// Whatever of them is in a file below, with the file. Those of an operator hold secrets, as they must.
fn found(canaries: &[Canary], directory: &Path) -> String {
    let patterns = tempfile::NamedTempFile::new().unwrap();
    let spellings = canaries.iter().flat_map(|(_, secret)| spellings(secret));
    fs::write(patterns.path(), spellings.collect::<Vec<_>>().join(&b'\n')).unwrap();
    let mut grep = Command::new("grep");
    // Whoever runs may remove its files meanwhile.
    grep.args([
        "-s",
        "-r",
        "-H",
        "-a",
        "-o",
        "-F",
        "--exclude=keys.toml",
        "--exclude=standin.toml",
        "-f",
    ]);
    let found = grep.arg(patterns.path()).arg(directory).output().unwrap();
    String::from_utf8_lossy(&found.stdout).into_owned()
}

/// The same, when it is not there to be found and when it is.
fn are_nowhere_below(canaries: &[Canary], directory: &Path) {
    assert_eq!(found(canaries, directory), "");
    let there = directory.join("there");
    for (what, secret) in canaries {
        fs::write(&there, format!("...{}", HEXLOWER.encode(secret.as_bytes()))).unwrap();
        assert!(found(canaries, &there).contains("there:"), "a {what} would not be found");
    }
    fs::remove_file(there).unwrap();
}

#[test]
fn vc_1_no_file_of_a_service_on_sqlite_holds_a_secret_and_no_backup_does() {
    let environment = [("STANDIN__LOG__LEVEL", "trace")];
    let mut world = World::over(Cluster::with(Setup { nodes: 0, ..Setup::default() }));
    world.start(&environment);
    let canaries = canaries(&world);
    let backup = world.cluster.directory.path().join("backup.db");
    let file = Connection::open(world.file()).unwrap();
    file.execute("VACUUM INTO ?1", [backup.to_str().unwrap()]).unwrap();
    drop(file);
    let directory = world.cluster.directory.path().to_owned();
    let names: Vec<_> = files(&directory)
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    for name in ["standin.db", "standin.db-wal", "standin.db-shm", "backup.db", "log"] {
        assert!(names.contains(&name.to_owned()), "{name} is missing: {names:?}");
    }
    assert!(names.iter().any(|name| name.ends_with(".journal")), "{names:?}");
    are_nowhere_below(&canaries, &directory);
    signal(&world.cluster.nodes[0], "-TERM");
    world.cluster.nodes.remove(0).child.wait().unwrap();
    // The log is worked into the file.
    are_nowhere_below(&canaries, &directory);
}

/// The server logs every statement, with what it is given.
#[test]
#[ignore = "needs a PostgreSQL server"]
fn vc_1_no_file_of_a_postgresql_server_holds_a_secret_and_no_dump_does() {
    let server = Server::private(&[("log_statement", "all"), ("log_parameter_max_length", "-1")]);
    let url = Some(server.url("postgres"));
    let world =
        World::over(Cluster::with(Setup { nodes: 1, database_url: url, ..Setup::default() }));
    let canaries = canaries(&world);
    let dump = world.cluster.directory.path().join("dump.sql");
    fs::write(&dump, server.dump("postgres")).unwrap();
    assert!(fs::read_to_string(&dump).unwrap().contains("COPY public.grants"));
    server.psql("postgres", "CHECKPOINT");
    let directory = server.data().parent().unwrap().to_owned();
    let log = fs::read_to_string(directory.join("log")).unwrap();
    assert!(log.contains("UPDATE grants") && log.contains("parameters: $1"));
    are_nowhere_below(&canaries, &directory);
    are_nowhere_below(&canaries, world.cluster.directory.path());
}

/// Whatever the limit is that the service was started with.
#[test]
fn vc_8_a_service_that_crashes_leaves_no_core() {
    let mut world = World::over(Cluster::with(Setup { nodes: 0, ..Setup::default() }));
    world.start(&[]);
    let process = world.cluster.nodes[0].child.id();
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert!(core.split_whitespace().skip(4).take(2).all(|limit| limit == "0"), "{core}");
    // Root may raise it again; the process is still not one that is dumped.
    let mut raise = Command::new("prlimit");
    raise.args(["--core=unlimited", "--pid", &process.to_string()]).stderr(Stdio::null());
    drop(raise.status());
    let ada = world.sign_in(0, "ada@example.com");
    world.refresh(0, &ada);
    signal(&world.cluster.nodes[0], "-ABRT");
    let ended = world.cluster.nodes.remove(0).child.wait().unwrap();
    assert_eq!(ended.signal(), Some(6));
    assert!(!ended.core_dumped(), "a core was dumped");
    let is_core = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("core");
    let left = files(world.cluster.directory.path());
    assert!(!left.iter().any(is_core), "{left:?}");
}

/// Another process of the same user, as an attacker has one who came in beside the service.
#[test]
fn vc_8_no_other_process_of_the_same_user_reads_the_memory() {
    let mut world = World::over(Cluster::with(Setup { nodes: 0, ..Setup::default() }));
    world.start(&[]);
    let process = world.cluster.nodes[0].child.id();
    let owner = |path: String| fs::metadata(path).unwrap().uid();
    // What is not dumpable belongs to root there, and the kernel lets nobody else read or trace it.
    assert_eq!(owner(format!("/proc/{process}/mem")), 0);
    let own = Command::new("sleep").arg("60").uid(65_534).gid(65_534).spawn();
    let Ok(mut other) = own else {
        let read = fs::read(format!("/proc/{process}/environ"));
        assert!(read.is_err(), "its environment can be read");
        return;
    };
    // The same question of a process that is dumpable: this one belongs to its user.
    assert_eq!(owner(format!("/proc/{}/mem", other.id())), 65_534);
    other.kill().unwrap();
    other.wait().unwrap();
}
