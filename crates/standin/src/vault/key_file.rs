//! The key file: the key-encryption keys (KEK), which must never be in the database or its backups.
//!
//! One of them is active: it wraps new data keys. The others only unwrap what they wrapped before, until
//! that is wrapped again. A key that is kept elsewhere ([`KekName`]) stands here by its name alone: the file is the
//! list of those that are trusted. It is changed as a whole, by a rename, so that whoever reads it finds the
//! old one or the new one. Whoever changes it holds a lock of the old one, which goes with the process, however that ends.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::kek::{ExternalKeys, InvalidKekName, KekName, LocalKey};
use super::keyring::Kek;
use crate::entropy::{Entropy, random_bytes};

/// What a key file holds, as TOML.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    /// The id of the key that wraps new data keys.
    active: String,
    /// How many keys were ever made: a name is never given twice. Files without it count their keys.
    #[serde(default)]
    made: u32,
    key: Vec<WrittenKey>,
    /// Where it was read, and can be read again.
    #[serde(skip)]
    path: Option<PathBuf>,
    /// Where the keys are that it only names.
    #[serde(skip)]
    external: Option<ExternalKeys>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenKey {
    id: String,
    /// 32 bytes in base64; none if the key is kept elsewhere, and `id` says where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
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

/// Why a key file cannot be used, or not be changed so.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The active key is not in the file.
    #[error("`active` names a key that is not in the file")]
    ActiveMissing,
    /// A key is not 32 bytes in base64, a name without one leads nowhere, or two share an id.
    #[error(
        "key `{0}` is neither 32 bytes in base64 nor the name of a key that is kept elsewhere, or its id stands twice"
    )]
    BadKey(String),
    /// A key that is kept elsewhere is not named so that it can be followed.
    #[error(transparent)]
    BadName(#[from] InvalidKekName),
    /// Another change is under way.
    #[error(
        "another process is changing {0}, or wrapping a data key by it; try again once it is done"
    )]
    Busy(PathBuf),
    /// Others than its owner may read the file, and a key would be in it.
    #[error(
        "others than its owner may read the key file, which holds nothing but names so far: chmod 600 it before a key itself \
         comes into it, and see to it that it belongs to the service's user"
    )]
    Exposed,
    /// It is there already.
    #[error("key-encryption key `{0}` is in the key file already")]
    Known(String),
    /// The file cannot be read.
    #[error("the key file cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The active key cannot be taken out.
    #[error("`{0}` is the active key-encryption key: activate another one first")]
    IsActive(String),
    /// Others than its owner may read it (requirement VC-9), or, if it holds no secret, write it.
    #[error("the key file can be read or written by others than its owner: chmod 600 it")]
    TooOpen,
    /// It is not TOML of this shape. The parser's words are left out, since they quote the file.
    #[error("the key file is not in the form that `standin init` writes")]
    Syntax,
    /// No such key.
    #[error("there is no key-encryption key `{0}` in the key file")]
    Unknown(String),
    /// The changed file cannot be written; the old one stands as it was.
    #[error("the key file cannot be written: {0}")]
    Unwritable(io::Error),
}

impl KeyFileError {
    /// As it is said of a file that holds none yet.
    fn once_it_holds_a_secret(self) -> Self {
        match self {
            Self::TooOpen => Self::Exposed,
            error => error,
        }
    }
}

