//! The journal of rotated tokens: a file of this node, one record after the other, each on the disk before the next
//! step is taken.
//!
//! ```text
//! append, settle ─▶ a thread that may wait for a disk ─▶ Writer ─▶ JournalFile (journal/file.rs)
//! find, kept, waiting ─▶ Known, in memory                  └─▶ Known
//! ```
//!
//! Nothing in a file is ever changed. Whoever opens the journal takes over what processes before have left, in files that
//! nobody holds any more, and begins a file of its own with what is still worth keeping. So does whoever could not write
//! a record whole, or not flush it: behind that nothing would be believed. Files are made and taken away by one process
//! at a time, which holds the lock of the directory.

mod file;
mod known;
mod record;

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use standin::entropy::{SystemEntropy, random_bytes};
use standin::fail_point::FailPoint;
use standin::id::GrantId;
use standin::store::Waiting;
use standin::time::{Clock, Timestamp};
use standin::vault::TraceHash;
use standin::{Journal, JournalRecord};

use file::JournalFile;
use known::Known;
use record::Kept;

const EXTENSION: &str = "journal";
const PROBE: &str = "probe";
const LOCK: &str = "lock";

/// Where the journal of a database that is a file is kept if nobody says otherwise; `None` for any other.
#[must_use]
pub fn beside(url: &str) -> Option<PathBuf> {
    Some(crate::sqlite::beside(&crate::file_of(url)?, ".journal.d"))
}

/// A journal in a directory that only its owner may read.
pub struct FileJournal {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for FileJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FileJournal(…)")
    }
}

struct Shared {
    directory: PathBuf,
    /// Held while a disk is waited for, and so by no thread that others need.
    writer: Mutex<Writer>,
    /// Held for no longer than it takes to look. Whoever holds both has taken the writer first.
    known: Mutex<Known>,
}

struct Writer {
    /// The lock of the directory, for whoever makes files in it or takes them away.
    gate: File,
    file: JournalFile,
}

impl FileJournal {
    /// Opens the journal in `directory`, making it (mode 0700) if need be, and takes over what is left there.
    ///
    /// # Errors
    /// Whatever the disk says. A file that cannot be read is not passed over: what is in it may be the only copy.
    pub fn open(directory: &Path, clock: Arc<dyn Clock>) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let mut gate = OpenOptions::new();
        let gate = gate.create(true).truncate(false).write(true).mode(0o600);
        let gate = gate.open(directory.join(LOCK))?;
        let (file, known) = alone(&gate, || take_over(directory, clock.now()))?;
        let (writer, known) = (Mutex::new(Writer { gate, file }), Mutex::new(known));
        let shared = Arc::new(Shared { directory: directory.to_owned(), writer, known });
        Ok(Self { shared, clock })
    }

    /// What has waited of this grant's and is such does so no longer.
    async fn settle_those(
        &self,
        grant: GrantId,
        is_it: impl Fn(&JournalRecord) -> bool + Send + 'static,
    ) {
        if !held(&self.shared.known).waits_for(grant, &is_it) {
            return;
        }
        let settled = self.on_disk(move |shared, now| shared.settle(grant, &is_it, now)).await;
        // Should it not be written, the answer is brought to its row once more, which has it already.
        if let Err(error) = settled {
            tracing::warn!(%error, "the journal does not note that an answer is stored");
        }
    }

    /// On a thread that may wait. What was begun is done also where nobody waits for it any more.
    async fn on_disk(
        &self,
        work: impl FnOnce(&Shared, Timestamp) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let (shared, now) = (Arc::clone(&self.shared), self.clock.now());
        let done = tokio::task::spawn_blocking(move || work(&shared, now));
        done.await.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
    }
}

#[async_trait]
impl Journal for FileJournal {
    async fn append(&self, record: JournalRecord) -> io::Result<()> {
        self.on_disk(move |shared, now| shared.append(record, now)).await
    }

    async fn settle(&self, grant: GrantId, generation: u64) {
        self.settle_those(grant, move |record| record.generation < generation).await;
    }

    async fn outdate(&self, grant: GrantId, since: Timestamp, stands: Option<TraceHash>) {
        self.settle_those(grant, move |record| record.is_outdated(since, stands)).await;
    }

    fn find(&self, grant: GrantId, generation: u64) -> Vec<JournalRecord> {
        held(&self.shared.known).newest(grant, generation, self.clock.now())
    }

    fn kept(&self) -> Vec<JournalRecord> {
        held(&self.shared.known).records(self.clock.now())
    }

