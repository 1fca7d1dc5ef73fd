//! The key file: the key-encryption keys (KEK), which must never be in the database or its backups.
//!
//! One of them is active: it wraps new data keys. The others only unwrap what they wrapped before, until
//! that is wrapped again. A key that is kept elsewhere ([`KekName`]) stands here by its name alone: the file is the
//! list of those that are trusted. It is changed as a whole, by a rename, so that whoever reads it finds the
//! old one or the new one.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::kek::{ExternalKeys, KekName, LocalKey};
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
    /// Another change is under way, or was cut off.
    #[error(
        "{0} is there: another process changes the key file, or was stopped while it did; remove it if none does"
    )]
    Busy(PathBuf),
    /// It is there already.
    #[error("key-encryption key `{0}` is in the key file already")]
    Known(String),
    /// The file cannot be read.
    #[error("the key file cannot be read: {0}")]
    Io(#[from] std::io::Error),
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
    Unwritable(std::io::Error),
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
        if file.key.iter().any(|key| key.secret.is_some()) {
            refuse_if_open_to_others(path, 0o077)?;
        }
        Ok(Self { path: Some(path.to_owned()), ..file })
    }

    /// Reads the file at `path`, changes it, and puts the result in its place, of the same owner. Nothing is
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
    /// Those of [`KeyFile::read`]; [`KeyFileError::Busy`] and [`KeyFileError::Unwritable`].
    pub fn lock(path: &Path) -> Result<LockedKeyFile, KeyFileError> {
        // Where links lead to the file, it is the file that is locked and replaced, and not the link.
        let path = fs::canonicalize(path)?;
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let draft = Draft { path: PathBuf::from(name), is_left: false };
        let file = match open_draft(&draft.path) {
            Ok(file) => file,
            Err(error) => {
                // It is another process's, or it was never made.
                draft.leave();
                return Err(error);
            }
        };
        let keys = Self::read(&path)?;
        Ok(LockedKeyFile { keys, path, draft, file })
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
            let bad = || KeyFileError::BadKey(written.id.clone());
            let key = written.key().ok_or_else(bad)?;
            if keys.iter().any(|(id, _)| *id == written.id) {
                return Err(bad());
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
    fn key(&self) -> Option<Kek> {
        match &self.secret {
            Some(secret) if !KekName::is_meant_by(&self.id) => {
                LocalKey::parse(secret).map(|key| Kek::Local(Arc::new(key)))
            }
            Some(_) => None,
            None => self.id.parse().ok().map(Kek::External),
        }
    }
}

fn open_draft(draft: &Path) -> Result<File, KeyFileError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(draft).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => KeyFileError::Busy(draft.to_owned()),
        _ => KeyFileError::Unwritable(error),
    })
}

/// A key file that nobody else can change: see [`KeyFile::lock`]. Dropped, it is free again, as it was.
#[derive(Debug)]
pub struct LockedKeyFile {
    keys: KeyFile,
    path: PathBuf,
    draft: Draft,
    file: File,
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
    /// [`KeyFileError::Unwritable`], and those of [`KeyFile::to_toml`]: the old file stands then.
    pub fn replace(self, keys: &KeyFile) -> Result<(), KeyFileError> {
        let Self { path, draft, mut file, .. } = self;
        let text = keys.to_toml()?;
        let written = keep_owner(&file, &path)
            .and_then(|()| file.write_all(text.as_bytes()))
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&draft.path, &path));
        written.map_err(KeyFileError::Unwritable)?;
        // From here on the name of the draft may be another process's.
        draft.leave();
        let flushed = path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all());
        if let Err(error) = flushed {
            tracing::warn!(%error, "the key file is changed; whether a power cut now would undo it is not known");
        }
        Ok(())
    }
}

/// The file that will take the other's place. That it is there keeps others from changing the same.
#[derive(Debug)]
struct Draft {
    path: PathBuf,
    is_left: bool,
}

impl Draft {
    fn leave(mut self) {
        self.is_left = true;
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_left {
            // What is left of it would only be in the way of the next change.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// An administrator who changes the file of a service must not lock the service out.
#[cfg(unix)]
fn keep_owner(file: &File, path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let (old, new) = (fs::metadata(path)?, file.metadata()?);
    if (old.uid(), old.gid()) == (new.uid(), new.gid()) {
        return Ok(());
    }
    std::os::unix::fs::fchown(file, Some(old.uid()), Some(old.gid()))
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &Path) -> std::io::Result<()> {
    Ok(())
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
