//! The key ring of a process that goes on while keys change.
//!
//! Operators add, activate and remove data keys from other processes, so the ring is read again: before
//! anything is sealed, if it is older than [`MAX_AGE`], and when a row names a key that it does not hold.
//! That is what makes a rotation need no restart. [`Rotation`](super::Rotation) relies on the first: a key
//! that was added [`SETTLED`] ago is known to all who seal, and one that was superseded then seals nowhere.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;

use super::data_key;
use super::kek::{ExternalKeys, check_value};
use super::keyring::{KeyRing, Wrapping};
use super::{KeyFile, LockedKeyFile, VaultError};
use crate::entropy::Entropy;
use crate::store::{DataKeyRow, Store, StoreError};
use crate::time::{Clock, Timestamp};

/// How old the ring may be when something is sealed.
const MAX_AGE: Duration = Duration::from_secs(2);
/// How long it is believed that there is no such key: rows that name keys which do not exist must not keep the
/// database busy. Of a key that nobody has asked for yet it is not believed: a tenant's is in use at once.
const MIN_AGE: Duration = Duration::from_secs(1);
/// After this long, every process that seals knows of a change.
///
/// A change is stamped before it is written, and the write may wait five seconds for another process's:
/// they are part of it, and so is [`MAX_AGE`].
pub(super) const SETTLED: Duration = Duration::from_secs(8);
/// How often a tenant's first key is tried to be made, while others make keys of their own.
const MAX_ROUNDS: usize = 64;
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
    /// Since when, and which keys nobody knew that the rows were read for.
    looked_for: std::sync::Mutex<(Timestamp, BTreeSet<u32>)>,
    /// Held while the rows are read: whoever comes meanwhile takes what the first one brings.
    reading: Mutex<()>,
    /// Held while a tenant's first key is made, which may take as long as a key service does: nobody who only reads
    /// waits for it.
    making: Mutex<()>,
    /// Held while keys that were left out are tried again: whoever has no need of them does not wait for it.
    trying: Mutex<()>,
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
        let (failed, looked_for) = (RwLock::default(), std::sync::Mutex::default());
        let (reading, making, trying) = (Mutex::default(), Mutex::default(), Mutex::default());
        Ok(Self { source, store, clock, loaded, failed, looked_for, reading, making, trying })
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

    /// Reads the ring again if it knows nothing of one of these keys, unless it was read for that key a moment ago; tries
    /// one that was left out again.
    pub(super) async fn learn(
        &self,
        keys: impl IntoIterator<Item = u32, IntoIter: Clone>,
    ) -> Result<(), VaultError> {
        let (ring, mut keys) = (self.now(), keys.into_iter());
        let unknown: Vec<u32> = keys.clone().filter(|key| !ring.knows(*key)).collect();
        if unknown.is_empty() {
            let is_due = keys.any(|key| ring.is_due(key, &*self.clock));
            return if is_due { self.try_again().await } else { Ok(()) };
        }
        // Whoever comes while it is read for another key waits for that.
        let _reading = self.reading.lock().await;
        let ring = self.now();
        if unknown.iter().all(|key| ring.knows(*key)) || !self.looks_for(&unknown) {
            return Ok(());
        }
        self.read_unless_it_failed_a_moment_ago().await
    }

    /// Tries again what was left out, where half a minute has passed: the service that has the key may be back.
    pub(super) async fn try_again(&self) -> Result<(), VaultError> {
        let _trying = self.trying.lock().await;
        let due = self.now().due(self.clock.now());
        if due.is_empty() {
            return Ok(());
        }
        let rows = self.store.data_keys().await?;
        let due = |row: &&DataKeyRow| due.contains(&row.id) && row.removed_at.is_none();
        let tried = Wrapping::try_all(self.wrapping(), rows.iter().filter(due).collect()).await;
        let _reading = self.reading.lock().await;
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        loaded.ring = Arc::new(loaded.ring.having_tried(tried, self.clock.now()));
        Ok(())
    }

    /// Whether there is one among these keys that nobody has looked for within [`MIN_AGE`].
    fn looks_for(&self, keys: &[u32]) -> bool {
        let mut looked = self.looked_for.lock().unwrap_or_else(PoisonError::into_inner);
        if self.since(looked.0) >= MIN_AGE {
            *looked = (self.clock.now(), BTreeSet::new());
        }
        keys.iter().any(|key| looked.1.insert(*key))
    }

    /// Sees to it that there is a key that seals for this tenant. Of several who need the first one at once, one
    /// makes it.
    pub(super) async fn prepare(
        &self,
        tenant: &str,
        entropy: &dyn Entropy,
    ) -> Result<(), VaultError> {
        if self.now().seals_for(tenant) {
            return Ok(());
        }
        let _making = self.making.lock().await;
        for _ in 0..MAX_ROUNDS {
            let rows = self.store.data_keys().await?;
            if data_key::active(&rows, Some(tenant)).is_some() {
                return self.catch_up().await;
            }
            self.make(data_key::next_id(&rows), tenant, entropy).await?;
        }
        Err(StoreError::Conflict.into())
    }

    /// Makes a tenant's first key, unless the number is taken by then.
    ///
    /// The key file is not locked for it: a service may not be allowed to write there. Whoever takes a
    /// key-encryption key out of it looks at the rows before and after ([`Rotation::remove_kek`]); here the file is
    /// looked at after the row was written. One of the two sees the other.
    ///
    /// [`Rotation::remove_kek`]: super::Rotation::remove_kek
    async fn make(&self, id: u32, tenant: &str, entropy: &dyn Entropy) -> Result<(), VaultError> {
        let (wrapping, now) = (self.wrapping()?, self.clock.now());
        let row = wrapping.new_key(id, Some(tenant), now, entropy).await?;
        let row = DataKeyRow { activated_at: Some(now), ..row };
        match self.store.add_data_key(row.clone()).await {
            Ok(()) => {}
            Err(StoreError::Conflict) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let newer = self.wrapping()?;
        if newer.names(&row.wrapped_by) {
            return Ok(());
        }
        let key = wrapping.unwrap(&row).await?;
        let wrapped = newer.wrap(id, Some(tenant), &key, entropy).await?;
        let check = check_value(id, &key)?;
        let row = data_key::wrapped_again(&row, newer.active(), wrapped, check);
        Ok(self.store.replace_data_key(row).await?)
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
        self.read_unless_it_failed_a_moment_ago().await
    }

    async fn read_unless_it_failed_a_moment_ago(&self) -> Result<(), VaultError> {
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
        let ring = KeyRing::of(&rows, Some(&old), now, || self.wrapping()).await?;
        let lingering = lingering(&rows, now);
        let ring = ring.keeping(&old, |id| lingering.contains(&id));
        let loaded = Loaded { ring: Arc::new(ring), at: now };
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }
}

fn lingering(rows: &[DataKeyRow], now: Timestamp) -> BTreeSet<u32> {
    let lingers = |row: &&DataKeyRow| row.removed_at.is_some_and(|at| at.after(LINGERS) > now);
    rows.iter().filter(lingers).map(|row| row.id).collect()
}
