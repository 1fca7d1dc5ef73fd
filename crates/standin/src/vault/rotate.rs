//! Changing keys while the vault is in use (requirement VC-6).
//!
//! ```text
//! add ─ 8 s ─▶ activate ─▶ rewrap … rewrap ─▶ retire ─ 8 s ─▶ remove
//! ```
//!
//! Nothing here remembers how far it has come: which rows still need an old key is read from the rows. So a
//! process that is killed at any point leaves a vault in which everything opens, and whoever goes on begins
//! where it stopped. A row is sealed again only as it was read; a refresh that comes in between wins.
//!
//! The waits are for other processes: they look at the keys before they seal ([`live_ring`](super::live_ring)),
//! so one that was added eight seconds ago is known everywhere, and one that was superseded eight seconds ago
//! seals nowhere. A process that slept through that is refused by the store, reads the keys and seals again.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::data_key::{self, DataKeyState, WrapAgain};
use super::kek::check_value;
use super::keyring::Wrapping;
use super::live_ring::SETTLED;
use super::{Grant, KeyFile, KeyFileError, LockedKeyFile, Sealed, Vault, VaultError};
use crate::entropy::Entropy;
use crate::id::GrantId;
use crate::signin::ATTEMPT_LIFETIME;
use crate::store::{
    Damaged, DataKeyRow, DataKeyUse, Page, RevocationRow, RewrappedGrant, Store, StoreError,
    unhurried,
};
use crate::time::{Clock, Timestamp};

/// Why a key was not changed. Nothing was, in every case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// Another process was faster.
    #[error(
        "the keys were changed by another process meanwhile; look at `standin keys list` and try again"
    )]
    Changed,
    /// The active key cannot go.
    #[error("data key {0} is the active one: activate another one first")]
    IsActive(u32),
    /// Rows need the key.
    #[error(
        "data key {key} is still needed by {grants} grants and {revocations} waiting revocations; \
         run `standin keys rewrap` (rows that do not open under it must be revoked)"
    )]
    InUse {
        /// The key.
        key: u32,
        /// Grants with a token under it.
        grants: u64,
        /// Revocations under it.
        revocations: u64,
    },
    /// It was retired or removed, and neither seals again nor is retired again.
    #[error("data key {0} is retired already")]
    IsRetired(u32),
    /// The first data key is not made yet, and may be being made with any key-encryption key.
    #[error("the vault has no data key yet: start the service once, then try again")]
    NoDataKey,
    /// Only what is retired can be removed.
    #[error("data key {0} is not retired: retire it first")]
    NotRetired(u32),
    /// Sign-ins that were begun under the key may not be over.
    #[error(
        "sign-ins that were begun under data key {key} may be under way for {} more seconds; wait, or \
         cut them off with --now", .wait.as_secs() + 1
    )]
    SignInsUnderWay {
        /// The key.
        key: u32,
        /// How long.
        wait: Duration,
    },
    /// The rows cannot be read or written.
    #[error(transparent)]
    Store(StoreError),
    /// No such key.
    #[error("there is no data key {0}")]
    Unknown(u32),
    /// Nobody of this tenant has signed in.
    #[error("tenant `{0}` has no data key: `standin keys list` names those that have")]
    UnknownTenant(String),
    /// Other processes may not know of the last change yet.
    #[error("running services may not know of the last change of data key {key} yet; wait {} s", .wait.as_secs() + 1)]
    Unsettled {
        /// The key.
        key: u32,
        /// How long.
        wait: Duration,
    },
    /// The keys cannot be unwrapped.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A key-encryption key is needed.
    #[error(
        "key-encryption key `{kek}` wraps {data_keys} data keys; run `standin keys rewrap` first"
    )]
    Wraps {
        /// The key-encryption key.
        kek: String,
        /// How many data keys.
        data_keys: usize,
    },
}

impl From<StoreError> for RotationError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Changed,
            error => Self::Store(error),
        }
    }
}

type Result<T> = std::result::Result<T, RotationError>;

/// A data key, as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKey {
    /// Its row.
    pub row: DataKeyRow,
    /// Where it stands.
    pub state: DataKeyState,
    /// Grants with a token under it.
    pub grants: u64,
    /// Revocations under it that wait.
    pub revocations: u64,
}

impl DataKey {
    /// How many of these keys would be lost with a key-encryption key.
    #[must_use]
    pub fn wrapped_by(kek: &str, keys: &[Self]) -> usize {
        keys.iter()
            .filter(|key| data_key::wrapped_by(kek, std::slice::from_ref(&key.row)) > 0)
            .count()
    }
}

