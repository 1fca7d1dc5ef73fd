//! The key ring: data keys from the database, unwrapped by key-encryption keys, and keys per grant from both.
//!
//! Unwrapped keys live in memory, wiped when dropped. A vault that holds data keys which none of the key-encryption
//! keys at hand unwraps refuses to start: making new keys would make every stored token worthless. A tenant's that
//! cannot be had is left out, and is that tenant's trouble alone; so is a retired one, which no row needs. Once the
//! ring is in use, a new key is missing until somebody has asked for it; what sealed before goes on until the one that
//! seals now is here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk};
use aws_lc_rs::hmac;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use tokio::sync::{Mutex, OwnedMutexGuard};
use zeroize::Zeroizing;

use super::envelope::Sealed;
use super::kek::{ExternalKeys, KekError, KekName, Key, KeyWrap, LocalKey, Place, check_value};
use super::{KeyFile, VaultError, data_key};
use crate::entropy::{Entropy, random_bytes};
use crate::secret::same_bytes;
use crate::store::{DataKeyRow, Store, StoreError};
use crate::time::{Clock, Timestamp};

/// How many data keys are being unwrapped at a time: a service elsewhere takes its time for each.
pub(super) const AT_A_TIME: usize = 8;
/// How long a key that could not be had is not tried again. Each try may take as long as a time-out.
const TRIED_EVERY: Duration = Duration::from_secs(30);
/// The same of the key that everybody is to seal with, and without which nothing is sealed before long.
const AWAITED_TRIED_EVERY: Duration = Duration::from_secs(1);

/// The data keys, unwrapped and ready.
#[derive(Clone)]
pub struct KeyRing {
    /// Which key is to seal, for each tenant and for everybody else.
    active: BTreeMap<Option<String>, u32>,
    /// Which one seals in its place, as long as it is not here.
    former: BTreeMap<Option<String>, u32>,
    keys: BTreeMap<u32, Entry>,
}

/// What is known of a data key.
#[derive(Clone)]
struct Entry {
    tenant: Option<String>,
    version: u64,
    /// No store takes anything that it has sealed.
    is_retired: bool,
    /// None if it was removed, or is missing.
    key: Option<Extracted>,
    missing: Option<Arc<Missing>>,
}

/// What is kept of a data key: what the keys of grants are expanded from.
#[derive(Clone)]
pub(super) struct Extracted(Prk);

impl Extracted {
    /// HKDF-SHA256 without salt: the key is uniformly random already. Its first half is the same for every grant, so
    /// it is done once (RFC 5869 §2.2; no salt is as many zeros as the hash is long).
    pub(super) fn of(unwrapped: &Key) -> Self {
        let no_salt = hmac::Key::new(hmac::HMAC_SHA256, &[0; 32]);
        let extracted = hmac::sign(&no_salt, unwrapped.as_ref());
        Self(Prk::new_less_safe(HKDF_SHA256, extracted.as_ref()))
    }

    /// The key of the thing called `context` (RFC 5869 §2.3).
    pub(super) fn derive(&self, context: &[u8]) -> Result<Key, VaultError> {
        let mut key = Zeroizing::new([0; 32]);
        self.0
            .expand(&[b"standin/v1/", context], Bytes32)
            .and_then(|okm| okm.fill(key.as_mut()))
            .map_err(|_| VaultError::DoesNotOpen)?;
        Ok(key)
    }
}

/// A key that is not here, and may come.
pub(super) struct Missing {
    pub(super) row: DataKeyRow,
    /// `None` if nobody has asked for it yet.
    left_out: Option<LeftOut>,
    turn: Arc<Mutex<()>>,
}

/// Why a key was not to be had, and when.
struct LeftOut {
    error: VaultError,
    tried_at: Timestamp,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({} data keys, {} active)", self.keys.len(), self.active())
    }
}

