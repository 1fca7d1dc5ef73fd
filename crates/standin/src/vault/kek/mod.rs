//! Key-encryption keys (KEK), wherever they are: what wraps data keys so that they can lie in the database.
//!
//! ```text
//! k1                     a key of the key file                       wraps here
//! env:NAME               a variable of the process                   wraps here
//! vault:MOUNT/KEY        a key of HashiCorp Vault's transit engine   asks Vault
//! gcpkms:projects/…      a key of Google Cloud KMS                   asks Google
//! awskms:arn:aws:kms:…   a key of AWS KMS                            asks AWS
//! ```
//!
//! A data key's row names the KEK that wraps it, but never decides which there are: only names of the key file or
//! of the configuration are followed. Whoever can write the database could otherwise have the service unwrap a
//! data key with a KEK of his own, and read what is sealed with it afterwards.
//!
//! Whatever is wrapped is bound to the row that it is for. A service is asked at the start, when a data key is made
//! and when the KEK changes, and for no token.

mod aws;
mod aws_credentials;
mod crc32c;
mod external;
mod google;
mod google_credentials;
mod kept;
mod local;
mod outbound;
mod sigv4;
#[cfg(test)]
pub(super) mod stand_in;
mod transit;

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use zeroize::Zeroizing;

pub use aws::AwsSettings;
pub use external::{Environment, ExternalKeys};
pub use google::GoogleSettings;
pub(super) use local::LocalKey;
pub use transit::{TransitSettings, VaultToken};

use super::Field;
use super::envelope::associated_data;
use super::keyring::Extracted;
use crate::entropy::Entropy;
use crate::http::HttpError;

/// A data key, in the clear.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// Wraps and unwraps data keys.
#[async_trait]
pub(super) trait KeyWrap: Send + Sync {
    /// The data key as its row keeps it.
    async fn wrap(
        &self,
        data_key: &Key,
        place: &Place<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, KekError>;

    /// What [`KeyWrap::wrap`] wrapped for the same place.
    async fn unwrap(&self, wrapped: &[u8], place: &Place<'_>) -> Result<Key, KekError>;
}

/// Which row a wrapped data key is for. In another one it does not unwrap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// The data key's id.
    pub(super) data_key: u32,
    /// The name of the KEK.
    pub(super) kek: &'a str,
    /// Whose data key it is.
    pub(super) tenant: Option<&'a str>,
}

impl Place<'_> {
    /// For services that take bytes.
    fn bytes(&self) -> Vec<u8> {
        let id = self.data_key.to_be_bytes();
        let parts = [id.as_slice(), self.kek.as_bytes()];
        let tenant = self.tenant.map(str::as_bytes);
        associated_data(Field::DataKey, &parts.into_iter().chain(tenant).collect::<Vec<_>>())
    }

    /// For services that take names and values. They are in the service's own log: nothing here is secret.
    fn pairs(&self) -> impl Iterator<Item = (&'static str, String)> {
        let tenant = self.tenant.map(|tenant| ("standin-tenant", tenant.to_owned()));
        std::iter::once(("standin-data-key", self.data_key.to_string())).chain(tenant)
    }
}