/// What becomes of sign-ins that were begun under a key which is to be retired: their cookies are sealed
/// with it, too, and live ten minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnderWay {
    /// They are let finish: the key is retired ten minutes after another took its place.
    LetFinish,
    /// They may have to be begun again.
    CutOff,
}

/// Changes the keys of one vault.
pub struct Rotation {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    vault: Vault,
}

impl Rotation {
    /// Over the vault of `store`, whose first key is made if it has none.
    ///
    /// # Errors
    /// Those of [`KeyRing::load`](super::KeyRing::load).
    pub async fn open(
        keys: &KeyFile,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self> {
        let vault = Vault::open(keys, Arc::clone(&store), Arc::clone(&clock), &*entropy).await?;
        Ok(Self { store, clock, entropy, vault })
    }

    /// All data keys of a vault, and how many rows need each: it reads every row.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(store: &dyn Store) -> Result<Vec<DataKey>> {
        let (rows, counts) = (store.data_keys().await?, store.data_key_use().await?);
        let with_use = |row: &DataKeyRow| {
            let count = use_of(&counts, row.id);
            DataKey {
                state: data_key::state(row, &rows),
                row: row.clone(),
                grants: count.grants,
                revocations: count.revocations,
            }
        };
        Ok(rows.iter().map(with_use).collect())
    }

    /// Adds a data key, wrapped by the active key-encryption key. It seals nothing until it is activated; then it
    /// does for everybody who has no tenant.
    ///
    /// # Errors
    /// Those of the key-encryption key and the store; [`RotationError::Changed`].
    pub async fn add(&self) -> Result<u32> {
        self.add_key(None).await
    }

    /// As [`Rotation::add`], for a tenant that has keys already.
    ///
    /// # Errors
    /// [`RotationError::UnknownTenant`], and those of [`Rotation::add`].
    pub async fn add_for(&self, tenant: &str) -> Result<u32> {
        self.add_key(Some(tenant)).await
    }

    async fn add_key(&self, tenant: Option<&str>) -> Result<u32> {
        let (wrapping, _until_written) = self.locked_wrapping()?;
        let rows = self.store.data_keys().await?;
        if let Some(tenant) = tenant
            && data_key::active(&rows, Some(tenant)).is_none()
        {
            return Err(RotationError::UnknownTenant(tenant.to_owned()));
        }
        let id = data_key::next_id(&rows);
        let row = wrapping.new_key(id, tenant, self.clock.now(), &*self.entropy).await?;
        self.store.add_data_key(row).await?;
        Ok(id)
    }

    /// Makes a data key the one that seals. The one before goes on opening what it sealed.
    ///
    /// # Errors
    /// [`RotationError::Unknown`], [`RotationError::IsRetired`]; [`RotationError::Unsettled`] until every
    /// running process has had the time to learn of it; [`RotationError::Changed`].
    pub async fn activate(&self, id: u32) -> Result<()> {
        let (row, rows) = find(&*self.store, id).await?;
        match data_key::state(&row, &rows) {
            DataKeyState::Active => return Ok(()),
            DataKeyState::Retired | DataKeyState::Removed => {
                return Err(RotationError::IsRetired(id));
            }
            DataKeyState::Standby | DataKeyState::Opens => {}
        }
        settled(&*self.clock, id, row.created_at)?;
        let activated = data_key::activated(row, &rows, self.clock.now());
        Ok(self.store.replace_data_key(activated).await?)
    }

    /// Bars a data key that no row needs from being sealed with. It need not open, and no other key is asked for.
    ///
    /// # Errors
    /// [`RotationError::Unknown`], [`RotationError::IsActive`], [`RotationError::IsRetired`];
    /// [`RotationError::InUse`] with the count of those that need it; [`RotationError::Unsettled`] and
    /// [`RotationError::SignInsUnderWay`]; [`RotationError::Changed`].
    pub async fn retire(
        store: &dyn Store,
        clock: &dyn Clock,
        id: u32,
        under_way: UnderWay,
    ) -> Result<()> {
        let (row, rows) = find(store, id).await?;
        match data_key::state(&row, &rows) {
            DataKeyState::Active => return Err(RotationError::IsActive(id)),
            DataKeyState::Retired | DataKeyState::Removed => {
                return Err(RotationError::IsRetired(id));
            }
            DataKeyState::Standby | DataKeyState::Opens => {}
        }
        refuse_if_in_use(store, id).await?;
        if let Some(superseded_at) = data_key::superseded_at(&row, &rows) {
            settled(clock, id, superseded_at)?;
            let over_at = superseded_at.after(ATTEMPT_LIFETIME + SETTLED);
            let wait = over_at.remaining(clock.now());
            if under_way == UnderWay::LetFinish && !wait.is_zero() {
                return Err(RotationError::SignInsUnderWay { key: id, wait });
            }
        }
        let retired = data_key::retired(row, clock.now());
        Ok(store.replace_data_key(retired).await?)
    }