impl KeyRing {
    /// Unwraps the data keys of `store` with the keys of `file`; makes the first data key of an empty vault.
    ///
    /// # Errors
    /// [`VaultError::NotNamed`] when a data key is wrapped by a key that the file does not name,
    /// [`VaultError::Unwrap`] when that key is another one under the same name, or is not to be had: in each case
    /// nothing is written. A tenant's key that cannot be had is none ([`KeyRing::left_out`]): what it sealed does not
    /// open, and the rest does.
    pub async fn load(
        file: &KeyFile,
        store: &dyn Store,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Self, VaultError> {
        let wrapping = Wrapping::of(file)?;
        let mut rows = store.data_keys().await?;
        if rows.is_empty() {
            rows = make_first_key(&wrapping, store, clock, entropy).await?;
        }
        let mut ring = Self::of(&rows, None)?;
        let live = rows.iter().filter(|row| row.removed_at.is_none()).collect();
        for (row, tried) in wrapping.unwrap_all(live).await {
            match tried {
                // No row needs a retired one.
                Err(error) if row.tenant.is_none() && row.retired_at.is_none() => {
                    return Err(error);
                }
                tried => ring.put(row, tried, clock.now()),
            }
        }
        Ok(ring)
    }

    /// The ring of these rows. A key that `old` has stays what it was, however it is wrapped by now; one that is new is
    /// missing until it is [put](KeyRing::put) there.
    pub(super) fn of(rows: &[DataKeyRow], old: Option<&Self>) -> Result<Self, VaultError> {
        let sealing = data_key::all_active(rows).into_values();
        let active: BTreeMap<_, _> = sealing.map(|row| (row.tenant.clone(), row.id)).collect();
        if !active.contains_key(&None) {
            return Err(none_active());
        }
        let known = |row: &DataKeyRow| {
            old.and_then(|old| old.keys.get(&row.id)).filter(|entry| entry.serves(row))
        };
        let entry = |row: &DataKeyRow| match known(row) {
            _ if row.removed_at.is_some() => Entry::bare(row),
            Some(known) => {
                let is_retired = row.retired_at.is_some();
                Entry { version: row.version, is_retired, ..known.clone() }
            }
            None => Entry::missing(row, None),
        };
        let keys = rows.iter().map(|row| (row.id, entry(row))).collect();
        let ring = Self { active, former: BTreeMap::new(), keys };
        let former = old.map(|old| ring.formers(old)).unwrap_or_default();
        Ok(Self { former, ..ring })
    }

    /// What has sealed in `old`, where the active key is not here.
    fn formers(&self, old: &Self) -> BTreeMap<Option<String>, u32> {
        let awaiting = self.active.iter().filter(|(_, active)| self.lacks(**active));
        let former =
            awaiting.filter_map(|(tenant, _)| Some((tenant, old.sealing_id(tenant.as_deref())?)));
        let is_here = |id: u32| self.keys.get(&id).is_some_and(|entry| entry.key.is_some());
        former.filter(|(_, id)| is_here(*id)).map(|(tenant, id)| (tenant.clone(), id)).collect()
    }

    /// The data keys that could not be had: which, whose, and why. What they sealed does not open.
    pub fn left_out(&self) -> impl Iterator<Item = (u32, Option<&str>, &VaultError)> {
        self.keys.iter().filter_map(|(id, entry)| {
            let left_out = entry.missing.as_ref()?.left_out.as_ref()?;
            Some((*id, entry.tenant.as_deref(), &left_out.error))
        })
    }

    /// Whether a key is not here, and was not removed either.
    fn lacks(&self, id: u32) -> bool {
        self.keys.get(&id).is_none_or(|entry| entry.missing.is_some())
    }

    /// Which of these keys, and of those that seal for the tenants whose they are, are not here.
    pub(super) fn lacking(&self, keys: impl Iterator<Item = u32> + Clone) -> Vec<u32> {
        let tenants = keys.clone().filter_map(|id| self.keys.get(&id)?.tenant.as_deref());
        let sealing = tenants.filter_map(|tenant| self.needed_for(Some(tenant)));
        keys.chain(sealing).filter(|id| self.lacks(*id)).collect()
    }

    /// The key that is to seal for everybody and is not here: what was the active one before does, for a moment.
    pub(super) fn awaited(&self) -> Option<u32> {
        Some(self.active()).filter(|active| self.lacks(*active))
    }

    /// A missing key that nobody has asked for yet, or not for a while.
    pub(super) fn wanted(&self, id: u32, now: Timestamp) -> Option<Arc<Missing>> {
        let is_awaited = self.awaited() == Some(id);
        let every = if is_awaited { AWAITED_TRIED_EVERY } else { TRIED_EVERY };
        let missing = self.keys.get(&id)?.missing.as_ref()?;
        missing.is_wanted(every, now).then(|| Arc::clone(missing))
    }

    /// All of those, and first the one that is to seal for everybody.
    pub(super) fn all_wanted(&self, now: Timestamp) -> Vec<u32> {
        let awaited = self.awaited();
        let others = self.keys.keys().copied().filter(|id| Some(*id) != awaited);
        let all = awaited.into_iter().chain(others);
        all.filter(|id| self.wanted(*id, now).is_some()).collect()
    }

    /// Why a key is not here.
    pub(super) fn why_missing(&self, id: u32) -> Option<VaultError> {
        Some(self.keys.get(&id)?.missing.as_ref()?.error())
    }

    /// What came of asking for the key of a row, unless the row is another one by now. A key that cannot be had must not
    /// keep everybody else's from being used.
    pub(super) fn put(&mut self, row: &DataKeyRow, tried: Result<Key, VaultError>, now: Timestamp) {
        let Some(entry) = self.keys.get_mut(&row.id).filter(|entry| entry.version == row.version)
        else {
            return;
        };
        *entry = match tried {
            Ok(key) => Entry { key: Some(Extracted::of(&key)), ..Entry::bare(row) },
            Err(error) => Entry::missing(row, Some(LeftOut::because(error, row, now))),
        };
        let (active, keys) = (&self.active, &self.keys);
        let is_missing = |id: &u32| keys.get(id).is_some_and(|entry| entry.missing.is_some());
        self.former.retain(|tenant, _| active.get(tenant).is_some_and(is_missing));
    }

    /// With keys that `other` has and this one has no more.
    pub(super) fn keeping(mut self, other: &Self, keeps: impl Fn(u32) -> bool) -> Self {
        for (id, entry) in &mut self.keys {
            if entry.key.is_none() && keeps(*id) {
                entry.key = other.keys.get(id).and_then(|entry| entry.key.clone());
            }
        }
        self
    }

    /// The id of the key that is to seal for everybody who has no tenant.
    pub(super) fn active(&self) -> u32 {
        self.active.get(&None).copied().unwrap_or_default()
    }

    /// The same for a tenant; `None` if none was made yet.
    pub(super) fn active_for(&self, tenant: Option<&str>) -> Option<u32> {
        self.active.get(&tenant.map(str::to_owned)).copied()
    }

    /// Whether it is known what became of a data key: nothing is to be learned of it.
    pub(super) fn knows(&self, id: u32) -> bool {
        self.keys.contains_key(&id)
    }

    /// Whose these values are, by the keys that sealed them: the tenant's of any of them. A key that is not known says
    /// nothing: whoever seals has opened the grant before, so another of its keys does.
    pub(super) fn tenant_of<'s>(
        &self,
        sealed: impl IntoIterator<Item = &'s Sealed>,
    ) -> Option<&str> {
        let keys = sealed.into_iter().filter_map(Sealed::data_key);
        keys.filter_map(|id| self.keys.get(&id)).find_map(|entry| entry.tenant.as_deref())
    }