/// Why a data key was not wrapped or unwrapped. None of them quotes a key or a credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KekError {
    /// The service answers something else than it is known for.
    #[error("{host} gives an answer that cannot be used: {fault}")]
    Answer {
        /// Who.
        host: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// It unwraps for another row, too: whoever can write the rows could put one tenant's key in another's place.
    #[error(
        "it does not bind a data key to its row, and is not used; HashiCorp Vault does from version 1.13 on"
    )]
    BindsNothing,
    /// There is nothing to prove with who we are.
    #[error("{0}")]
    Credentials(String),
    /// It was wrapped by another key, or for another row.
    #[error(
        "the wrapped key was changed, belongs to another row, or was wrapped by another key of the same name"
    )]
    DoesNotUnwrap,
    /// It cannot be used for what it is for.
    #[error("the key in the key file, or in its variable, cannot seal anything")]
    DoesNotWrap,
    /// Nobody has asked for it yet.
    #[error("it is new here, and is being asked for; try again in a moment")]
    NotAsked,
    /// Something is missing that it takes to use this kind.
    #[error("{0}")]
    NotConfigured(String),
    /// It unwraps, to something else than what was made.
    #[error("it unwraps to another key than the one that was made: its check value is another one")]
    OtherKey,
    /// The service says no.
    #[error("{host} refuses it with status {status}: {words}")]
    Refused {
        /// Who.
        host: String,
        /// The status.
        status: u16,
        /// What it said.
        words: String,
    },
    /// The service is there and does not answer now.
    #[error("{host} is not available now (status {status}: {words}); try again when it is")]
    Unavailable {
        /// Who.
        host: String,
        /// The status.
        status: u16,
        /// What it said.
        words: String,
    },
    /// The service does not answer.
    #[error("{host} cannot be reached: {reason}; try again when it can")]
    Unreachable {
        /// Who.
        host: String,
        /// Why.
        reason: HttpError,
    },
    /// Whoever answers has not proved who it is, and was sent nothing.
    #[error(
        "{host} is not trusted: {reason}; for Vault, `keys.vault.ca_file` or VAULT_CACERT names the authority that \
         vouches for it"
    )]
    Untrusted {
        /// Who.
        host: String,
        /// Why.
        reason: HttpError,
    },
}

impl KekError {
    /// Whether it may be over in a while: whoever keeps the key does not answer now.
    pub(super) const fn is_passing(&self) -> bool {
        matches!(self, Self::NotAsked | Self::Unavailable { .. } | Self::Unreachable { .. })
    }

    /// Whether it is the row's fault, and not that of whoever was asked.
    pub(super) const fn is_damage(&self) -> bool {
        matches!(self, Self::DoesNotUnwrap | Self::OtherKey)
    }
}

/// The name of a KEK that is in no key file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KekName {
    name: String,
    kind: Kind,
}

/// What the name says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Aws { region: String, partition: String, arn: String },
    Environment(String),
    Google(String),
    Transit { mount: String, key: String, is_derived: bool },
}

/// Why a name is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKekName {
    /// It may name another key tomorrow.
    #[error(
        "`{0}` is an alias: once it is pointed at another key, nothing that the one before has wrapped would unwrap; name the \
         key itself, awskms:arn:…:key/ID, as `aws kms describe-key --key-id alias/…` says it"
    )]
    Alias(String),
    /// It names nothing.
    #[error(
        "`{0}` names no key-encryption key; it is one of env:NAME, vault:MOUNT/KEY (with ?derived for a derived key), \
         gcpkms:projects/…/locations/…/keyRings/…/cryptoKeys/… and awskms:arn:aws:kms:…:key/…"
    )]
    Nothing(String),
}

impl KekName {
    /// As it was written, and as rows have it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Whether it is a key of HashiCorp Vault.
    #[must_use]
    pub fn is_in_transit(&self) -> bool {
        matches!(self.kind, Kind::Transit { .. })
    }

    /// Whether `name` is meant to be one of these, and not a key of the key file.
    pub(super) fn is_meant_by(name: &str) -> bool {
        name.contains(':')
    }
}

impl fmt::Display for KekName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl FromStr for KekName {
    type Err = InvalidKekName;

    fn from_str(name: &str) -> Result<Self, InvalidKekName> {
        let invalid = || InvalidKekName::Nothing(name.to_owned());
        let (scheme, rest) = name.split_once(':').ok_or_else(invalid)?;
        let kind = match scheme {
            "awskms" if rest.contains(":alias/") => {
                return Err(InvalidKekName::Alias(name.to_owned()));
            }
            "awskms" => aws_key(rest),
            "env" => is_variable(rest).then(|| Kind::Environment(rest.to_owned())),
            "gcpkms" => is_google_key(rest).then(|| Kind::Google(rest.to_owned())),
            "vault" => transit_key(rest),
            _ => None,
        };
        Ok(Self { name: name.to_owned(), kind: kind.ok_or_else(invalid)? })
    }
}

fn is_plain(segment: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !segment.is_empty() && segment.chars().all(is_plain) && !segment.starts_with('.')
}

/// Variables with our own prefix are keys of the configuration.
fn is_variable(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(is_word) && !name.starts_with("STANDIN__")
}