    /// Destroys a retired key, which need not open. What backups hold under it stays readable with the key file of that
    /// time, and with nothing else.
    ///
    /// # Errors
    /// [`RotationError::Unknown`], [`RotationError::NotRetired`], [`RotationError::InUse`],
    /// [`RotationError::Unsettled`] until writes that were under way are over, [`RotationError::Changed`].
    pub async fn remove(store: &dyn Store, clock: &dyn Clock, id: u32) -> Result<()> {
        let (row, rows) = find(store, id).await?;
        match data_key::state(&row, &rows) {
            DataKeyState::Removed => return Ok(()),
            DataKeyState::Retired => {}
            _ => return Err(RotationError::NotRetired(id)),
        }
        settled(clock, id, row.retired_at.unwrap_or_default())?;
        refuse_if_in_use(store, id).await?;
        let removed = data_key::removed(row, clock.now());
        Ok(store.replace_data_key(removed).await?)
    }

    /// Wraps data keys again, by the active key-encryption key, in the newest version of it that its service has. How many.
    ///
    /// # Errors
    /// Those of the key-encryption keys and the store. What was wrapped before stays so; go on by calling it again. A row
    /// that is damaged is the error only once all others are wrapped.
    pub async fn rewrap_data_keys(&self, which: WrapAgain) -> Result<usize> {
        let rows = self.store.data_keys().await?;
        let wrapping = self.vault.ring.wrapping()?;
        if !rows.iter().any(|row| data_key::is_to_be_wrapped(wrapping.active(), row, which)) {
            return Ok(0);
        }
        let (wrapping, _until_written) = self.locked_wrapping()?;
        let (mut rewrapped, mut damaged) = (0, None);
        for row in self.store.data_keys().await? {
            if !data_key::is_to_be_wrapped(wrapping.active(), &row, which) {
                continue;
            }
            match self.rewrap_data_key(&wrapping, &row).await {
                Ok(()) => rewrapped += 1,
                Err(RotationError::Vault(error)) if error.is_damage() => {
                    tracing::error!(data_key = row.id, %error, "a data key cannot be wrapped again");
                    damaged.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        damaged.map_or(Ok(rewrapped), |error| Err(error.into()))
    }

    async fn rewrap_data_key(&self, wrapping: &Wrapping, row: &DataKeyRow) -> Result<()> {
        let data_key = wrapping.unwrap(row).await?;
        let tenant = row.tenant.as_deref();
        let wrapped = wrapping.wrap(row.id, tenant, &data_key, &*self.entropy).await?;
        let check = check_value(row.id, &data_key)?;
        let row = data_key::wrapped_again(row, wrapping.active(), wrapped, check);
        Ok(self.store.replace_data_key(row).await?)
    }

    /// Takes a key-encryption key that wraps nothing out of the key file at `path`. Nobody can wrap with it
    /// meanwhile: the file is locked from before the rows are looked at until it is replaced.
    ///
    /// # Errors
    /// [`RotationError::Wraps`] if a data key would be lost, [`RotationError::NoDataKey`]; those of the key file and the store.
    ///
    /// # Cancel safety
    /// The key is in the file or it is not; the lock is given up.
    pub async fn remove_kek(path: &Path, store: &dyn Store, kek: &str) -> Result<()> {
        let file = |error: KeyFileError| VaultError::KeyFile(error.to_string());
        let locked = KeyFile::lock(path).map_err(file)?;
        let mut keys = locked.keys().clone();
        // Whatever speaks against it in the file itself comes first: it says better what to do.
        keys.remove(kek).map_err(file)?;
        Self::refuse_if_wrapping(store, kek).await?;
        let before = locked.keys().clone();
        locked.replace(&keys).map_err(file)?;
        // A service that made a tenant's key meanwhile did not lock the file: it looked, or we see its row now.
        let used = Self::refuse_if_wrapping(store, kek).await;
        if used.is_err() {
            // Others may have changed the file since: this key alone is put back.
            let put_back = |keys: &mut KeyFile| {
                keys.put_back(&before, kek);
                Ok(())
            };
            KeyFile::change(path, put_back).map_err(file)?;
        }
        used
    }

    /// Whether a key-encryption key wraps any data key.
    ///
    /// # Errors
    /// [`RotationError::Wraps`] if it does; [`RotationError::NoDataKey`]; those of the store.
    pub async fn refuse_if_wrapping(store: &dyn Store, kek: &str) -> Result<()> {
        let rows = store.data_keys().await?;
        match data_key::wrapped_by(kek, &rows) {
            0 if rows.is_empty() => Err(RotationError::NoDataKey),
            0 => Ok(()),
            data_keys => Err(RotationError::Wraps { kek: kek.to_owned(), data_keys }),
        }
    }

    /// Begins to seal again, under the active key, whatever is sealed with another one.
    #[must_use]
    pub fn rewrap(&self) -> Rewrap<'_> {
        Rewrap {
            rotation: self,
            at: Position::Grants(None),
            moved: 0,
            done: Rewrapped::default(),
            unreadable: BTreeSet::new(),
            put_off: BTreeSet::new(),
        }
    }

    /// How many rows are sealed with other keys than the active ones, or in another format: it reads every row.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn left(&self) -> Result<u64> {
        let rows = self.store.data_keys().await?;
        let is_active = |row: &&DataKeyRow| data_key::state(row, &rows) == DataKeyState::Active;
        let active: BTreeSet<_> = rows.iter().filter(is_active).map(|row| Some(row.id)).collect();
        let counts = self.store.data_key_use().await?;
        let others = counts.iter().filter(|count| !active.contains(&count.key));
        Ok(others.map(|count| count.grants + count.revocations).sum())
    }

    fn locked_wrapping(&self) -> Result<(Wrapping, Option<LockedKeyFile>)> {
        Ok(self.vault.ring.locked_wrapping()?)
    }
}

async fn find(store: &dyn Store, id: u32) -> Result<(DataKeyRow, Vec<DataKeyRow>)> {
    let rows = store.data_keys().await?;
    let row = rows.iter().find(|row| row.id == id).cloned();
    Ok((row.ok_or(RotationError::Unknown(id))?, rows))
}

async fn refuse_if_in_use(store: &dyn Store, key: u32) -> Result<()> {
    store.let_writers_finish().await?;
    let DataKeyUse { grants, revocations, .. } = use_of(&store.data_key_use().await?, key);
    if grants + revocations == 0 {
        return Ok(());
    }
    Err(RotationError::InUse { key, grants, revocations })
}

fn settled(clock: &dyn Clock, key: u32, changed_at: Timestamp) -> Result<()> {
    let wait = changed_at.after(SETTLED).remaining(clock.now());
    if wait.is_zero() { Ok(()) } else { Err(RotationError::Unsettled { key, wait }) }
}

fn use_of(counts: &[DataKeyUse], key: u32) -> DataKeyUse {
    let none = DataKeyUse { key: Some(key), grants: 0, revocations: 0 };
    counts.iter().find(|count| count.key == Some(key)).copied().unwrap_or(none)
}

/// How far a rewrap has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Rows that were sealed again.
    pub rows: u64,
    /// Rows that cannot be read or do not open, and stay as they are: they were changed or moved. Each is in the log.
    pub unreadable: u64,
    /// Rows that stay as they are because a key of theirs cannot be had now: nothing is wrong with them.
    pub put_off: u64,
}

