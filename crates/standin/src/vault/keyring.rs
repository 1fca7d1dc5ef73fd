//! The key ring: key-encryption keys from a file, data keys from the database, keys per grant from both.
//!
//! The file holds what must never be in the database or its backups. It is read once, at start; the data
//! keys it unwraps live in memory, wiped when dropped. A vault that holds data keys and meets a file that
//! cannot unwrap them refuses to start: making new keys would make every stored token worthless.

use std::fmt;
use std::path::Path;

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::envelope::{self, Sealed, associated_data};
use super::{Field, VaultError};
use crate::entropy::{Entropy, random_bytes};
use crate::store::{DataKeyRow, Store, StoreError};
use crate::time::Clock;

type Key = Zeroizing<[u8; 32]>;

/// What a key file holds, as TOML.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    /// The id of the key that wraps new data keys.
    active: String,
    key: Vec<WrittenKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenKey {
    id: String,
    /// 32 bytes in base64.
    secret: String,
}

impl Drop for WrittenKey {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFile({} keys)", self.key.len())
    }
}

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The active key is not in the file.
    #[error("`active` names a key that is not in the file")]
    ActiveMissing,
    /// A key is not 32 bytes in base64, or two share an id.
    #[error("key `{0}` is not 32 bytes in base64, or its id stands twice")]
    BadKey(String),
    /// The file cannot be read.
    #[error("the key file cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// Others than its owner may read it (requirement VC-9).
    #[error("the key file can be read by others than its owner: chmod 600 it")]
    TooOpen,
    /// It is not TOML of this shape. The parser's words are left out, since they quote the file.
    #[error("the key file is not in the form that `standin init` writes")]
    Syntax,
}

impl KeyFile {
    /// A file with one new key.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let secret = BASE64.encode(Zeroizing::new(random_bytes::<32>(entropy)).as_ref());
        Self { active: "k1".into(), key: vec![WrittenKey { id: "k1".into(), secret }] }
    }

    /// Reads a file that only its owner can read.
    ///
    /// # Errors
    /// [`KeyFileError`], which never quotes the file.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        refuse_if_too_open(path)?;
        let text = Zeroizing::new(std::fs::read_to_string(path)?);
        toml::from_str(&text).map_err(|_| KeyFileError::Syntax)
    }

    /// The text to write. It is the vault's secret: 0600, and not into a log.
    #[must_use]
    pub fn to_toml(&self) -> Zeroizing<String> {
        let header = "# Standin's key-encryption keys. Whoever has this file and the database has every token.\n\
                      # Keep a copy apart from the database's backups: without it they are worthless.\n";
        let keys = Zeroizing::new(toml::to_string(self).unwrap_or_default());
        Zeroizing::new(format!("{header}{}", keys.as_str()))
    }

    fn keys(&self) -> Result<Vec<(String, Key)>, KeyFileError> {
        let mut keys: Vec<(String, Key)> = Vec::new();
        for written in &self.key {
            let bad = || KeyFileError::BadKey(written.id.clone());
            let bytes =
                Zeroizing::new(BASE64.decode(written.secret.as_bytes()).map_err(|_| bad())?);
            let key = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| bad())?;
            if keys.iter().any(|(id, _)| *id == written.id) {
                return Err(bad());
            }
            keys.push((written.id.clone(), Zeroizing::new(key)));
        }
        if keys.iter().any(|(id, _)| *id == self.active) {
            Ok(keys)
        } else {
            Err(KeyFileError::ActiveMissing)
        }
    }
}

#[cfg(unix)]
fn refuse_if_too_open(path: &Path) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt;
    match std::fs::metadata(path)?.permissions().mode() & 0o077 {
        0 => Ok(()),
        _ => Err(KeyFileError::TooOpen),
    }
}

#[cfg(not(unix))]
fn refuse_if_too_open(_: &Path) -> Result<(), KeyFileError> {
    Ok(())
}

/// The data keys, unwrapped and ready.
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
        let keks = file.keys().map_err(|error| VaultError::KeyFile(error.to_string()))?;
        let mut rows = store.data_keys().await?;
        if rows.is_empty() {
            rows = make_first_key(file, &keks, store, clock, entropy).await?;
        }
        let keys = rows.iter().map(|row| unwrap(row, &keks)).collect::<Result<Vec<_>, _>>()?;
        let active = rows.iter().map(|row| row.id).max().unwrap_or_default();
        Ok(Self { active, keys })
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
        let (_, data_key) =
            self.keys.iter().find(|(known, _)| *known == id).ok_or(VaultError::KeyMissing)?;
        derive(data_key, context)
    }
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

async fn make_first_key(
    file: &KeyFile,
    keks: &[(String, Key)],
    store: &dyn Store,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<Vec<DataKeyRow>, VaultError> {
    let (id, kek) = keks.iter().find(|(id, _)| *id == file.active).ok_or(VaultError::KeyMissing)?;
    let data_key = Zeroizing::new(random_bytes::<32>(entropy));
    let row_id = 1;
    let wrapped = envelope::seal(kek, row_id, &wrapping(row_id, id), data_key.as_ref(), entropy)?;
    let row = DataKeyRow {
        id: row_id,
        wrapped_by: id.clone(),
        wrapped: wrapped.as_bytes().to_vec(),
        created_at: clock.now(),
    };
    match store.add_data_key(row).await {
        // Another process was first: its key is the vault's.
        Ok(()) | Err(StoreError::Conflict) => Ok(store.data_keys().await?),
        Err(error) => Err(error.into()),
    }
}

fn unwrap(row: &DataKeyRow, keks: &[(String, Key)]) -> Result<(u32, Key), VaultError> {
    let (_, kek) =
        keks.iter().find(|(id, _)| *id == row.wrapped_by).ok_or(VaultError::KeyMissing)?;
    let sealed = Sealed::from_bytes(row.wrapped.clone());
    let plain = Zeroizing::new(envelope::open(kek, &wrapping(row.id, &row.wrapped_by), &sealed)?);
    let key = <[u8; 32]>::try_from(plain.as_slice()).map_err(|_| VaultError::UnknownFormat)?;
    Ok((row.id, Zeroizing::new(key)))
}

fn wrapping(id: u32, wrapped_by: &str) -> Vec<u8> {
    associated_data(Field::DataKey, &[&id.to_be_bytes(), wrapped_by.as_bytes()])
}
