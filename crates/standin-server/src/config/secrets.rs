//! Secrets: written in place or in a file of their own, never both; and the file that Google gives out.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use standin::secret::ClientSecret;

use super::error::ConfigError;

/// A value and its `_file` twin: the one that is there.
pub(super) fn one_of(
    key: &str,
    value: Option<String>,
    file: Option<&str>,
    directory: &Path,
) -> Result<Option<String>, ConfigError> {
    let found = match (value, file) {
        (Some(_), Some(_)) => {
            let problem = "given twice, here and as its _file twin; keep one, so that nobody wonders which is in force";
            return Err(ConfigError::invalid(key, problem));
        }
        (Some(value), None) => value,
        // An editor's last line break is no part of a secret.
        (None, Some(file)) => read(&directory.join(file))?.trim_end().to_owned(),
        (None, None) => return Ok(None),
    };
    not_empty(key, Some(found))
}

/// A value, unless somebody meant to write one.
pub(super) fn not_empty(key: &str, value: Option<String>) -> Result<Option<String>, ConfigError> {
    match value {
        Some(value) if value.is_empty() => Err(ConfigError::invalid(
            key,
            "is empty; a variable or a file without content, perhaps",
        )),
        value => Ok(value),
    }
}

/// What a registration at a provider consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Our id there.
    pub client_id: String,
    /// Our secret there.
    pub client_secret: ClientSecret,
}

/// `client_secret_….json` as Google's console offers it, of a web or an installed application.
pub(super) fn google_json(key: &str, path: &Path) -> Result<Registration, ConfigError> {
    #[derive(Deserialize)]
    struct Downloaded {
        web: Option<Application>,
        installed: Option<Application>,
    }
    #[derive(Deserialize)]
    struct Application {
        client_id: String,
        client_secret: String,
    }
    let text = read(path)?;
    // The parser's words are left out, since they may quote the file.
    serde_json::from_str::<Downloaded>(&text)
        .ok()
        .and_then(|file| file.web.or(file.installed))
        .map(|application| Registration {
            client_id: application.client_id,
            client_secret: ClientSecret::new(application.client_secret),
        })
        .ok_or_else(|| {
            let problem = format!(
                "{} is not the client_secret_….json that Google's console offers for download: no `web` or `installed` with client_id and client_secret",
                path.display()
            );
            ConfigError::invalid(key, problem)
        })
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|reason| ConfigError::Unreadable { path: PathBuf::from(path), reason })
}
