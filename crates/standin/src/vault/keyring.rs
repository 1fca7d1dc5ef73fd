//! The key ring: data keys from the database, unwrapped by the key file, and keys per grant from both.
//!
//! Unwrapped keys live in memory, wiped when dropped. A vault that holds data keys and meets a file that
//! cannot unwrap them refuses to start: making new keys would make every stored token worthless.

use std::fmt;

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

use super::envelope::{self, Sealed, associated_data};
use super::{Field, KeyFile, VaultError, data_key};
use crate::entropy::{Entropy, random_bytes};
use crate::store::{DataKeyRow, Store, StoreError};
use crate::time::{Clock, Timestamp};

pub(super) type Key = Zeroizing<[u8; 32]>;

/// The data keys, unwrapped and ready.
#[derive(Clone)]
pub struct KeyRing {
    active: u32,
    keys: Vec<(u32, Key)>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({} data keys, {} active)", self.keys.len(), self.active)
    }
}

impl KeyRing {
    /// Unwraps the data keys of `store` with the keys of `file`; makes the first data key of an empty vault.
    ///
    /// # Errors
    /// [`VaultError::KeyMissing`] when a data key is wrapped by a key that the file does not hold,
    /// [`VaultError::DoesNotOpen`] when the file's key is another one under the same name: in both cases
    /// nothing is written.
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
        Self::of(&rows, |row| wrapping.unwrap(row))
    }

    /// The ring of these rows, each key as `unwrap` gives it; the keys that were removed are left out.
    pub(super) fn of(
        rows: &[DataKeyRow],
        mut unwrap: impl FnMut(&DataKeyRow) -> Result<Key, VaultError>,
    ) -> Result<Self, VaultError> {
        let live = rows.iter().filter(|row| row.removed_at.is_none());
        let keys = live.map(|row| Ok((row.id, unwrap(row)?))).collect::<Result<_, VaultError>>()?;
        let active = data_key::active(rows).ok_or_else(none_active)?.id;
        Ok(Self { active, keys })
    }

    /// With keys that `other` has and this one does not.
    pub(super) fn keeping(mut self, other: &Self, keeps: impl Fn(u32) -> bool) -> Self {
        let lost = other.keys.iter().filter(|(id, _)| self.find(*id).is_none() && keeps(*id));
        let lost: Vec<_> = lost.cloned().collect();
        self.keys.extend(lost);
        self
    }

    /// The id of the key that seals now.
    pub(super) const fn active(&self) -> u32 {
        self.active
    }

    /// A data key, if it is here.
    pub(super) fn find(&self, id: u32) -> Option<&Key> {
        self.keys.iter().find(|(known, _)| *known == id).map(|(_, key)| key)
    }

    /// The key that seals now, and its id, for the thing called `context`.
    pub(super) fn sealing_key(&self, context: &[u8]) -> Result<(u32, Key), VaultError> {
        Ok((self.active, self.key(self.active, context)?))
    }

    /// The key that `sealed` names, for the thing called `context`.
    pub(super) fn opening_key(&self, sealed: &Sealed, context: &[u8]) -> Result<Key, VaultError> {
        self.key(sealed.key_id()?, context)
    }

    fn key(&self, id: u32, context: &[u8]) -> Result<Key, VaultError> {
        derive(self.find(id).ok_or(VaultError::KeyMissing)?, context)
    }
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

/// HKDF-SHA256 (RFC 5869) without salt: the data key is uniformly random already.
fn derive(data_key: &Key, context: &[u8]) -> Result<Key, VaultError> {
    let mut key = Zeroizing::new([0; 32]);
    Salt::new(HKDF_SHA256, &[])
        .extract(data_key.as_ref())
        .expand(&[b"standin/v1/", context], Bytes32)
        .and_then(|okm| okm.fill(key.as_mut()))
        .map_err(|_| VaultError::DoesNotOpen)?;
    Ok(key)
}

/// The key-encryption keys of a file, decoded.
pub(super) struct Wrapping {
    active: String,
    keks: Vec<(String, Key)>,
}

impl Wrapping {
    pub(super) fn of(file: &KeyFile) -> Result<Self, VaultError> {
        let keks = file.keys().map_err(|error| VaultError::KeyFile(error.to_string()))?;
        Ok(Self { active: file.active().to_owned(), keks })
    }

    /// The id of the key that wraps now.
    pub(super) fn active(&self) -> &str {
        &self.active
    }

    /// A new data key of this id, which nothing is sealed with yet.
    pub(super) fn new_key(
        &self,
        id: u32,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<DataKeyRow, VaultError> {
        let data_key = Zeroizing::new(random_bytes::<32>(entropy));
        Ok(DataKeyRow {
            id,
            version: 1,
            wrapped_by: self.active.clone(),
            wrapped: self.wrap(id, &data_key, entropy)?,
            created_at: now,
            activated_at: None,
            retired_at: None,
            removed_at: None,
        })
    }

    /// A data key under the active key-encryption key.
    pub(super) fn wrap(
        &self,
        id: u32,
        data_key: &Key,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, VaultError> {
        let kek = self.kek(&self.active)?;
        let bound_to = wrapping(id, &self.active);
        let sealed = envelope::seal(kek, id, &bound_to, data_key.as_ref(), entropy)?;
        Ok(sealed.as_bytes().to_vec())
    }

    pub(super) fn unwrap(&self, row: &DataKeyRow) -> Result<Key, VaultError> {
        let kek = self.kek(&row.wrapped_by)?;
        let sealed = Sealed::from_bytes(row.wrapped.clone());
        let bound_to = wrapping(row.id, &row.wrapped_by);
        let plain = Zeroizing::new(envelope::open(kek, &bound_to, &sealed)?);
        let key = <[u8; 32]>::try_from(plain.as_slice()).map_err(|_| VaultError::UnknownFormat)?;
        Ok(Zeroizing::new(key))
    }

    fn kek(&self, id: &str) -> Result<&Key, VaultError> {
        let kek = self.keks.iter().find(|(known, _)| known == id);
        kek.map(|(_, key)| key).ok_or(VaultError::KeyMissing)
    }
}

async fn make_first_key(
    wrapping: &Wrapping,
    store: &dyn Store,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<Vec<DataKeyRow>, VaultError> {
    let now = clock.now();
    let row = DataKeyRow { activated_at: Some(now), ..wrapping.new_key(1, now, entropy)? };
    match store.add_data_key(row).await {
        // Another process was first: its key is the vault's.
        Ok(()) | Err(StoreError::Conflict) => Ok(store.data_keys().await?),
        Err(error) => Err(error.into()),
    }
}

fn wrapping(id: u32, wrapped_by: &str) -> Vec<u8> {
    associated_data(Field::DataKey, &[&id.to_be_bytes(), wrapped_by.as_bytes()])
}
