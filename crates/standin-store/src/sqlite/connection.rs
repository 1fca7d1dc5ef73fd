//! Connections, and the settings that the promises rest on.
//!
//! A setting is written and then read back: SQLite ignores what it does not know or cannot do, and a vault
//! that silently runs without `synchronous=FULL` forgets rotated tokens when the power fails (requirement
//! ST-1).

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::time::Instant;

use crate::OpenError;

/// A setting, how to read it back, and what it must then be.
type Setting = (&'static str, &'static str, Answer);

#[derive(Clone, Copy)]
enum Answer {
    Number(i64),
    Text(&'static str),
}

/// How long a writer waits for another process before it gives up: longer than any commit of ours.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long it is left alone before it is tried again.
const PAUSE: Duration = Duration::from_millis(10);

/// How long readers are waited for at a time while the log is emptied: nobody can write meanwhile.
const DRAIN: Duration = Duration::from_millis(250);

/// More than there are statements.
const STATEMENTS: usize = 64;

const EVERYWHERE: &[Setting] = &[
    // Functions named in a schema that somebody has tampered with do not run.
    ("PRAGMA trusted_schema = OFF", "PRAGMA trusted_schema", Answer::Number(0)),
    ("PRAGMA busy_timeout = 5000", "PRAGMA busy_timeout", Answer::Number(5_000)),
];

/// What is deleted is overwritten with zeros.
const SECURE_DELETE: Setting =
    ("PRAGMA secure_delete = ON", "PRAGMA secure_delete", Answer::Number(1));

const WRITER: &[Setting] = &[
    ("PRAGMA journal_mode = WAL", "PRAGMA journal_mode", Answer::Text("wal")),
    ("PRAGMA synchronous = FULL", "PRAGMA synchronous", Answer::Number(2)),
    ("PRAGMA foreign_keys = ON", "PRAGMA foreign_keys", Answer::Number(1)),
    SECURE_DELETE,
    // A burst does not leave a large log behind.
    (
        "PRAGMA journal_size_limit = 67108864",
        "PRAGMA journal_size_limit",
        Answer::Number(67_108_864),
    ),
    ("PRAGMA cache_size = -16384", "PRAGMA cache_size", Answer::Number(-16_384)),
];

/// The file is not mapped into memory: each commit of a writer would have it mapped anew, and every page faulted in again.
const READER: &[Setting] = &[
    ("PRAGMA query_only = ON", "PRAGMA query_only", Answer::Number(1)),
    ("PRAGMA cache_size = -16384", "PRAGMA cache_size", Answer::Number(-16_384)),
];

/// A copy is one file, and its owner flushes it.
const COPY: &[Setting] = &[SECURE_DELETE];

/// The one connection that writes.
pub(super) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, WRITER)
}

/// The one that makes a copy, and changes what is to be changed in it.
pub(super) fn open_copy(path: &Path) -> Result<Connection, OpenError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_WRITE, COPY)
}

/// One of those that read.
pub(super) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY, READER)
}

/// Works the log into the file, and cuts it to nothing: what was overwritten stands in neither then. `false` if somebody
/// has read or written in it for as long as a writer waits.
pub(super) fn empty_log(path: &Path) -> Result<bool, OpenError> {
    let refused = |error| OpenError::from_sqlite(path, &error);
    let connection = open_writer(path)?;
    connection.busy_timeout(DRAIN).map_err(refused)?;
    let begun_at = Instant::now();
    loop {
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let is_busy: bool =
            connection.query_row(checkpoint, [], |row| row.get(0)).map_err(refused)?;
        if !is_busy || begun_at.elapsed() >= BUSY_TIMEOUT {
            return Ok(!is_busy);
        }
        std::thread::sleep(PAUSE);
    }
}

fn open(path: &Path, access: OpenFlags, settings: &[Setting]) -> Result<Connection, OpenError> {
    let refused = |error| OpenError::from_sqlite(path, &error);
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(refused)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(refused)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Plans that do not look at parameters. Those that do are made anew at each use: a join by key took
    // 60 µs instead of 10.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(refused)?;
    for (setting, question, wanted) in EVERYWHERE.iter().chain(settings) {
        apply(&connection, setting).map_err(refused)?;
        let found = connection.query_row(question, [], |row| row.get(0)).map_err(refused)?;
        assert_answer(setting, *wanted, &found)?;
    }
    Ok(connection)
}

/// Whoever changes the journal while another process does so is told at once that the file is busy, whatever the
/// time-out: here that waits as everything else does.
fn apply(connection: &Connection, setting: &str) -> rusqlite::Result<()> {
    let begun_at = Instant::now();
    loop {
        match connection.execute_batch(setting) {
            Err(error) if is_busy(&error) && begun_at.elapsed() < BUSY_TIMEOUT => {
                std::thread::sleep(PAUSE);
            }
            done => return done,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

fn assert_answer(setting: &'static str, wanted: Answer, found: &Value) -> Result<(), OpenError> {
    let took = match (wanted, found) {
        (Answer::Number(wanted), Value::Integer(found)) => wanted == *found,
        (Answer::Text(wanted), Value::Text(found)) => wanted == found,
        _ => false,
    };
    let found = format!("{found:?}");
    took.then_some(()).ok_or(OpenError::Setting { setting, found })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(connection: &Connection) -> Vec<Value> {
        let questions = [
            "PRAGMA journal_mode",
            "PRAGMA synchronous",
            "PRAGMA busy_timeout",
            "PRAGMA foreign_keys",
            "PRAGMA secure_delete",
            "PRAGMA trusted_schema",
            "PRAGMA query_only",
        ];
        let ask = |question| connection.query_row(question, [], |row| row.get(0));
        questions.map(|question| ask(question).unwrap()).to_vec()
    }

    #[test]
    fn st_1_the_settings_are_what_was_promised() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("standin.db");
        drop(Connection::open(&path).unwrap());
        let wal = || Value::Text("wal".to_owned());
        let number = Value::Integer;

        let writer = open_writer(&path).unwrap();
        let numbers = [2, 5_000, 1, 1, 0, 0].map(number);
        assert_eq!(answers(&writer), [&[wal()][..], &numbers].concat());

        let reader = open_reader(&path).unwrap();
        let answers = answers(&reader);
        assert_eq!((&answers[0], &answers[2]), (&wal(), &number(5_000)));
        assert_eq!((&answers[5], &answers[6]), (&number(0), &number(1)));
        let written = reader.execute_batch("CREATE TABLE t (x)");
        assert!(written.is_err(), "a reader cannot write");
    }

    #[test]
    fn st_1_a_setting_that_does_not_take_is_refused() {
        let refused = assert_answer("PRAGMA a = 2", Answer::Number(2), &Value::Integer(1));
        assert!(matches!(refused, Err(OpenError::Setting { .. })));
    }

    #[test]
    fn st_1_a_journal_that_cannot_be_a_log_is_refused() {
        let refused = open(Path::new(":memory:"), OpenFlags::SQLITE_OPEN_READ_WRITE, WRITER);
        assert!(
            matches!(refused, Err(OpenError::Setting { found, .. }) if found.contains("memory"))
        );
    }
}
