//! The key ring of a process that goes on while keys change.
//!
//! Operators add, activate and remove data keys from other processes, so the ring is read again: before
//! anything is sealed, if it is older than [`MAX_AGE`], and when a row names a key that it does not hold.
//! That is what makes a rotation need no restart. [`Rotation`](super::Rotation) relies on the first: a key
//! that was added [`SETTLED`] ago is known to all who seal, and one that was superseded then seals nowhere.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;

use super::kek::ExternalKeys;
use super::keyring::{KeyRing, Wrapping};
use super::{KeyFile, LockedKeyFile, VaultError};
use crate::entropy::Entropy;
use crate::store::{DataKeyRow, Store};
use crate::time::{Clock, Timestamp};

/// How old the ring may be when something is sealed.
const MAX_AGE: Duration = Duration::from_secs(2);
/// How long a ring that does not hold a key is believed all the same: rows that name keys which do not exist
/// must not keep the database busy. [`SETTLED`] is longer, so no key that is in use is ever missed.
const MIN_AGE: Duration = Duration::from_secs(1);
/// After this long, every process that seals knows of a change.
///
/// A change is stamped before it is written, and the write may wait five seconds for another process's:
/// they are part of it, and so is [`MAX_AGE`].
pub(super) const SETTLED: Duration = Duration::from_secs(8);
/// How long a key that was removed still opens copies of rows that were read before.
const LINGERS: Duration = Duration::from_secs(10);

/// The ring, and where to read it again.
pub(super) struct LiveRing {
    source: Source,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    loaded: RwLock<Loaded>,
    /// When reading failed last since it went well, and how: until [`MIN_AGE`] later that is the answer.
    failed: RwLock<Option<(Timestamp, VaultError)>>,
    /// Held while the rows are read: whoever comes meanwhile takes what the first one brings.
    reading: Mutex<()>,
}

/// The key-encryption keys are not kept in memory where they can be read again.
enum Source {
    File { path: std::path::PathBuf, external: Option<ExternalKeys> },
    Given(KeyFile),
}

#[derive(Clone)]
struct Loaded {
    ring: Arc<KeyRing>,
    at: Timestamp,
}

impl LiveRing {
    pub(super) async fn load(
        keys: &KeyFile,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> Result<Self, VaultError> {
        let at = clock.now();
        let ring = KeyRing::load(keys, &*store, &*clock, entropy).await?;
        let source = match keys.path() {
            Some(path) => {
                Source::File { path: path.to_owned(), external: keys.external().cloned() }
            }
            None => Source::Given(keys.clone()),
        };
        let loaded = RwLock::new(Loaded { ring: Arc::new(ring), at });
        let failed = RwLock::default();
        Ok(Self { source, store, clock, loaded, failed, reading: Mutex::default() })
    }

    /// The ring as it was read last.
    pub(super) fn now(&self) -> Arc<KeyRing> {
        Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner).ring)
    }

    /// Reads the ring again if it is too old to seal with.
    pub(super) async fn keep_up(&self) -> Result<(), VaultError> {
        self.read_if_older_than(MAX_AGE).await
    }

    /// Reads the ring again, however young it is: the store has just refused what it sealed.
    pub(super) async fn catch_up(&self) -> Result<(), VaultError> {
        let _reading = self.reading.lock().await;
        self.read().await
    }

    /// Whether others may have retired the key that this ring seals with.
    pub(super) fn is_outdated(&self) -> bool {
        self.age() >= SETTLED
    }

    /// Reads the ring again if one of these keys is not in it, unless that was done a moment ago.
    pub(super) async fn learn(
        &self,
        keys: impl IntoIterator<Item = u32>,
    ) -> Result<(), VaultError> {
        let ring = self.now();
        if keys.into_iter().all(|key| ring.find(key).is_some()) {
            return Ok(());
        }
        self.read_if_older_than(MIN_AGE).await
    }

    /// The key-encryption keys as they are now, and as they stay until the lock is dropped.
    pub(super) fn locked_wrapping(&self) -> Result<(Wrapping, Option<LockedKeyFile>), VaultError> {
        let Source::File { path, external } = &self.source else {
            return Ok((self.wrapping()?, None));
        };
        let locked = KeyFile::lock(path);
        let locked = locked.map_err(|error| VaultError::KeyFile(error.to_string()))?;
        Ok((Wrapping::of(locked.keys())?.reaching(external.clone()), Some(locked)))
    }

    /// The key-encryption keys as they are now.
    pub(super) fn wrapping(&self) -> Result<Wrapping, VaultError> {
        match &self.source {
            Source::Given(keys) => Wrapping::of(keys),
            Source::File { path, external } => {
                let keys = KeyFile::read(path);
                let keys = keys.map_err(|error| VaultError::KeyFile(error.to_string()))?;
                Ok(Wrapping::of(&keys)?.reaching(external.clone()))
            }
        }
    }

    async fn read_if_older_than(&self, age: Duration) -> Result<(), VaultError> {
        if self.age() < age {
            return Ok(());
        }
        let _reading = self.reading.lock().await;
        if self.age() < age {
            return Ok(());
        }
        if let Some(error) = self.failed_a_moment_ago() {
            return Err(error);
        }
        let read = self.read().await;
        let failed = read.as_ref().err().map(|error| (self.clock.now(), error.clone()));
        *self.failed.write().unwrap_or_else(PoisonError::into_inner) = failed;
        read
    }

    fn failed_a_moment_ago(&self) -> Option<VaultError> {
        let failed = self.failed.read().unwrap_or_else(PoisonError::into_inner);
        let (at, error) = failed.as_ref()?;
        (self.since(*at) < MIN_AGE).then(|| error.clone())
    }

    /// A clock that was set back makes the ring old, too.
    fn age(&self) -> Duration {
        let at = self.loaded.read().unwrap_or_else(PoisonError::into_inner).at;
        self.since(at)
    }

    fn since(&self, at: Timestamp) -> Duration {
        let now = self.clock.now();
        now.remaining(at).max(at.remaining(now))
    }

    async fn read(&self) -> Result<(), VaultError> {
        let now = self.clock.now();
        let rows = self.store.data_keys().await?;
        let old = self.now();
        let ring = KeyRing::of(&rows, Some(&old), || self.wrapping()).await?;
        let ring = ring.keeping(&old, |id| lingers(&rows, id, now));
        let loaded = Loaded { ring: Arc::new(ring), at: now };
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }
}

fn lingers(rows: &[DataKeyRow], id: u32, now: Timestamp) -> bool {
    let removed_at = rows.iter().find(|row| row.id == id).and_then(|row| row.removed_at);
    removed_at.is_some_and(|at| at.after(LINGERS) > now)
}