    /// The key that seals now for this tenant, and its id, for the thing called `context`.
    ///
    /// # Errors
    /// [`VaultError::TenantKeyMissing`]: it was not made yet, or was destroyed.
    pub(super) fn sealing_key(
        &self,
        tenant: Option<&str>,
        context: &[u8],
    ) -> Result<(u32, Key), VaultError> {
        self.named(self.sealing_id(tenant), context)
    }

    /// As [`KeyRing::sealing_key`], and none that no store takes anything of any more.
    pub(super) fn needed_key(
        &self,
        tenant: Option<&str>,
        context: &[u8],
    ) -> Result<(u32, Key), VaultError> {
        self.named(self.needed_for(tenant), context)
    }

    /// As [`KeyRing::sealing_key`], and nothing in its place: whoever seals again does it for good.
    pub(super) fn active_key(
        &self,
        tenant: Option<&str>,
        context: &[u8],
    ) -> Result<(u32, Key), VaultError> {
        self.named(self.active_for(tenant), context)
    }

    /// Whether a value is sealed with the active key of this tenant.
    pub(super) fn is_under_active(&self, tenant: Option<&str>, sealed: &Sealed) -> bool {
        sealed.data_key().is_some_and(|key| self.active_for(tenant) == Some(key))
    }

    /// The id of the key without which nothing is sealed for a tenant that a store takes: not the new one, as long as the
    /// one before seals in its place and may. `None` if none was made yet.
    pub(super) fn needed_for(&self, tenant: Option<&str>) -> Option<u32> {
        let is_retired = |id: &u32| self.keys.get(id).is_some_and(|entry| entry.is_retired);
        let sealing = self.sealing_id(tenant).filter(|id| !is_retired(id));
        sealing.or_else(|| self.active_for(tenant))
    }