/// `MOUNT/KEY`, where the mount may have several parts.
fn transit_key(rest: &str) -> Option<Kind> {
    let (path, is_derived) = match rest.split_once('?') {
        Some((path, "derived")) => (path, true),
        Some(_) => return None,
        None => (rest, false),
    };
    let (mount, key) = path.rsplit_once('/')?;
    let is_valid = mount.split('/').all(is_plain) && is_plain(key);
    is_valid.then(|| Kind::Transit { mount: mount.to_owned(), key: key.to_owned(), is_derived })
}

/// `projects/P/locations/L/keyRings/R/cryptoKeys/K`; a project may be of a domain (`example.com:app`).
fn is_google_key(name: &str) -> bool {
    const NOUNS: [&str; 4] = ["projects", "locations", "keyRings", "cryptoKeys"];
    let parts: Vec<&str> = name.split('/').collect();
    let is_named = |(noun, pair): (&str, &[&str])| {
        pair[0] == noun && pair[1].split(':').all(is_plain) && !pair[1].is_empty()
    };
    parts.len() == 8 && NOUNS.into_iter().zip(parts.chunks(2)).all(is_named)
}

/// `arn:PARTITION:kms:REGION:ACCOUNT:key/…`
fn aws_key(arn: &str) -> Option<Kind> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "kms", region, account, resource] = parts[..] else { return None };
    let (noun, key) = resource.split_once('/')?;
    let is_valid =
        [partition, region, account].into_iter().all(is_plain) && noun == "key" && is_plain(key);
    let [partition, region, arn] = [partition, region, arn].map(str::to_owned);
    is_valid.then_some(Kind::Aws { region, partition, arn })
}

/// What everybody may see of a data key: it tells whether two are the same one, and nothing else.
pub(super) fn check_value(id: u32, data_key: &Key) -> Result<[u8; 16], super::VaultError> {
    let mut value = [0; 16];
    let derived =
        Extracted::of(data_key).derive(&[b"key-check/".as_slice(), &id.to_be_bytes()].concat())?;
    value.copy_from_slice(&derived[..16]);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_mean_or_are_refused() {
        for name in [
            "env:STANDIN_KEK",
            "vault:transit/standin",
            "vault:platform/eu/transit/standin?derived",
            "gcpkms:projects/p-1/locations/europe-west1/keyRings/r/cryptoKeys/k",
            "gcpkms:projects/example.com:p/locations/global/keyRings/r/cryptoKeys/k",
            "awskms:arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "awskms:arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
        ] {
            assert_eq!(name.parse::<KekName>().unwrap().to_string(), name);
        }
        for wrong in [
            "",
            "k1",
            "env:",
            "env:A B",
            "env:STANDIN__KEYS__FILE",
            "vault:standin",
            "vault:/standin",
            "vault:transit/",
            "vault:transit/../sys",
            "vault:transit/a?derived=true",
            "gcpkms:projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
            "gcpkms:projects/p/locations/l/keyRings/r/cryptoKeys/",
            "gcpkms:projects/p/locations/l/keyrings/r/cryptoKeys/k",
            "awskms:alias/standin",
            "awskms:arn:aws:s3:eu-central-1:111122223333:key/1",
            "awskms:arn:aws:kms:evil.example/:1:key/1",
            "pkcs11:token=x",
        ] {
            let nothing = InvalidKekName::Nothing(wrong.to_owned());
            assert_eq!(wrong.parse::<KekName>().map(drop), Err(nothing));
        }
    }

    /// It may be pointed at another key, and always the alias would be asked.
    #[test]
    fn vc_14_an_alias_of_a_key_is_refused_and_it_is_said_what_to_name() {
        for alias in [
            "awskms:arn:aws:kms:eu-central-1:111122223333:alias/standin",
            "awskms:arn:aws-cn:kms:cn-north-1:111122223333:alias/standin/one",
        ] {
            let refused = alias.parse::<KekName>().map(drop);
            assert_eq!(refused, Err(InvalidKekName::Alias(alias.to_owned())));
            let words = refused.unwrap_err().to_string();
            assert!(words.contains("alias") && words.contains("key/ID"), "{words}");
        }
    }
}
