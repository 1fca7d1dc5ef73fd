//! A copy of the file while others write to it, and a copy put in place.
//!
//! ```text
//! the file ─ one snapshot, SQLite's backup API ─▶ NAME.partial ─ checked, on the disk ─▶ NAME
//! ```
//!
//! The snapshot is held from the first page to the last, so the copy is the database of one instant, whatever is
//! written meanwhile. It gets its name when it is whole, and only if nothing has that name.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::Backup as Copying;
use rusqlite::{Connection, params};
use standin::time::Timestamp;

use super::connection::{open_copy, open_reader};
use super::file::{self, beside};
use super::schema;
use crate::OpenError;
use crate::backup::{Backup, BackupError};

/// How many pages are copied at once.
const PAGES: i32 = 4_096;
/// What is beside a database that somebody has used, or still does.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

const TABLES: &str = "SELECT count(*) FROM sqlite_schema";
const ONE_FILE: &str = "PRAGMA journal_mode = DELETE";
const CHECK: &str = "PRAGMA integrity_check(1)";
const NEWEST: &str = "SELECT max(version) FROM refinery_schema_history";
const NUMBER_ON: &str = "UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'events'";
const NUMBER_FROM: &str = "INSERT INTO sqlite_sequence (name, seq) SELECT 'events', ?1 \
    WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'events')";
const END_SESSIONS: &str = "DELETE FROM sessions";
/// What providers have given since the backup is not in it (`refreshes.rs` reads this).
const MARK: &str = "INSERT INTO timelines (timeline, seen_at) VALUES ('restored', ?1) \
    ON CONFLICT (timeline) DO UPDATE SET seen_at = ?1";

/// Copies the database at `from` to the new file `to`, after `change` has been made in the copy.
pub(crate) fn copy(
    from: &Path,
    to: &Path,
    change: impl FnOnce(&mut Connection) -> Result<(), OpenError>,
) -> Result<Backup, BackupError> {
    let from = file::existing_private(from)?;
    refuse_what_is_there(to)?;
    let partial = beside(to, ".partial");
    make(&partial)?;
    let copied = write(&from, &partial, change)
        .and_then(|schema| name(&partial, to).map(|bytes| (schema, bytes)));
    // It has its other name by now, or will never have one.
    drop(fs::remove_file(&partial));
    let (schema, bytes) = copied?;
    Ok(Backup { path: to.to_owned(), bytes, schema })
}

/// Puts the copy `from` at `to`, where no database is.
pub(crate) fn put_back(
    from: &Path,
    to: &Path,
    now: Timestamp,
    end_sessions: bool,
) -> Result<Backup, BackupError> {
    let from = file::existing_private(from)?;
    // Whose it is, and whether this program knows its schema.
    let is_old = !schema::pending(&from)?.is_empty();
    for suffix in BESIDE {
        refuse_what_is_there(&beside(to, suffix))?;
    }
    copy(&from, to, |copied| {
        if is_old {
            schema::apply(copied, to)?;
        }
        prepare(copied, now, end_sessions).map_err(|error| OpenError::from_sqlite(to, &error))
    })
}

/// What is to be different from how it was at the time of the backup.
fn prepare(copied: &Connection, now: Timestamp, end_sessions: bool) -> rusqlite::Result<()> {
    for statement in [NUMBER_ON, NUMBER_FROM, MARK] {
        copied.execute(statement, params![now.unix_ms()])?;
    }
    if end_sessions {
        copied.execute(END_SESSIONS, [])?;
    }
    Ok(())
}

/// An empty file for its owner alone. One of that name is somebody's, or was left by a crash: nobody but the operator
/// can tell.
fn make(path: &Path) -> Result<(), BackupError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(BackupError::Exists { path: path.to_owned() })
        }
        made => made.map(drop).map_err(|source| of_file(path, source)),
    }
}