    fn sealing_id(&self, tenant: Option<&str>) -> Option<u32> {
        let tenant = tenant.map(str::to_owned);
        self.former.get(&tenant).or_else(|| self.active.get(&tenant)).copied()
    }

    /// The key that `sealed` names, for the thing called `context`.
    pub(super) fn opening_key(&self, sealed: &Sealed, context: &[u8]) -> Result<Key, VaultError> {
        self.key(sealed.key_id()?, context)
    }

    fn named(&self, id: Option<u32>, context: &[u8]) -> Result<(u32, Key), VaultError> {
        let id = id.ok_or(VaultError::TenantKeyMissing)?;
        Ok((id, self.key(id, context)?))
    }

    fn key(&self, id: u32, context: &[u8]) -> Result<Key, VaultError> {
        let entry = self.keys.get(&id).ok_or(VaultError::KeyMissing)?;
        match (&entry.key, &entry.missing) {
            (Some(key), _) => key.derive(context),
            (None, Some(missing)) => Err(missing.error()),
            (None, None) if entry.tenant.is_some() => Err(VaultError::KeyDestroyed),
            (None, None) => Err(VaultError::KeyMissing),
        }
    }
}

impl Entry {
    /// Without its key.
    fn bare(row: &DataKeyRow) -> Self {
        let (tenant, version) = (row.tenant.clone(), row.version);
        Self { tenant, version, is_retired: row.retired_at.is_some(), key: None, missing: None }
    }

    fn missing(row: &DataKeyRow, left_out: Option<LeftOut>) -> Self {
        let missing = Missing { row: row.clone(), left_out, turn: Arc::default() };
        Self { missing: Some(Arc::new(missing)), ..Self::bare(row) }
    }

    /// A key stays what it is. One that was left out is tried anew once its row has changed.
    fn serves(&self, row: &DataKeyRow) -> bool {
        self.key.is_some() || self.version == row.version
    }
}

impl Missing {
    /// To be held by whoever asks for the key. A first answer is waited for; afterwards what is known does, while somebody
    /// else asks again.
    pub(super) async fn turn(&self) -> Option<OwnedMutexGuard<()>> {
        match self.left_out {
            None => Some(Arc::clone(&self.turn).lock_owned().await),
            Some(_) => Arc::clone(&self.turn).try_lock_owned().ok(),
        }
    }

    /// A row that is damaged stays so until it is changed; whoever was asked may be back. A clock that was set back is
    /// not waited for.
    fn is_wanted(&self, every: Duration, now: Timestamp) -> bool {
        let Some(LeftOut { error, tried_at }) = &self.left_out else { return true };
        let since = now.remaining(*tried_at).max(tried_at.remaining(now));
        !error.is_damage() && since >= every
    }