impl KeyFile {
    /// A file with one new key.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self { made: 1, ..Self::listing("k1", vec![WrittenKey::new("k1", entropy)]) }
    }

    /// A list without a file and without a secret: `first` wraps new data keys, `others` only unwrap.
    #[must_use]
    pub fn naming(first: &KekName, others: &[KekName]) -> Self {
        let keys = std::iter::once(first).chain(others).map(WrittenKey::naming);
        Self::listing(first.as_str(), keys.collect())
    }

    fn listing(active: &str, key: Vec<WrittenKey>) -> Self {
        Self { active: active.to_owned(), made: 0, key, path: None, external: None }
    }

    /// With a way to the keys that it only names.
    #[must_use]
    pub fn reaching(self, external: ExternalKeys) -> Self {
        Self { external: Some(external), ..self }
    }

    /// Reads a file that only its owner can read; one that holds no secret may be read by others, and written by
    /// nobody else all the same.
    ///
    /// # Errors
    /// [`KeyFileError`], which never quotes the file.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        refuse_if_open_to_others(path, 0o022)?;
        let text = Zeroizing::new(fs::read_to_string(path)?);
        let file: Self = toml::from_str(&text).map_err(|_| KeyFileError::Syntax)?;
        if file.holds_a_secret() {
            refuse_if_open_to_others(path, 0o077)?;
        }
        Ok(Self { path: Some(path.to_owned()), ..file })
    }

    fn holds_a_secret(&self) -> bool {
        self.key.iter().any(|key| key.secret.is_some())
    }

    /// Reads the file at `path`, changes it, and puts the result in its place, of the same owner and mode. Nothing is
    /// written if `change` fails. Only one process at a time gets that far.
    ///
    /// # Errors
    /// Those of [`KeyFile::lock`], of `change` and of [`LockedKeyFile::replace`].
    pub fn change<T>(
        path: &Path,
        change: impl FnOnce(&mut Self) -> Result<T, KeyFileError>,
    ) -> Result<T, KeyFileError> {
        let locked = Self::lock(path)?;
        let mut keys = locked.keys().clone();
        let made = change(&mut keys)?;
        locked.replace(&keys)?;
        Ok(made)
    }

    /// Reads the file at `path` and keeps others from changing it until the answer is dropped: whoever
    /// wraps a data key holds this until the row is written, so that no key is taken out meanwhile.
    ///
    /// # Errors
    /// Those of [`KeyFile::read`]; [`KeyFileError::Busy`].
    pub fn lock(path: &Path) -> Result<LockedKeyFile, KeyFileError> {
        // Where links lead to the file, it is the file that is locked and replaced, and not the link.
        let path = fs::canonicalize(path)?;
        // Over NFS only what may be written is locked; elsewhere it need not be.
        let lock = OpenOptions::new().read(true).write(true).open(&path);
        let lock = lock.or_else(|_| File::open(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(KeyFileError::Busy(path)),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        if !is_at(&lock, &path)? {
            // Another one took its place before it was locked.
            return Err(KeyFileError::Busy(path));
        }
        let keys = Self::read(&path)?;
        Ok(LockedKeyFile { keys, path, _lock: lock })
    }

    /// The text to write. It is the vault's secret: 0600, and not into a log.
    ///
    /// # Errors
    /// [`KeyFileError::Syntax`] if what would be written could not be read again.
    pub fn to_toml(&self) -> Result<Zeroizing<String>, KeyFileError> {
        let header = "# Standin's key-encryption keys. Whoever has these keys and the database has every token.\n\
                      # Keep a copy apart from the database's backups: without it they are worthless.\n";
        let keys = Zeroizing::new(toml::to_string(self).map_err(|_| KeyFileError::Syntax)?);
        let text = Zeroizing::new(format!("{header}{}", keys.as_str()));
        let again: Self = toml::from_str(&text).map_err(|_| KeyFileError::Syntax)?;
        again.keys()?;
        Ok(text)
    }

    /// The id of the key that wraps new data keys.
    #[must_use]
    pub fn active(&self) -> &str {
        &self.active
    }

    /// The ids of all keys, in the order of the file.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.key.iter().map(|key| key.id.as_str())
    }

    /// Adds a new key, which wraps nothing until it is activated. Its id: `k` and a number that none has had.
    pub fn add(&mut self, entropy: &dyn Entropy) -> String {
        let numbers = self.ids().filter_map(|id| id.strip_prefix('k')?.parse::<u32>().ok());
        let newest = numbers.fold(self.made, u32::max);
        self.made = newest.saturating_add(1);
        let id = format!("k{}", self.made);
        self.key.push(WrittenKey::new(&id, entropy));
        id
    }

    /// Adds a key that is kept elsewhere, which wraps nothing until it is activated.
    ///
    /// # Errors
    /// [`KeyFileError::Known`].
    pub fn add_external(&mut self, name: &KekName) -> Result<(), KeyFileError> {
        if self.known(name.as_str()).is_ok() {
            return Err(KeyFileError::Known(name.to_string()));
        }
        self.key.push(WrittenKey::naming(name));
        Ok(())
    }

    /// Makes a key the one that wraps new data keys.
    ///
    /// # Errors
    /// [`KeyFileError::Unknown`].
    pub fn activate(&mut self, id: &str) -> Result<(), KeyFileError> {
        self.known(id)?;
        id.clone_into(&mut self.active);
        Ok(())
    }

    /// Takes a key out.
    ///
    /// # Errors
    /// [`KeyFileError::Unknown`]; [`KeyFileError::IsActive`].
    ///
    /// # Security
    /// Whatever it still wraps is lost with it: [`Rotation::remove_kek`](super::Rotation::remove_kek) looks
    /// first. Backups of the database from before need the key file from before.
    pub fn remove(&mut self, id: &str) -> Result<(), KeyFileError> {
        self.known(id)?;
        if id == self.active {
            return Err(KeyFileError::IsActive(id.to_owned()));
        }
        self.key.retain(|key| key.id != id);
        Ok(())
    }

    /// Undoes [`KeyFile::remove`], with the key as it was `before`.
    pub(super) fn put_back(&mut self, before: &Self, id: &str) {
        let key = before.key.iter().filter(|key| key.id == id && self.known(id).is_err());
        let key: Vec<WrittenKey> = key.cloned().collect();
        self.key.extend(key);
    }

    fn known(&self, id: &str) -> Result<(), KeyFileError> {
        let is_known = self.ids().any(|known| known == id);
        is_known.then_some(()).ok_or_else(|| KeyFileError::Unknown(id.to_owned()))
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    pub(super) const fn external(&self) -> Option<&ExternalKeys> {
        self.external.as_ref()
    }

    pub(super) fn keys(&self) -> Result<Vec<(String, Kek)>, KeyFileError> {
        let mut keys: Vec<(String, Kek)> = Vec::new();
        for written in &self.key {
            let key = written.key()?;
            if keys.iter().any(|(id, _)| *id == written.id) {
                return Err(KeyFileError::BadKey(written.id.clone()));
            }
            keys.push((written.id.clone(), key));
        }
        if keys.iter().any(|(id, _)| *id == self.active) {
            Ok(keys)
        } else {
            Err(KeyFileError::ActiveMissing)
        }
    }
}

impl WrittenKey {
    fn new(id: &str, entropy: &dyn Entropy) -> Self {
        let secret = BASE64.encode(Zeroizing::new(random_bytes::<32>(entropy)).as_ref());
        Self { id: id.to_owned(), secret: Some(secret) }
    }

    fn naming(name: &KekName) -> Self {
        Self { id: name.to_string(), secret: None }
    }

    /// A name that leads elsewhere has no secret beside it, and every other one has.
    fn key(&self) -> Result<Kek, KeyFileError> {
        let bad = || KeyFileError::BadKey(self.id.clone());
        match (&self.secret, KekName::is_meant_by(&self.id)) {
            (Some(secret), false) => {
                let key = LocalKey::parse(secret).ok_or_else(bad)?;
                Ok(Kek::Local(Arc::new(key)))
            }
            (None, true) => Ok(Kek::External(self.id.parse()?)),
            _ => Err(bad()),
        }
    }
}

/// A key file that nobody else can change: see [`KeyFile::lock`]. Dropped, it is free again, as it was; so it is if the
/// process is killed.
#[derive(Debug)]
pub struct LockedKeyFile {
    keys: KeyFile,
    path: PathBuf,
    _lock: File,
}

impl LockedKeyFile {
    /// What the file holds.
    #[must_use]
    pub const fn keys(&self) -> &KeyFile {
        &self.keys
    }

    /// Puts these keys in the file's place.
    ///
    /// # Errors
    /// [`KeyFileError::Exposed`], [`KeyFileError::Unwritable`], and those of [`KeyFile::to_toml`]: the old file stands then.
    pub fn replace(self, keys: &KeyFile) -> Result<(), KeyFileError> {
        let text = keys.to_toml()?;
        if keys.holds_a_secret() {
            refuse_if_open_to_others(&self.path, 0o077)
                .map_err(KeyFileError::once_it_holds_a_secret)?;
        }
        let mut draft = self.path.as_os_str().to_owned();
        draft.push(".new");
        let written = write_draft(draft.as_ref(), text.as_bytes(), &self.path)
            .and_then(|()| fs::rename(&draft, &self.path));
        if let Err(error) = written {
            drop(fs::remove_file(&draft));
            return Err(KeyFileError::Unwritable(error));
        }
        let flushed = self.path.parent().map_or(Ok(()), |place| File::open(place)?.sync_all());
        if let Err(error) = flushed {
            tracing::warn!(%error, "the key file is changed; whether a power cut now would undo it is not known");
        }
        Ok(())
    }
}

/// Writes the file that will take the place of the one at `path`. Whoever has the lock is alone here: what is there
/// already was left by a process that was killed.
fn write_draft(draft: &Path, text: &[u8], path: &Path) -> io::Result<()> {
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(draft)?;
    file.write_all(text)?;
    keep_owner_and_mode(&file, path)?;
    file.sync_all()
}

/// An administrator who changes the file of a service must not lock the service out.
#[cfg(unix)]
fn keep_owner_and_mode(file: &File, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let (old, new) = (fs::metadata(path)?, file.metadata()?);
    if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
        std::os::unix::fs::fchown(file, Some(old.uid()), Some(old.gid()))?;
    }
    file.set_permissions(old.permissions())
}

#[cfg(not(unix))]
fn keep_owner_and_mode(_: &File, _: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether it is this file that is there.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (file, there) = (file.metadata()?, fs::metadata(path)?);
    Ok((file.dev(), file.ino()) == (there.dev(), there.ino()))
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

#[cfg(unix)]
fn refuse_if_open_to_others(path: &Path, how: u32) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt;
    match fs::metadata(path)?.permissions().mode() & how {
        0 => Ok(()),
        _ => Err(KeyFileError::TooOpen),
    }
}

#[cfg(not(unix))]
fn refuse_if_open_to_others(_: &Path, _: u32) -> Result<(), KeyFileError> {
    Ok(())
}
