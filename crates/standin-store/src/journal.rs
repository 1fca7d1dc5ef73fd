//! The journal of rotated tokens: a file of this node, one record after the other, each on the disk before the next
//! step is taken.
//!
//! ```text
//! record   length (4 bytes, big endian) │ first 8 bytes of SHA-256 over the rest │ kind (1 byte) │ JSON
//! ```
//!
//! Nothing in a file is ever changed. A record that was cut off by a crash is the last one and is left out; anything
//! behind it would have been written by somebody who did not know where the file ended, and is not believed. Whoever
//! opens the journal takes over what processes before have left, in files that nobody holds any more, and begins a file
//! of its own with what is still worth keeping. So does whoever could not write a record whole, or not flush it: behind
//! that nothing would be believed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use standin::fail_point::FailPoint;
use standin::id::{GrantId, RefreshId};
use standin::secret::sha256;
use standin::time::{Clock, Timestamp};
use standin::{Journal, JournalRecord};

/// What is safe in its row is kept for so long all the same: a failover may bring the row of before back.
const AFTER_COMMIT: Duration = Duration::from_mins(10);
/// What never came to a row is kept for so long, as a spare.
const SPARE: Duration = Duration::from_hours(24);
/// A file that has grown by this much, and to twice what it began with, is begun anew: what is kept is written
/// again no more often than it is written.
const LARGE: u64 = 4 << 20;
/// No record is larger: a token answer has at most 256 KiB.
const MAX_RECORD: usize = 1 << 20;
const EXTENSION: &str = "journal";
const WRITTEN: u8 = 1;
const SETTLED: u8 = 2;

/// Where the journal of a database that is a file is kept if nobody says otherwise; `None` for any other.
#[must_use]
pub fn beside(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite://")?;
    Some(PathBuf::from(format!("{path}.journal.d")))
}

/// A journal in a directory that only its owner may read.
pub struct FileJournal {
    inner: Arc<Mutex<Inner>>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for FileJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FileJournal(…)")
    }
}

struct Inner {
    directory: PathBuf,
    path: PathBuf,
    /// Held until it is dropped: nobody else takes the file over.
    file: File,
    size: u64,
    /// What it began with.
    began_with: u64,
    /// A record may be there in part, or not be on the disk: nothing is written behind it.
    is_torn: bool,
    /// Oldest first.
    kept: Vec<Kept>,
}

#[derive(Clone)]
struct Kept {
    record: JournalRecord,
    settled_at: Option<Timestamp>,
}

/// A record as it is written.
#[derive(Serialize, Deserialize)]
struct Line {
    attempt: RefreshId,
    grant: GrantId,
    generation: u64,
    /// Milliseconds since the epoch.
    asked_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settled_at: Option<i64>,
    body: String,
}

#[derive(Serialize, Deserialize)]
struct Settlement {
    attempt: RefreshId,
    settled_at: i64,
}