    fn error(&self) -> VaultError {
        match &self.left_out {
            Some(left_out) => left_out.error.clone(),
            None => not_had(&self.row, KekError::NotAsked),
        }
    }
}

impl LeftOut {
    fn because(error: VaultError, row: &DataKeyRow, tried_at: Timestamp) -> Self {
        let tenant = row.tenant.as_deref().unwrap_or("everybody");
        tracing::error!(
            data_key = row.id, tenant, %error,
            "a data key is left out; nothing that it sealed opens until it can be had"
        );
        let error = match error {
            VaultError::NotNamed { .. } => named_nowhere(row),
            error => error,
        };
        Self { error, tried_at }
    }
}

fn not_had(row: &DataKeyRow, reason: KekError) -> VaultError {
    VaultError::Unwrap { key: row.id, kek: row.wrapped_by.clone(), reason: Box::new(reason) }
}

/// A list that names it may be on its way to this machine: nothing is given up for that.
fn named_nowhere(row: &DataKeyRow) -> VaultError {
    let reason = "neither the key file nor the configuration names it here".to_owned();
    not_had(row, KekError::NotConfigured(reason))
}

fn none_active() -> VaultError {
    let row = "all".to_owned();
    StoreError::Inconsistent { table: "data_keys", column: "activated_at", row }.into()
}

struct Bytes32;

impl KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}

/// A key-encryption key of the list.
pub(super) enum Kek {
    /// The list holds it.
    Local(Arc<LocalKey>),
    /// The list names it.
    External(KekName),
}

/// The key-encryption keys that are trusted.
pub(super) struct Wrapping {
    active: String,
    keks: Vec<(String, Kek)>,
    external: Option<ExternalKeys>,
}

impl Wrapping {
    pub(super) fn of(file: &KeyFile) -> Result<Self, VaultError> {
        let keks = file.keys().map_err(|error| VaultError::KeyFile(error.to_string()))?;
        let external = file.external().cloned();
        Ok(Self { active: file.active().to_owned(), keks, external })
    }

    /// With a way to the keys that are only named.
    pub(super) fn reaching(self, external: Option<ExternalKeys>) -> Self {
        Self { external, ..self }
    }

    /// The id of the key that wraps now.
    pub(super) fn active(&self) -> &str {
        &self.active
    }

