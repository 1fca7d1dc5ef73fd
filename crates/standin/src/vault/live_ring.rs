//! The key ring of a process that goes on while keys change.
//!
//! Operators add, activate and remove data keys from other processes, so the ring is read again: before
//! anything is sealed, if it is older than [`MAX_AGE`], and when a row names a key that it does not hold.
//! That is what makes a rotation need no restart. [`Rotation`](super::Rotation) relies on the first: a key
//! that was added [`SETTLED`] ago is known to all who seal, and one that was superseded then seals nowhere.
//!
//! ```text
//! rows ──read, and nobody is asked──▶ a new key is missing ──asked for──▶ here, or left out and asked for again
//! ```
//!
//! A key service may hang, so nobody waits for it but who needs the very key: whoever opens a row that it has sealed, or
//! is to seal with it and has nothing else. What sealed before does until it is here; everybody's for [`SETTLED`]. The rest is
//! asked for beside everything else, by [`LiveRing::try_again`].

use std::collections::BTreeSet;
use std::future::ready;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use tokio::sync::{Mutex, Notify, OwnedMutexGuard};

use super::data_key;
use super::kek::{ExternalKeys, Key, check_value};
use super::keyring::{AT_A_TIME, KeyRing, Missing, Wrapping};
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

/// So many keys that are here at the same moment are put into the ring together.
const PUT_AT_A_TIME: usize = 100;

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
    /// Rung when there are keys to ask for.
    wanted: Notify,
}

/// The key-encryption keys are not kept in memory where they can be read again.
enum Source {
    File { path: std::path::PathBuf, external: Option<ExternalKeys> },
    Given(KeyFile),
}

/// What came of asking for a key.
struct Answer {
    missing: Arc<Missing>,
    tried: Result<Key, VaultError>,
    /// Held until everybody sees the answer.
    turn: OwnedMutexGuard<()>,
}