/// A rewrap under way. Dropping it at any point is safe: another one goes on where it stopped.
pub struct Rewrap<'a> {
    rotation: &'a Rotation,
    at: Position,
    /// Rows of this round that somebody else wrote first: they are looked at once more.
    moved: usize,
    done: Rewrapped,
    unreadable: BTreeSet<(Option<Timestamp>, GrantId)>,
    put_off: BTreeSet<(Option<Timestamp>, GrantId)>,
}

#[derive(Clone, Copy)]
enum Position {
    Grants(Option<GrantId>),
    Revocations(Option<(Timestamp, GrantId)>),
    Over,
}

impl Rewrap<'_> {
    /// How far it has come.
    #[must_use]
    pub fn done(&self) -> Rewrapped {
        let [unreadable, put_off] = [&self.unreadable, &self.put_off].map(|rows| rows.len() as u64);
        Rewrapped { unreadable, put_off, ..self.done }
    }

    /// Looks at up to `rows` rows, and seals those that need it again, in one transaction. `false` when nothing is
    /// left to do.
    ///
    /// # Errors
    /// Those of the store. What was committed stays.
    ///
    /// # Cancel safety
    /// A batch is written or it is not.
    pub async fn next_batch(&mut self, rows: usize) -> Result<bool> {
        self.rotation.vault.keep_up().await;
        self.rotation.vault.try_again().await;
        let active = self.rotation.vault.ring.now().active();
        match self.at {
            Position::Grants(after) => {
                let page = self.rotation.store.grants_to_rewrap(active, after, rows).await?;
                self.grants(page).await?;
            }
            Position::Revocations(after) => {
                let page = self.rotation.store.revocations_to_rewrap(active, after, rows).await?;
                self.revocations(page).await?;
            }
            Position::Over => {}
        }
        Ok(!matches!(self.at, Position::Over))
    }

    async fn grants(&mut self, page: Page<Grant, GrantId>) -> Result<()> {
        self.at = match page.last {
            Some(last) => Position::Grants(Some(last)),
            None => Position::Revocations(None),
        };
        let mut give_up = |damaged: Damaged<_>| self.give_up(None, damaged.key, &damaged.error);
        let read = page.rows.into_iter().filter_map(|row| row.map_err(&mut give_up).ok());
        let batch: Vec<Grant> = read.collect();
        self.rotation.vault.learn(batch.iter().flat_map(|grant| grant.tokens.iter())).await?;
        let mut rewrapped = Vec::with_capacity(batch.len());
        for grant in unhurried(batch) {
            match self.rotation.vault.reseal_tokens(&grant, &*self.rotation.entropy) {
                // A tenant's, under its own active key.
                Ok(tokens) if tokens == grant.tokens => {}
                Ok(tokens) => {
                    let (id, version) = (grant.id, grant.version);
                    rewrapped.push(RewrappedGrant { id, version, tokens });
                }
                Err(error) => self.leave(None, grant.id, &error),
            }
        }
        let (read, written) =
            (rewrapped.len(), self.rotation.store.rewrap_grants(rewrapped).await?);
        self.count(read, written);
        Ok(())
    }

    async fn revocations(&mut self, page: Page<RevocationRow, (Timestamp, GrantId)>) -> Result<()> {
        self.at = match page.last {
            Some(last) => Position::Revocations(Some(last)),
            // Whoever moved while it was read is found in another round, unless they are well by then.
            None if std::mem::take(&mut self.moved) > 0 => {
                self.put_off.clear();
                Position::Grants(None)
            }
            None => Position::Over,
        };
        let read = page.rows.iter().filter_map(|row| row.as_ref().ok());
        let sealed: Vec<_> = read.map(|row| Sealed::from_bytes(row.sealed_token.clone())).collect();
        self.rotation.vault.learn(&sealed).await?;
        let mut rewrapped = Vec::with_capacity(page.rows.len());
        for row in unhurried(page.rows) {
            let row = match row {
                Ok(row) => row,
                Err(Damaged { key: (queued_at, grant), error }) => {
                    self.give_up(Some(queued_at), grant, &error);
                    continue;
                }
            };
            match self.rotation.vault.reseal_revocation(&row, &*self.rotation.entropy) {
                Ok(sealed) => {
                    let sealed_token = sealed.as_bytes().to_vec();
                    rewrapped.push(RevocationRow { sealed_token, ..row });
                }
                Err(error) => self.leave(Some(row.queued_at), row.grant, &error),
            }
        }
        let (read, written) =
            (rewrapped.len(), self.rotation.store.rewrap_revocations(rewrapped).await?);
        self.count(read, written);
        Ok(())
    }

    fn count(&mut self, read: usize, written: usize) {
        self.done.rows += written as u64;
        self.moved += read.saturating_sub(written);
    }

    /// A key that cannot be had now says nothing against the row.
    fn leave(&mut self, queued_at: Option<Timestamp>, grant: GrantId, error: &VaultError) {
        if error.is_for_ever() {
            self.give_up(queued_at, grant, error);
        } else if self.put_off.insert((queued_at, grant)) {
            tracing::warn!(grant.id = %grant, %error, "a row cannot be sealed again now, and stays as it is");
        }
    }

    fn give_up(&mut self, queued_at: Option<Timestamp>, grant: GrantId, error: &dyn Display) {
        if self.unreadable.insert((queued_at, grant)) {
            tracing::error!(grant.id = %grant, %error, "a row cannot be sealed again, and stays as it is");
        }
    }
}

#[cfg(test)]
mod tests;