    /// A new data key of this id, which nothing is sealed with yet.
    pub(super) async fn new_key(
        &self,
        id: u32,
        tenant: Option<&str>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<DataKeyRow, VaultError> {
        let data_key = Zeroizing::new(random_bytes::<32>(entropy));
        Ok(DataKeyRow {
            id,
            version: 1,
            wrapped_by: self.active.clone(),
            wrapped: self.wrap(id, tenant, &data_key, entropy).await?,
            key_check: Some(check_value(id, &data_key)?),
            tenant: tenant.map(str::to_owned),
            created_at: now,
            activated_at: None,
            retired_at: None,
            removed_at: None,
        })
    }

    /// A data key under the active key-encryption key.
    ///
    /// # Errors
    /// Those of [`Wrapping::wrap_for`].
    pub(super) async fn wrap(
        &self,
        id: u32,
        tenant: Option<&str>,
        data_key: &Key,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, VaultError> {
        let place = Place { data_key: id, kek: &self.active, tenant };
        self.wrap_for(&place, data_key, entropy).await
    }

    /// A data key under any of them.
    ///
    /// # Errors
    /// [`VaultError::Wrap`]. What was wrapped is unwrapped once, before anything is sealed with the key; and once for
    /// another row, where it must not unwrap: an older service ignores what it does not know, and binds nothing.
    async fn wrap_for(
        &self,
        place: &Place<'_>,
        data_key: &Key,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, VaultError> {
        let failed = |reason| {
            let kek = place.kek.to_owned();
            VaultError::Wrap { kek, reason: Box::new(reason) }
        };
        let kek = self.kek(place.kek).ok_or(VaultError::KeyMissing)?.map_err(failed)?;
        let wrapped = kek.wrap(data_key, place, entropy).await.map_err(failed)?;
        let again = kek.unwrap(&wrapped, place).await.map_err(failed)?;
        if !same_bytes(again.as_slice(), data_key.as_slice()) {
            return Err(failed(KekError::OtherKey));
        }
        let elsewhere = Place { data_key: place.data_key.wrapping_add(1), ..*place };
        match kek.unwrap(&wrapped, &elsewhere).await {
            Ok(_) => Err(failed(KekError::BindsNothing)),
            Err(error) if error.is_passing() => Err(failed(error)),
            Err(_) => Ok(wrapped),
        }
    }

    /// The data keys of these rows, several at a time.
    async fn unwrap_all<'r>(
        &self,
        rows: Vec<&'r DataKeyRow>,
    ) -> Vec<(&'r DataKeyRow, Result<Key, VaultError>)> {
        let one = |row: &'r DataKeyRow| async move { (row, self.unwrap(row).await) }.boxed();
        let unwrapping: Vec<BoxFuture<'_, _>> = rows.into_iter().map(one).collect();
        stream::iter(unwrapping).buffered(AT_A_TIME).collect().await
    }

    /// The data key of a row.
    ///
    /// # Errors
    /// [`VaultError::NotNamed`], [`VaultError::Unwrap`].
    pub(super) async fn unwrap(&self, row: &DataKeyRow) -> Result<Key, VaultError> {
        let failed = |reason| not_had(row, reason);
        let tenant = row.tenant.as_deref();
        let place = Place { data_key: row.id, kek: &row.wrapped_by, tenant };
        let not_named = || VaultError::NotNamed { key: row.id, kek: row.wrapped_by.clone() };
        let kek = self.kek(&row.wrapped_by).ok_or_else(not_named)?.map_err(failed)?;
        let key = kek.unwrap(&row.wrapped, &place).await.map_err(failed)?;
        let check = check_value(row.id, &key)?;
        match row.key_check {
            Some(known) if known != check => Err(failed(KekError::OtherKey)),
            _ => Ok(key),
        }
    }

    /// Whether a key-encryption key is trusted.
    pub(super) fn names(&self, id: &str) -> bool {
        self.keks.iter().any(|(known, _)| known == id)
    }

    /// `None` if nothing names it.
    fn kek(&self, id: &str) -> Option<Result<Arc<dyn KeyWrap>, KekError>> {
        let (_, kek) = self.keks.iter().find(|(known, _)| known == id)?;
        Some(match (kek, &self.external) {
            (Kek::Local(key), _) => Ok(Arc::clone(key) as Arc<dyn KeyWrap>),
            (Kek::External(name), Some(external)) => external.find(name),
            (Kek::External(_), None) => Err(KekError::NotConfigured(
                "keys that are kept elsewhere cannot be reached from here".to_owned(),
            )),
        })
    }
}

impl KeyFile {
    /// Whether a key-encryption key of the list is there and does what it must: it wraps and unwraps a key that
    /// nothing is sealed with.
    ///
    /// # Errors
    /// [`VaultError::KeyMissing`] if the list does not name it, [`VaultError::Wrap`] with what is wrong.
    pub async fn try_out(&self, kek: &str, entropy: &dyn Entropy) -> Result<(), VaultError> {
        let key = Zeroizing::new(random_bytes::<32>(entropy));
        let place = Place { data_key: 0, kek, tenant: None };
        Wrapping::of(self)?.wrap_for(&place, &key, entropy).await.map(drop)
    }
}

async fn make_first_key(
    wrapping: &Wrapping,
    store: &dyn Store,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<Vec<DataKeyRow>, VaultError> {
    let now = clock.now();
    let row =
        DataKeyRow { activated_at: Some(now), ..wrapping.new_key(1, None, now, entropy).await? };
    match store.add_data_key(row).await {
        // Another process was first: its key is the vault's.
        Ok(()) | Err(StoreError::Conflict) => Ok(store.data_keys().await?),
        Err(error) => Err(error.into()),
    }
}
