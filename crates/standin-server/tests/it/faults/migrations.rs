//! A migration that is killed in the middle has done nothing, and the next one does it all (fault D31).

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use standin_store::postgres::testing::Database;
use tempfile::TempDir;

/// A configuration for this database.
fn place(url: Option<&str>) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let file = || format!("sqlite://{}/standin.db", place.path().display());
    let url = url.map_or_else(file, str::to_owned);
    assert!(standin(place.path(), &["init"]).status().unwrap().success());
    let text = format!(
        "public_url = \"http://127.0.0.1:1\"\n[database]\nurl = \"{url}\"\n[keys]\nfile = \"keys.toml\"\n\
         [[provider]]\nid = \"google\"\nkind = \"google\"\nclient_id = \"id\"\nclient_secret = \"secret\"\n"
    );
    fs::write(place.path().join("standin.toml"), text).unwrap();
    place
}

fn standin(place: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
    command.current_dir(place).env_clear().args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn migrate(place: &Path) -> Child {
    standin(place, &["migrate"]).spawn().unwrap()
}

fn succeeds(child: Child) {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// What a release before this one has left: its newest migration is missing.
const OLDER: &str = "DELETE FROM refinery_schema_history \
    WHERE version = (SELECT max(version) FROM refinery_schema_history WHERE version < 1000)";

/// Processes of that release may be at work on it, and can no longer read it once it is migrated.
fn is_left_alone(place: &Path, versions: impl Fn() -> i64) {
    let before = versions();
    for command in [
        &["users", "list"][..],
        &["grants", "list"],
        &["clients", "add", "x"],
        &["keys", "list"],
        &["check"],
        &["doctor"],
    ] {
        let output = standin(place, command).stdout(Stdio::piped()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(!output.status.success(), "{command:?}: {said}");
        assert!(said.contains("standin migrate"), "{command:?}: {said}");
        assert!(said.to_lowercase().contains("stop th"), "{command:?}: {said}");
        assert_eq!(versions(), before, "{command:?}");
    }
}

#[test]
fn a_command_beside_the_service_leaves_a_file_of_an_older_release_as_it_is() {
    let place = place(None);
    succeeds(migrate(place.path()));
    let file = place.path().join("standin.db");
    let open = || rusqlite::Connection::open(&file).unwrap();
    open().execute(OLDER, []).unwrap();
    let count = "SELECT count(*) FROM refinery_schema_history";
    is_left_alone(place.path(), || open().query_row(count, [], |row| row.get(0)).unwrap());
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn a_command_beside_the_service_leaves_an_older_release_as_it_is_on_postgresql() {
    let database = Database::fresh();
    let place = place(Some(&database.url()));
    succeeds(migrate(place.path()));
    database.psql(OLDER);
    let count = "SELECT count(*) FROM refinery_schema_history";
    is_left_alone(place.path(), || database.psql(count).parse().unwrap());
}

/// A migration that the system kills at the write with which a file would become larger than so many pages. `false` if
/// none did.
fn is_killed_beyond(place: &Path, pages: u64) -> bool {
    let mut command = Command::new("sh");
    // POSIX counts in blocks of 512 bytes.
    let limited = format!("ulimit -c 0; ulimit -f {}; exec \"$0\" migrate", pages * 8);
    command.current_dir(place).env_clear().args(["-c", &limited]);
    command.arg(env!("CARGO_BIN_EXE_standin")).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().unwrap();
    assert!(status.success() || status.signal() == Some(SIGXFSZ), "{status}");
    !status.success()
}

const SIGXFSZ: i32 = 25;

/// Killed at another write each time, from its first to its last.
#[test]
fn d31_a_migration_of_a_file_that_is_killed_at_any_write_is_made_whole_by_the_next() {
    let place = place(None);
    let file = |end: &str| place.path().join(format!("standin.db{end}"));
    let mut logs = BTreeSet::new();
    for pages in (1..).step_by(5) {
        for end in ["", "-wal", "-shm", "-journal"] {
            drop(fs::remove_file(file(end)));
        }
        if !is_killed_beyond(place.path(), pages) {
            break;
        }
        let log = fs::metadata(file("-wal")).map_or(0, |log| log.len());
        logs.extend(Some(log).filter(|length| *length > 0));
        let (first, second) = (migrate(place.path()), migrate(place.path()));
        succeeds(first);
        succeeds(second);
        let users = standin(place.path(), &["users", "list"]).status().unwrap();
        assert!(users.success());
    }
    // Its log was cut off at so many lengths.
    assert!(logs.len() > 5, "{logs:?}");
}

/// Somebody else has the place of one of the later migrations and does not say whether it will be theirs.
#[test]
#[ignore = "needs a PostgreSQL server"]
fn d31_a_migration_on_postgresql_that_is_killed_in_the_middle_has_done_nothing() {
    let database = Database::fresh();
    let place = place(Some(&database.url()));
    database.psql(
        "CREATE TABLE refinery_schema_history (version integer PRIMARY KEY, name text, applied_on text, checksum text)",
    );
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
    let waiting = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let hold = "BEGIN; INSERT INTO refinery_schema_history VALUES (5, 'x', 'x', 'x'); \
        SELECT pg_sleep(600)";
    let holding = "FROM pg_stat_activity WHERE datname = current_database() \
        AND wait_event = 'PgSleep'";
    thread::scope(|scope| {
        let held = scope.spawn(|| database.psql(hold));
        until(|| database.psql(&format!("SELECT count(*) {holding}")) == "1");
        let mut killed = migrate(place.path());
        until(|| database.psql(waiting) == "1");
        killed.kill().unwrap();
        killed.wait().unwrap();
        database.psql(&format!("SELECT pg_terminate_backend(pid) {holding}"));
        drop(held.join());
    });
    until(|| database.psql(waiting) == "0");
    assert_eq!(database.psql(tables), "1");
    let (first, second) = (migrate(place.path()), migrate(place.path()));
    succeeds(first);
    succeeds(second);
    assert_ne!(database.psql(tables), "1");
}

fn until(is_so: impl Fn() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("it has not happened in half a minute");
}
