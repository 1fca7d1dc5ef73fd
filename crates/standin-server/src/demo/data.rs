//! The directory that a demo keeps from one run to the next. What is in it is its owner's alone.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use standin::entropy::SystemEntropy;
use standin::secret::ClientKey;
use standin::vault::KeyFile;
use standin::vend::new_client_key;

/// The directory, which exists.
#[derive(Clone, Debug)]
pub(super) struct Data(PathBuf);

/// What the app itself remembers, beside Standin's database.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Remembered {
    /// For whom the job runs.
    pub(super) people: Vec<String>,
    /// How far the demo's clock was ahead.
    pub(super) ahead_seconds: u64,
}

impl Data {
    /// Makes it, with a key for the vault, unless a run before has done so.
    pub(super) fn open(directory: &Path) -> anyhow::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        let data = Self(fs::canonicalize(directory)?);
        let keys = data.key_file();
        if !keys.exists() {
            let text = KeyFile::generate(&SystemEntropy).to_toml()?;
            write_private(&keys, text.as_bytes())?;
        }
        Ok(data)
    }

    pub(super) fn database_url(&self) -> String {
        format!("sqlite://{}", self.0.join("standin.db").display())
    }

    pub(super) fn key_file(&self) -> PathBuf {
        self.0.join("keys.toml")
    }

    /// The job's key at Standin: the stored one, or a new one.
    pub(super) fn client_key(&self) -> anyhow::Result<ClientKey> {
        let path = self.0.join("client.key");
        if let Some(text) = read(&path)? {
            return Ok(ClientKey::new(text.trim_end()));
        }
        let (key, _) = new_client_key(&SystemEntropy);
        write_private(&path, key.expose().as_bytes())?;
        Ok(key)
    }

    pub(super) fn remembered(&self) -> anyhow::Result<Remembered> {
        let path = self.memory();
        match read(&path)? {
            Some(text) => serde_json::from_str(&text)
                .with_context(|| format!("{} is not what a demo wrote", path.display())),
            None => Ok(Remembered::default()),
        }
    }

    pub(super) fn remember(&self, remembered: &Remembered) -> anyhow::Result<()> {
        write_private(&self.memory(), &serde_json::to_vec_pretty(remembered)?)
    }

    fn memory(&self) -> PathBuf {
        self.0.join("nightly-notes.json")
    }
}

fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Whole or not at all: a demo that is stopped while it writes finds the old file.
fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let draft = path.with_extension("new");
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&draft, path));
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_second_run_finds_what_the_first_left() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("demo");
        let first = Data::open(&directory).unwrap();
        let key = first.client_key().unwrap();
        let remembered = Remembered { people: vec!["usr_1".to_owned()], ahead_seconds: 7200 };
        first.remember(&remembered).unwrap();
        let second = Data::open(&directory).unwrap();
        assert_eq!(second.client_key().unwrap().expose(), key.expose());
        assert_eq!(second.remembered().unwrap().people, ["usr_1"]);
        KeyFile::read(&second.key_file()).unwrap();
    }

    #[test]
    fn is_its_owners_alone() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("demo");
        let data = Data::open(&directory).unwrap();
        data.client_key().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&data.key_file()), 0o600);
        assert_eq!(mode(&directory.join("client.key")), 0o600);
    }
}
