//! The database as a file: made for its owner alone, and left alone when it is something else.
//!
//! SQLite gives the write-ahead log beside it the mode of the file itself.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::OpenError;

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const JOURNAL_MAGIC: &[u8] = &[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// Whether there is nothing at `path`.
pub(super) fn is_missing(path: &Path) -> bool {
    fs::metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Makes the file if there is none, then does as [`existing_private`].
pub(super) fn make_private(path: &Path) -> Result<PathBuf, OpenError> {
    if is_missing(path) {
        refuse_orphaned_log(path)?;
        create(path).map_err(|source| cannot_open(path, source))?;
    }
    existing_private(path)
}

/// Looks at the file before SQLite does. Its absolute path: the working directory may change, and SQLite
/// reads a path that starts with `file:` as something else.
pub(super) fn existing_private(path: &Path) -> Result<PathBuf, OpenError> {
    let path = fs::canonicalize(path).map_err(|source| cannot_open(path, source))?;
    refuse_what_others_can_use(&path)?;
    for suffix in ["-wal", "-shm"] {
        let beside = beside(&path, suffix);
        if !is_missing(&beside) {
            refuse_what_others_can_use(&beside)?;
        }
    }
    let head = head_of(&path).map_err(|source| cannot_open(&path, source))?;
    match head.as_slice() {
        [] => refuse_orphaned_log(&path)?,
        head if head == MAGIC => {}
        _ => return Err(OpenError::NotSqlite { path }),
    }
    Ok(path)
}

fn create(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

/// A log without its database is a database that somebody has lost: SQLite would throw the log away.
fn refuse_orphaned_log(path: &Path) -> Result<(), OpenError> {
    let log = fs::metadata(beside(path, "-wal"));
    if log.is_ok_and(|log| log.len() > 0) {
        return Err(OpenError::Corrupt {
            path: path.to_owned(),
            detail: "the file is missing or empty, but its write-ahead log is there".to_owned(),
        });
    }
    Ok(())
}

/// Requirement VC-9.
fn refuse_what_others_can_use(path: &Path) -> Result<(), OpenError> {
    let metadata = fs::metadata(path).map_err(|source| cannot_open(path, source))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        let path = path.to_owned();
        return Err(OpenError::NotPrivate { path, mode });
    }
    Ok(())
}

fn head_of(path: &Path) -> io::Result<Vec<u8>> {
    first(path, 16)
}

fn first(path: &Path, length: u64) -> io::Result<Vec<u8>> {
    let mut found = Vec::new();
    File::open(path)?.take(length).read_to_end(&mut found)?;
    Ok(found)
}

/// Whether somebody was stopped while the empty file became a database: the journal beside it takes it back to no page
/// at all, so nothing is lost with it. <https://sqlite.org/fileformat2.html#the_rollback_journal>
pub(super) fn is_half_begun(path: &Path) -> bool {
    let head = first(&beside(path, "-journal"), 20).unwrap_or_default();
    head.starts_with(JOURNAL_MAGIC) && head.get(16..) == Some(&[0; 4])
}

/// A file whose name begins as that of the database does.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn cannot_open(path: &Path, source: io::Error) -> OpenError {
    let path = path.to_owned();
    OpenError::CannotOpen { path, source }
}