struct Loaded {
    ring: Arc<KeyRing>,
    /// When the rows were read.
    read_at: Timestamp,
    /// When they were read last and the ring sealed as they say.
    current_at: Timestamp,
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
        let loaded = Loaded { ring: Arc::new(ring), read_at: at, current_at: at };
        let (loaded, failed) = (RwLock::new(loaded), RwLock::default());
        let (reading, making, wanted) = (Mutex::default(), Mutex::default(), Notify::new());
        let looked_for = std::sync::Mutex::default();
        Ok(Self { source, store, clock, loaded, failed, looked_for, reading, making, wanted })
    }

    /// The ring as it was read last.
    pub(super) fn now(&self) -> Arc<KeyRing> {
        Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner).ring)
    }

    /// Reads the ring again if it is too old to seal with.
    pub(super) async fn keep_up(&self) -> Result<(), VaultError> {
        self.read_if_older_than(MAX_AGE).await?;
        // What has sealed until now still does for a moment, and nobody waits for a key service meanwhile.
        if self.is_outdated() { self.ask_for_the_active_one().await } else { Ok(()) }
    }

    /// As [`LiveRing::keep_up`], and waits for a key service only if a store takes nothing else any more.
    pub(super) async fn look(&self) -> Result<(), VaultError> {
        self.read_if_older_than(MAX_AGE).await?;
        self.ask_for_what_is_needed().await
    }

    /// Reads the ring again, however young it is: the store has just refused what it sealed.
    pub(super) async fn catch_up(&self) -> Result<(), VaultError> {
        self.read_now().await?;
        self.ask_for_what_is_needed().await
    }

    /// Whether others may have retired the key that this ring seals with.
    pub(super) fn is_outdated(&self) -> bool {
        self.since(|loaded| loaded.current_at) >= SETTLED
    }

    /// Reads the ring again if it knows nothing of one of these keys, unless it was read for that key a moment ago; asks
    /// for those that are not here, and for what their tenants cannot seal without.
    pub(super) async fn learn(
        &self,
        keys: impl IntoIterator<Item = u32, IntoIter: Clone>,
    ) -> Result<(), VaultError> {
        let keys = keys.into_iter();
        if self.now().lacking(keys.clone()).is_empty() {
            return Ok(());
        }
        let read = self.look_for(keys.clone()).await;
        for id in self.now().lacking(keys) {
            self.ask_for(id).await;
        }
        read
    }

    async fn look_for(&self, keys: impl Iterator<Item = u32>) -> Result<(), VaultError> {
        let ring = self.now();
        let unknown: Vec<u32> = keys.filter(|key| !ring.knows(*key)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        // Whoever comes while it is read for another key waits for that.
        let _reading = self.reading.lock().await;
        let ring = self.now();
        if unknown.iter().all(|key| ring.knows(*key) || self.has_looked_for(*key)) {
            return Ok(());
        }
        self.read_unless_it_failed_a_moment_ago().await?;
        self.looked_for.lock().unwrap_or_else(PoisonError::into_inner).1.extend(unknown);
        Ok(())
    }

    /// Returns when there are keys to ask for: at once, if there were some since it was called last.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(super) async fn is_wanting(&self) {
        self.wanted.notified().await;
    }

    /// Asks for what nobody has asked for yet, and for what was left out half a minute ago: the service that has the key
    /// may be back.
    pub(super) async fn try_again(&self) -> Result<(), VaultError> {
        if self.now().all_wanted(self.clock.now()).is_empty() {
            return Ok(());
        }
        // They may be wrapped by another key-encryption key by now.
        let read = self.read_if_older_than(MAX_AGE).await;
        let wanted = self.now().all_wanted(self.clock.now());
        let wrapping = OnceLock::new();
        // Boxed, for the compiler's sake: what borrows from here is to be sent between threads.
        let asking: Vec<BoxFuture<'_, _>> =
            wanted.into_iter().map(|id| self.ask(id, &wrapping).boxed()).collect();
        let answers = stream::iter(asking).buffer_unordered(AT_A_TIME).filter_map(ready);
        answers.ready_chunks(PUT_AT_A_TIME).for_each(|answers| self.put(answers)).await;
        read
    }

    /// Sees to it that there is a key whose seals a store takes.
    async fn ask_for_what_is_needed(&self) -> Result<(), VaultError> {
        let ring = self.now();
        if ring.awaited() == ring.needed_for(None) {
            self.ask_for_the_active_one().await
        } else {
            Ok(())
        }
    }

    /// Sees to it that the ring seals as the rows say.
    async fn ask_for_the_active_one(&self) -> Result<(), VaultError> {
        let Some(awaited) = self.now().awaited() else { return Ok(()) };
        self.ask_for(awaited).await;
        self.now().why_missing(awaited).map_or(Ok(()), Err)
    }

    /// Asks for a key that is not here, unless that was tried a moment ago.
    ///
    /// # Cancel safety
    /// Whoever comes next asks anew.
    async fn ask_for(&self, id: u32) {
        if let Some(answer) = self.ask(id, &OnceLock::new()).await {
            self.put(vec![answer]).await;
        }
    }

    /// The answer is still to be put into the ring. The key-encryption keys are read where they are not there yet.
    async fn ask(
        &self,
        id: u32,
        wrapping: &OnceLock<Result<Wrapping, VaultError>>,
    ) -> Option<Answer> {
        let missing = self.now().wanted(id, self.clock.now())?;
        let turn = missing.turn().await?;
        // Whoever had the turn before may have brought it, or have heard why not.
        self.now().wanted(id, self.clock.now())?;
        let tried = match wrapping.get_or_init(|| self.wrapping()) {
            Ok(wrapping) => wrapping.unwrap(&missing.row).await,
            Err(error) => Err(error.clone()),
        };
        Some(Answer { missing, tried, turn })
    }

    /// Several in one go: the ring is made anew each time, and there may be thousands of keys in it.
    async fn put(&self, answers: Vec<Answer>) {
        // Nobody reads the rows meanwhile, who would put a ring without it in place of this one.
        let _reading = self.reading.lock().await;
        let mut ring = KeyRing::clone(&self.now());
        let mut turns = Vec::new();
        for Answer { missing, tried, turn } in answers {
            ring.put(&missing.row, tried, self.clock.now());
            turns.push(turn);
        }
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        let read_at = loaded.read_at;
        loaded.replace(ring, read_at);
    }

    /// Whether the rows were read for this key within [`MIN_AGE`]. Where they could not be, nothing is known of it.
    fn has_looked_for(&self, key: u32) -> bool {
        let mut looked = self.looked_for.lock().unwrap_or_else(PoisonError::into_inner);
        if self.apart(looked.0) >= MIN_AGE {
            *looked = (self.clock.now(), BTreeSet::new());
        }
        looked.1.contains(&key)
    }

    /// Sees to it that there is a key that seals for this tenant, and asks for it if it is not here.
    pub(super) async fn prepare(
        &self,
        tenant: &str,
        entropy: &dyn Entropy,
    ) -> Result<(), VaultError> {
        let needed = || self.now().needed_for(Some(tenant));
        if needed().is_none() {
            self.make_first(tenant, entropy).await?;
        }
        if let Some(id) = needed() {
            self.ask_for(id).await;
        }
        Ok(())
    }

    /// Of several who need a tenant's first key at once, one makes it.
    async fn make_first(&self, tenant: &str, entropy: &dyn Entropy) -> Result<(), VaultError> {
        let _making = self.making.lock().await;
        for _ in 0..MAX_ROUNDS {
            let rows = self.store.data_keys().await?;
            if data_key::active(&rows, Some(tenant)).is_some() {
                return self.read_now().await;
            }
            self.make(data_key::next_id(&rows), tenant, entropy).await?;
        }
        Err(StoreError::Conflict.into())
    }

    /// Makes a tenant's first key, unless the number is taken by then.
    ///
    /// The key file is not locked for it: nobody who signs in waits for an operator. Whoever takes a
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
        let is_young = || self.since(|loaded| loaded.read_at) < age;
        if is_young() {
            return Ok(());
        }
        let _reading = self.reading.lock().await;
        if is_young() {
            return Ok(());
        }
        self.read_unless_it_failed_a_moment_ago().await
    }

    async fn read_now(&self) -> Result<(), VaultError> {
        let _reading = self.reading.lock().await;
        self.read().await
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
        (self.apart(*at) < MIN_AGE).then(|| error.clone())
    }

    fn since(&self, when: impl FnOnce(&Loaded) -> Timestamp) -> Duration {
        let at = when(&self.loaded.read().unwrap_or_else(PoisonError::into_inner));
        self.apart(at)
    }

    /// A clock that was set back makes the ring old, too.
    fn apart(&self, at: Timestamp) -> Duration {
        let now = self.clock.now();
        now.remaining(at).max(at.remaining(now))
    }

    /// The rows as they are now. Nobody is asked for keys here: all who seal may be waiting.
    async fn read(&self) -> Result<(), VaultError> {
        let now = self.clock.now();
        let rows = self.store.data_keys().await?;
        let (old, lingering) = (self.now(), lingering(&rows, now));
        let ring = KeyRing::of(&rows, Some(&old))?.keeping(&old, |id| lingering.contains(&id));
        if !ring.all_wanted(now).is_empty() {
            self.wanted.notify_one();
        }
        self.loaded.write().unwrap_or_else(PoisonError::into_inner).replace(ring, now);
        Ok(())
    }
}

impl Loaded {
    /// With another ring, of the rows as they were then.
    fn replace(&mut self, ring: KeyRing, read_at: Timestamp) {
        if ring.awaited().is_none() {
            self.current_at = read_at;
        }
        (self.ring, self.read_at) = (Arc::new(ring), read_at);
    }
}

fn lingering(rows: &[DataKeyRow], now: Timestamp) -> BTreeSet<u32> {
    let lingers = |row: &&DataKeyRow| row.removed_at.is_some_and(|at| at.after(LINGERS) > now);
    rows.iter().filter(lingers).map(|row| row.id).collect()
}