impl FileJournal {
    /// Opens the journal in `directory`, making it (mode 0700) if need be, and takes over what is left there.
    ///
    /// # Errors
    /// Whatever the disk says. A file that cannot be read is not passed over: what is in it may be the only copy.
    pub fn open(directory: &Path, clock: Arc<dyn Clock>) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let (mut kept, mut left) = (Vec::new(), Vec::new());
        for path in journals(directory)? {
            let file = File::open(&path)?;
            if file.try_lock().is_ok() {
                kept.extend(read(&fs::read(&path)?));
                // Held until the new file has it all.
                left.push((path, file));
            }
        }
        kept.sort_by_key(|kept: &Kept| (kept.record.asked_at, kept.record.attempt));
        kept.retain(|kept| kept.is_worth_keeping(clock.now()));
        let inner = Inner::begin(directory, kept, clock.now())?;
        for (path, _file) in left {
            fs::remove_file(path)?;
        }
        File::open(directory)?.sync_all()?;
        Ok(Self { inner: Arc::new(Mutex::new(inner)), clock })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Journal for FileJournal {
    async fn append(&self, record: JournalRecord) -> io::Result<()> {
        let (inner, now) = (Arc::clone(&self.inner), self.clock.now());
        let written = tokio::task::spawn_blocking(move || {
            let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.append(Kept { record, settled_at: None }, now)
        });
        written.await.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
    }

    fn settle(&self, attempt: RefreshId) {
        let now = self.clock.now();
        // Should it not be written, the answer is brought to its row once more, which has it already.
        if let Err(error) = self.inner().settle(attempt, now) {
            tracing::warn!(%error, "the journal does not note that an answer is stored");
        }
    }

    fn find(&self, grant: GrantId, generation: u64) -> Option<JournalRecord> {
        let inner = self.inner();
        let is_it =
            |kept: &&Kept| kept.record.grant == grant && kept.record.generation >= generation;
        inner.kept.iter().rev().find(is_it).map(|kept| kept.record.clone())
    }

    fn kept(&self) -> Vec<JournalRecord> {
        self.inner().kept.iter().map(|kept| kept.record.clone()).collect()
    }

    fn waiting(&self) -> usize {
        self.inner().kept.iter().filter(|kept| kept.settled_at.is_none()).count()
    }

    async fn probe(&self) -> io::Result<()> {
        let directory = self.inner().directory.clone();
        let probed = tokio::task::spawn_blocking(move || probe(&directory));
        probed.await.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
    }
}

/// Whether a file can be written in `directory` and reach the disk.
///
/// # Errors
/// Whatever the disk says.
pub fn probe(directory: &Path) -> io::Result<()> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = directory.join(format!("{}-{number}.probe", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let written = file.write_all(b"whether this can be written").and_then(|()| file.sync_data());
    fs::remove_file(path)?;
    written
}

/// What is in a journal, as somebody finds it who leaves it alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Files, of this process and others.
    pub files: usize,
    /// Rotated refresh tokens of which it is not known that their row has them.
    pub waiting: usize,
    /// When the oldest of them was given.
    pub oldest: Option<Timestamp>,
}

/// Looks into the journal in `directory`; services may be using it.
///
/// # Errors
/// Whatever the disk says.
pub fn look(directory: &Path) -> io::Result<Contents> {
    let mut contents = Contents::default();
    for path in journals(directory)? {
        let bytes = match fs::read(&path) {
            // Whoever wrote it has begun another one.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            bytes => bytes?,
        };
        contents.files += 1;
        for kept in read(&bytes).iter().filter(|kept| kept.settled_at.is_none()) {
            contents.waiting += 1;
            let asked_at = kept.record.asked_at;
            contents.oldest = Some(contents.oldest.map_or(asked_at, |oldest| oldest.min(asked_at)));
        }
    }
    Ok(contents)
}

impl Kept {
    fn is_worth_keeping(&self, now: Timestamp) -> bool {
        let until = match self.settled_at {
            Some(settled_at) => settled_at.after(AFTER_COMMIT),
            None => self.record.asked_at.after(SPARE),
        };
        until > now
    }

    fn line(&self) -> Line {
        let JournalRecord { attempt, grant, generation, asked_at, body } = &self.record;
        Line {
            attempt: *attempt,
            grant: *grant,
            generation: *generation,
            asked_at: asked_at.unix_ms(),
            settled_at: self.settled_at.map(Timestamp::unix_ms),
            body: String::from_utf8_lossy(body).into_owned(),
        }
    }
}

impl Inner {
    /// A new file that holds `kept`, on the disk when this returns.
    fn begin(directory: &Path, kept: Vec<Kept>, now: Timestamp) -> io::Result<Self> {
        let (file, path) = create(directory, now)?;
        let directory = directory.to_owned();
        let mut inner = Self {
            directory,
            path,
            file,
            size: 0,
            began_with: 0,
            is_torn: false,
            kept: Vec::new(),
        };
        match inner.fill(kept) {
            Ok(()) => Ok(inner),
            Err(error) => {
                // What was kept is kept elsewhere still.
                drop(fs::remove_file(&inner.path));
                Err(error)
            }
        }
    }

    fn fill(&mut self, kept: Vec<Kept>) -> io::Result<()> {
        self.file.try_lock().map_err(io::Error::other)?;
        FailPoint::JournalBegin.reach_now()?;
        for kept in kept {
            self.write(WRITTEN, &kept.line())?;
            self.kept.push(kept);
        }
        self.file.sync_data()?;
        self.began_with = self.size;
        FailPoint::JournalHasBegun.reach_now()?;
        Ok(())
    }