/// The newest migration of what was copied.
fn write(
    from: &Path,
    to: &Path,
    change: impl FnOnce(&mut Connection) -> Result<(), OpenError>,
) -> Result<i64, BackupError> {
    let source = open_reader(from)?;
    let of_source = |error| OpenError::from_sqlite(from, &error);
    source.execute_batch("BEGIN").map_err(of_source)?;
    source.query_row(TABLES, [], |row| row.get::<_, i64>(0)).map_err(of_source)?;
    let of_copy = |error: rusqlite::Error| OpenError::from_sqlite(to, &error);
    let mut copy = open_copy(to)?;
    Copying::new(&source, &mut copy)
        .and_then(|copying| copying.run_to_completion(PAGES, Duration::ZERO, None))
        .map_err(of_copy)?;
    // Without a log beside it, which nobody would think of taking along.
    copy.query_row(ONE_FILE, [], |_| Ok(())).map_err(of_copy)?;
    change(&mut copy)?;
    let detail: String = copy.query_row(CHECK, [], |row| row.get(0)).map_err(of_copy)?;
    if detail != "ok" {
        return Err(BackupError::Damaged { path: to.to_owned(), detail });
    }
    Ok(copy.query_row(NEWEST, [], |row| row.get(0)).map_err(of_copy)?)
}

/// Gives the file its name, unless something has it. How large it is.
fn name(partial: &Path, to: &Path) -> Result<u64, BackupError> {
    let of_copy = |source| of_file(to, source);
    let file = File::open(partial).map_err(of_copy)?;
    file.sync_all().map_err(of_copy)?;
    give_name(partial, to)?;
    File::open(directory_of(to)).and_then(|directory| directory.sync_all()).map_err(of_copy)?;
    Ok(file.metadata().map_err(of_copy)?.len())
}

/// A plain rename would write over whatever came there meanwhile. Some file systems have no hard links, and others no
/// rename that writes over nothing.
fn give_name(partial: &Path, to: &Path) -> Result<(), BackupError> {
    let path = || to.to_owned();
    match fs::hard_link(partial, to).or_else(|linked| rename(partial, to, linked)) {
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {
            Err(BackupError::Exists { path: path() })
        }
        named => named.map_err(|source| BackupError::Unnamed { path: path(), source }),
    }
}

/// Renames it unless something has the name.
#[cfg(target_os = "linux")]
fn rename(partial: &Path, to: &Path, _linked: io::Error) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, partial, CWD, to, RenameFlags::NOREPLACE)?)
}

/// There is no other way that is the same everywhere.
#[cfg(not(target_os = "linux"))]
fn rename(_partial: &Path, _to: &Path, linked: io::Error) -> io::Result<()> {
    Err(linked)
}

fn directory_of(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

fn refuse_what_is_there(path: &Path) -> Result<(), BackupError> {
    if file::is_missing(path) {
        return Ok(());
    }
    Err(BackupError::Exists { path: path.to_owned() })
}

fn of_file(path: &Path, source: io::Error) -> BackupError {
    BackupError::File { path: path.to_owned(), source }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// What is done where there are no hard links.
    #[test]
    fn st_7_a_copy_is_renamed_only_to_a_name_that_nothing_has() {
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| directory.path().join(name);
        let rename =
            |to: &str| rename(&place("partial"), &place(to), io::ErrorKind::Unsupported.into());
        fs::write(place("partial"), "ours").unwrap();
        fs::write(place("taken"), "somebody's").unwrap();
        assert_eq!(rename("taken").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(place("taken")).unwrap(), "somebody's");
        rename("copy").unwrap();
        assert_eq!(fs::read_to_string(place("copy")).unwrap(), "ours");
        assert!(!place("partial").exists());
    }

    #[test]
    fn st_7_a_copy_that_cannot_have_its_name_says_what_to_do() {
        let nowhere = Path::new("/nowhere/at/all");
        let words = give_name(nowhere, nowhere).unwrap_err().to_string();
        assert!(words.contains("/nowhere/at/all") && words.contains("another"), "{words}");
    }
}