    async fn tidy(&self) {
        if let Err(error) = self.on_disk(Shared::tidy).await {
            tracing::warn!(%error, "the journal keeps what is past its time");
        }
    }

    fn waiting_for(&self) -> BTreeSet<GrantId> {
        held(&self.shared.known).waiting_for()
    }

    fn waiting(&self) -> Waiting {
        held(&self.shared.known).waiting()
    }

    async fn probe(&self) -> io::Result<()> {
        self.on_disk(|shared, _| probe(&shared.directory)).await
    }
}

impl Shared {
    fn append(&self, record: JournalRecord, now: Timestamp) -> io::Result<()> {
        let mut writer = held(&self.writer);
        if writer.file.is_torn() || writer.file.is_large() {
            self.begin_anew(&mut writer, now)?;
        }
        let kept = Kept { record, settled_at: None };
        writer.file.append(&kept)?;
        held(&self.known).add(kept);
        Ok(())
    }

    fn settle(
        &self,
        grant: GrantId,
        is_it: impl Fn(&JournalRecord) -> bool,
        now: Timestamp,
    ) -> io::Result<()> {
        let mut writer = held(&self.writer);
        let settled = held(&self.known).settle(grant, is_it, now);
        if settled.is_empty() {
            return Ok(());
        }
        FailPoint::JournalSettle.reach_now()?;
        if writer.file.is_torn() {
            // The new file knows it already.
            return self.begin_anew(&mut writer, now);
        }
        settled.into_iter().try_for_each(|attempt| writer.file.settle(attempt, now))
    }

    /// A file never loses a record: what is past its time goes with the whole file.
    fn tidy(&self, now: Timestamp) -> io::Result<()> {
        let mut writer = held(&self.writer);
        if !held(&self.known).is_past(now) {
            return Ok(());
        }
        self.begin_anew(&mut writer, now)
    }

    fn begin_anew(&self, writer: &mut Writer, now: Timestamp) -> io::Result<()> {
        let known = held(&self.known).worth_keeping(now);
        let Writer { gate, file } = writer;
        let old = alone(gate, || {
            let next = JournalFile::begin(&self.directory, known.all(), now)?;
            Ok(std::mem::replace(file, next))
        })?;
        *held(&self.known) = known;
        // Whoever opens the journal next takes it over, should it stay.
        drop(fs::remove_file(old.path()));
        Ok(())
    }
}

/// A new file with whatever is worth keeping of those that nobody holds, which are taken away.
fn take_over(directory: &Path, now: Timestamp) -> io::Result<(JournalFile, Known)> {
    let (mut kept, mut left) = (Vec::new(), Vec::new());
    for path in files(directory, EXTENSION)? {
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        match file.try_lock() {
            Ok(()) => {
                kept.extend(record::read(&fs::read(&path)?));
                // Held until the new file has it all.
                left.push((path, file));
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    let known = Known::of(kept).worth_keeping(now);
    let file = JournalFile::begin(directory, known.all(), now)?;
    for (path, _file) in left {
        fs::remove_file(path)?;
    }
    // Of processes that were killed. Whoever is at one now does not miss it.
    for path in files(directory, PROBE)? {
        drop(fs::remove_file(path));
    }
    Ok((file, known))
}

/// Whether a file can be written in `directory` and reach the disk.
///
/// # Errors
/// Whatever the disk says.
pub fn probe(directory: &Path) -> io::Result<()> {
    let path = directory.join(format!("{}.{PROBE}", name()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let written = file.write_all(b"whether this can be written").and_then(|()| file.sync_data());
    // It may be gone: a process that starts tidies up.
    drop(fs::remove_file(path));
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
    for path in files(directory, EXTENSION)? {
        let bytes = match fs::read(&path) {
            // Whoever wrote it has begun another one.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            bytes => bytes?,
        };
        contents.files += 1;
        for kept in record::read(&bytes).iter().filter(|kept| kept.settled_at.is_none()) {
            contents.waiting += 1;
            let asked_at = kept.record.asked_at;
            contents.oldest = Some(contents.oldest.map_or(asked_at, |oldest| oldest.min(asked_at)));
        }
    }
    Ok(contents)
}

fn files(directory: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Holds the lock of the directory meanwhile. It goes with the process, however that ends.
fn alone<T>(gate: &File, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    gate.lock()?;
    let done = work();
    gate.unlock()?;
    done
}

/// A name that nothing has, whatever the number of this process is: in a container it is always the same.
fn name() -> String {
    format!("{:016x}", u64::from_be_bytes(random_bytes(&SystemEntropy)))
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