    fn append(&mut self, kept: Kept, now: Timestamp) -> io::Result<()> {
        if self.is_torn || self.size > LARGE + 2 * self.began_with {
            self.begin_anew(now)?;
        }
        FailPoint::JournalAppend.reach_now()?;
        self.write(WRITTEN, &kept.line())?;
        FailPoint::JournalHasWritten.reach_now()?;
        let flushed = self.file.sync_data();
        self.is_torn = flushed.is_err();
        flushed?;
        FailPoint::JournalHasSynced.reach_now()?;
        self.kept.push(kept);
        Ok(())
    }

    fn settle(&mut self, attempt: RefreshId, now: Timestamp) -> io::Result<()> {
        // Mostly one of the newest.
        let mut kept = self.kept.iter_mut().rev();
        let Some(kept) = kept.find(|kept| kept.record.attempt == attempt) else { return Ok(()) };
        kept.settled_at = Some(now);
        FailPoint::JournalSettle.reach_now()?;
        if self.is_torn {
            self.begin_anew(now)?;
        }
        self.write(SETTLED, &Settlement { attempt, settled_at: now.unix_ms() })
    }

    fn begin_anew(&mut self, now: Timestamp) -> io::Result<()> {
        let mut kept = self.kept.clone();
        kept.retain(|kept| kept.is_worth_keeping(now));
        let next = Self::begin(&self.directory, kept, now)?;
        fs::remove_file(&self.path)?;
        *self = next;
        Ok(())
    }

    fn write(&mut self, kind: u8, line: &impl Serialize) -> io::Result<()> {
        let mut rest = vec![kind];
        serde_json::to_writer(&mut rest, line)?;
        let length = u32::try_from(rest.len()).map_err(io::Error::other)?;
        let mut record = length.to_be_bytes().to_vec();
        record.extend_from_slice(&sha256(&rest)[..8]);
        record.extend_from_slice(&rest);
        // One call: a crash cuts a record off and never mixes two.
        let written = self.file.write_all(&record);
        self.is_torn = written.is_err();
        written?;
        self.size += record.len() as u64;
        Ok(())
    }
}

/// A file of a name that nobody has, readable for its owner alone.
fn create(directory: &Path, now: Timestamp) -> io::Result<(File, PathBuf)> {
    let process = std::process::id();
    for number in 0_u32.. {
        let path = directory.join(format!("{}-{process}-{number}.{EXTENSION}", now.unix_ms()));
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path);
        match file {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            file => return Ok((file?, path)),
        }
    }
    Err(io::Error::other("every name is taken"))
}

fn journals(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Every whole record of a file, up to the first that is none.
fn read(mut bytes: &[u8]) -> Vec<Kept> {
    let mut kept: Vec<Kept> = Vec::new();
    while let Some((kind, line, rest)) = next(bytes) {
        bytes = rest;
        match kind {
            WRITTEN => kept.extend(written(line)),
            SETTLED => {
                let Ok(settlement) = serde_json::from_slice::<Settlement>(line) else { continue };
                let settled_at = Timestamp::from_unix_ms(settlement.settled_at);
                let of_it =
                    kept.iter_mut().filter(|kept| kept.record.attempt == settlement.attempt);
                of_it.for_each(|kept| kept.settled_at = Some(settled_at));
            }
            _ => {}
        }
    }
    kept
}

fn next(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (length, bytes) = bytes.split_first_chunk::<4>()?;
    let (sum, bytes) = bytes.split_first_chunk::<8>()?;
    let length =
        usize::try_from(u32::from_be_bytes(*length)).ok().filter(|length| *length <= MAX_RECORD)?;
    let (record, bytes) = bytes.split_at_checked(length)?;
    let (kind, line) = record.split_first()?;
    (sha256(record)[..8] == *sum).then_some((*kind, line, bytes))
}

fn written(line: &[u8]) -> Option<Kept> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let record = JournalRecord {
        attempt: line.attempt,
        grant: line.grant,
        generation: line.generation,
        asked_at: Timestamp::from_unix_ms(line.asked_at),
        body: line.body.into_bytes(),
    };
    Some(Kept { record, settled_at: line.settled_at.map(Timestamp::from_unix_ms) })
}
