//! `[keys]`: where the key-encryption keys are, and how those are reached that are kept elsewhere.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use standin::vault::{KekName, KeyFile, TenantRule};
use url::Url;

use super::error::{ConfigError, did_you_mean};
use super::raw::{RawKeys, RawVault};
use super::{address, secrets};

/// Which key-encryption keys there are, and how they are reached.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Which.
    pub list: KeyList,
    /// Whose tokens have data keys of their own.
    pub tenants: TenantRule,
    /// HashiCorp Vault, as far as it is configured here.
    pub vault: Vault,
    /// Another address of Google Cloud KMS.
    pub google_endpoint: Option<Url>,
    /// The key file of a service account of Google's.
    pub google_credentials: Option<PathBuf>,
    /// Another address of AWS KMS.
    pub aws_endpoint: Option<Url>,
}

/// Where the list of key-encryption keys is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyList {
    /// In a key file, where commands can change it while the service runs.
    File(PathBuf),
    /// Here. The first wraps.
    Named(KekName, Vec<KekName>),
}

/// HashiCorp Vault. What is not given may be in the variables that Vault's own programs read.
#[derive(Clone, Debug, Default)]
pub struct Vault {
    /// Its address.
    pub address: Option<Url>,
    /// Its token.
    pub token: Option<SecretString>,
    /// A file that holds its token.
    pub token_file: Option<PathBuf>,
    /// The namespace.
    pub namespace: Option<String>,
    /// Certificates of the authorities that vouch for it.
    pub ca_file: Option<PathBuf>,
}

impl Keys {
    /// Those of a key file, and nothing else.
    #[must_use]
    pub fn in_file(path: PathBuf) -> Self {
        Self {
            list: KeyList::File(path),
            tenants: TenantRule::Off,
            vault: Vault::default(),
            google_endpoint: None,
            google_credentials: None,
            aws_endpoint: None,
        }
    }

    /// The key file, if there is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.list {
            KeyList::File(path) => Some(path),
            KeyList::Named(..) => None,
        }
    }

    /// Reads the list. A key file must be its owner's alone (requirement VC-9).
    pub fn read(&self) -> Result<KeyFile, ConfigError> {
        match &self.list {
            KeyList::Named(first, others) => Ok(KeyFile::naming(first, others)),
            KeyList::File(path) => KeyFile::read(path).map_err(|error| {
                ConfigError::invalid("keys.file", format!("{}: {error}", path.display()))
            }),
        }
    }
}

pub(super) fn resolve(raw: RawKeys, directory: &Path) -> Result<Keys, ConfigError> {
    Ok(Keys {
        list: list(raw.file, &raw.kek, directory)?,
        tenants: tenants(&raw.per_tenant)?,
        vault: vault(raw.vault, directory)?,
        google_endpoint: endpoint("keys.google.endpoint", raw.google.endpoint)?,
        google_credentials: path(
            "keys.google.credentials_file",
            raw.google.credentials_file,
            directory,
        )?,
        aws_endpoint: endpoint("keys.aws.endpoint", raw.aws.endpoint)?,
    })
}

fn list(file: Option<String>, keks: &[String], directory: &Path) -> Result<KeyList, ConfigError> {
    let named = keks.iter().map(|name| name.parse::<KekName>());
    let named: Vec<KekName> = named
        .collect::<Result<_, _>>()
        .map_err(|error| ConfigError::invalid("keys.kek", error.to_string()))?;
    match (path("keys.file", file, directory)?, named.split_first()) {
        (Some(file), None) => Ok(KeyList::File(file)),
        (None, Some((first, others))) if named.iter().all(|name| once(name, &named)) => {
            Ok(KeyList::Named(first.clone(), others.to_vec()))
        }
        (None, Some(_)) => Err(ConfigError::invalid("keys.kek", "names a key twice")),
        (Some(_), Some(_)) => Err(ConfigError::invalid(
            "keys.kek",
            "given beside keys.file; keep one, so that nobody wonders which is in force (a key file may name such keys: standin keys add --kek NAME)",
        )),
        (None, None) => Err(ConfigError::invalid(
            "keys.file",
            "missing; name the key file that `standin init` made, such as \"/etc/standin/keys.toml\"",
        )),
    }
}

/// The rules by their words.
const RULES: [(&str, TenantRule); 3] =
    [("off", TenantRule::Off), ("provider", TenantRule::Provider), ("domain", TenantRule::Domain)];

fn tenants(written: &str) -> Result<TenantRule, ConfigError> {
    let found = RULES.into_iter().find(|(word, _)| *word == written);
    found.map(|(_, rule)| rule).ok_or_else(|| {
        let hint = did_you_mean(written, RULES.map(|(word, _)| word));
        let problem = format!("\"{written}\" is none of off, provider and domain{hint}");
        ConfigError::invalid("keys.per_tenant", problem)
    })
}

/// A rule, as it is written.
pub(super) fn word(rule: TenantRule) -> &'static str {
    RULES.into_iter().find(|(_, known)| *known == rule).map_or("off", |(word, _)| word)
}

fn once(name: &KekName, all: &[KekName]) -> bool {
    all.iter().filter(|other| *other == name).count() == 1
}

fn vault(raw: RawVault, directory: &Path) -> Result<Vault, ConfigError> {
    if raw.token.is_some() && raw.token_file.is_some() {
        let problem = "given twice, here and as its _file twin; keep one, so that nobody wonders which is in force";
        return Err(ConfigError::invalid("keys.vault.token", problem));
    }
    let token = secrets::one_of("keys.vault.token", raw.token, None, directory)?;
    Ok(Vault {
        address: endpoint("keys.vault.address", raw.address)?,
        token: token.map(SecretString::from),
        token_file: path("keys.vault.token_file", raw.token_file, directory)?,
        namespace: secrets::not_empty("keys.vault.namespace", raw.namespace)?,
        ca_file: path("keys.vault.ca_file", raw.ca_file, directory)?,
    })
}

fn path(
    key: &str,
    written: Option<String>,
    directory: &Path,
) -> Result<Option<PathBuf>, ConfigError> {
    Ok(secrets::not_empty(key, written)?.map(|file| directory.join(file)))
}

/// An origin to which keys and credentials may be sent.
fn endpoint(key: &str, written: Option<String>) -> Result<Option<Url>, ConfigError> {
    written.map(|written| origin(key, &written)).transpose()
}

/// As [`endpoint`]; `key` says who gave it.
pub(crate) fn origin(key: &str, written: &str) -> Result<Url, ConfigError> {
    let wrong = |problem: &str| ConfigError::invalid(key, problem);
    let url = Url::parse(written).map_err(|error| wrong(&format!("is not a URL ({error})")))?;
    if url.path() != "/" || url.query().is_some() || !url.username().is_empty() {
        return Err(wrong("must be scheme, host and port only"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if address::is_loopback(&url) => Ok(url),
        _ => Err(wrong("must be https: keys are sent there; http is for a loopback address only")),
    }
}
