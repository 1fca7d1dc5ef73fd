//! The file of one process: written at its end, and by nobody else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use standin::fail_point::FailPoint;
use standin::id::RefreshId;
use standin::time::Timestamp;

use super::record::{self, Kept};
use super::{EXTENSION, name};

/// A file that has grown by this much, and to twice what it began with, is begun anew: what is kept is written
/// again no more often than it is written.
const LARGE: u64 = 4 << 20;

/// Nobody else takes it over until this is dropped.
pub(super) struct JournalFile {
    path: PathBuf,
    file: File,
    size: u64,
    /// What it began with.
    began_with: u64,
    /// A record may be there in part, or not be on the disk: nothing is written behind it.
    is_torn: bool,
}

impl JournalFile {
    /// A new one, readable for its owner alone, that holds `kept`. It is on the disk when this returns, and so is its
    /// name.
    pub(super) fn begin<'k>(
        directory: &Path,
        kept: impl Iterator<Item = &'k Kept>,
        now: Timestamp,
    ) -> io::Result<Self> {
        let path = directory.join(format!("{}-{}.{EXTENSION}", now.unix_ms(), name()));
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
        let mut begun = Self { path, file, size: 0, began_with: 0, is_torn: false };
        match begun.fill(directory, kept) {
            Ok(()) => Ok(begun),
            Err(error) => {
                // What was kept is kept elsewhere still.
                drop(fs::remove_file(&begun.path));
                Err(error)
            }
        }
    }

    fn fill<'k>(
        &mut self,
        directory: &Path,
        mut kept: impl Iterator<Item = &'k Kept>,
    ) -> io::Result<()> {
        self.file.try_lock().map_err(io::Error::other)?;
        FailPoint::JournalBegin.reach_now()?;
        kept.try_for_each(|kept| self.write(&record::answer(kept)?))?;
        self.file.sync_data()?;
        self.began_with = self.size;
        File::open(directory)?.sync_all()?;
        FailPoint::JournalHasBegun.reach_now()?;
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Nothing that is written now would be believed.
    pub(super) const fn is_torn(&self) -> bool {
        self.is_torn
    }

    pub(super) const fn is_large(&self) -> bool {
        self.size > LARGE + 2 * self.began_with
    }

    /// The answer is on the disk when this returns.
    pub(super) fn append(&mut self, kept: &Kept) -> io::Result<()> {
        FailPoint::JournalAppend.reach_now()?;
        self.write(&record::answer(kept)?)?;
        FailPoint::JournalHasWritten.reach_now()?;
        let flushed = self.file.sync_data();
        self.is_torn = flushed.is_err();
        flushed?;
        FailPoint::JournalHasSynced.reach_now()?;
        Ok(())
    }

    /// On the disk some time later: who does not find it brings the answer to its row once more.
    pub(super) fn settle(&mut self, attempt: RefreshId, now: Timestamp) -> io::Result<()> {
        self.write(&record::settlement(attempt, now)?)
    }

    fn write(&mut self, record: &[u8]) -> io::Result<()> {
        // One call: a crash cuts a record off and never mixes two.
        let written = self.file.write_all(record);
        self.is_torn = written.is_err();
        written?;
        self.size += record.len() as u64;
        Ok(())
    }
}
