//! Who somebody is, once it has been proved.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::secret::sha256;

/// The name a provider has in the configuration and in URLs: `google`, `entra`, `my-idp`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ProviderId(String);

impl ProviderId {
    /// As it stands in URLs.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProviderId {
    type Err = InvalidProviderId;
    fn from_str(text: &str) -> Result<Self, InvalidProviderId> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let valid = (1..=32).contains(&text.len()) && text.bytes().all(allowed);
        valid.then(|| Self(text.to_owned())).ok_or(InvalidProviderId)
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ProviderId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A provider's name is not 1 to 32 lower-case letters, digits and hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a provider's id is 1 to 32 lower-case letters, digits and hyphens")]
pub struct InvalidProviderId;

/// How a provider knows a user: the only key a person is found by. E-mail is never part of it
/// (OpenID Connect Core §5.7; requirement ID-12).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Our name for the provider.
    pub provider: ProviderId,
    /// The issuer, in the one form that the configuration gives it.
    pub issuer: String,
    /// The provider's id of the user: up to 255 ASCII characters, compared byte by byte.
    pub subject: String,
}

impl Identity {
    /// By what a session recognises the identity that opened it, without naming it.
    #[must_use]
    pub fn hash(&self) -> IdentityHash {
        let Self { provider, issuer, subject } = self;
        // As below: no part but the last may hold a line break.
        IdentityHash(sha256(format!("identity\n{provider}\n{issuer}\n{subject}").as_bytes()))
    }
}

/// SHA-256 of an identity.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct IdentityHash(pub [u8; 32]);

impl fmt::Debug for IdentityHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityHash(…)")
    }
}

/// A session at the provider, recognised and not known: the hash of its issuer and `sid`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProviderSession(pub [u8; 32]);

impl ProviderSession {
    /// The session that this issuer calls `sid`. Two issuers may use one name for two sessions.
    #[must_use]
    pub fn of(provider: &ProviderId, issuer: &str, sid: &str) -> Self {
        // No part holds a line break: the id and the issuer by their form, and the rest is the rest.
        Self(sha256(format!("provider session\n{provider}\n{issuer}\n{sid}").as_bytes()))
    }
}

impl fmt::Debug for ProviderSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderSession(…)")
    }
}

/// What a provider says about a user: attributes, shown to people, deciding nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Mutable, and possibly not the provider's to vouch for.
    pub email: Option<String>,
    /// Only the boolean `true` counts.
    pub email_verified: bool,
    /// The full name.
    pub name: Option<String>,
    /// An https address of a picture.
    pub picture: Option<String>,
    /// The Workspace domain of a Google account. A *claim*: never taken from the request.
    pub hosted_domain: Option<String>,
}

/// Proof that a provider's signed ID token passed every check of [`verify`](super).
///
/// It cannot be made anywhere else: there is no public constructor and no way to change one. Sealing a
/// grant for somebody new and opening a session both ask for it, so neither can be done for a person whom
/// nobody has verified.
///
/// ```compile_fail
/// # use standin::verify::{Identity, Profile, VerifiedIdentity};
/// fn forge(identity: Identity, profile: Profile) -> VerifiedIdentity {
///     VerifiedIdentity { identity, profile }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedIdentity {
    identity: Identity,
    profile: Profile,
    left_out: LeftOut,
    provider_session: Option<ProviderSession>,
}

/// Which attributes nobody has mentioned, as opposed to those that are said to be none. One that is mentioned
/// and is not what it should be is not among them: it has been told, and badly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// The address, and with it whether it is verified.
    pub email: bool,
    /// The full name.
    pub name: bool,
    /// The picture.
    pub picture: bool,
}

impl LeftOut {
    /// `told`, with what it leaves out from `elsewhere`.
    #[must_use]
    pub fn filled(self, elsewhere: Profile, told: Profile) -> Profile {
        // An address and whether it is verified are one statement: they come from one place.
        let addressed = if self.email { &elsewhere } else { &told };
        Profile {
            email: addressed.email.clone(),
            email_verified: addressed.email_verified,
            name: if self.name { elsewhere.name } else { told.name },
            picture: if self.picture { elsewhere.picture } else { told.picture },
            hosted_domain: told.hosted_domain,
        }
    }
}

impl VerifiedIdentity {
    /// Called in one function, that of `proof.rs`.
    pub(super) fn new(
        identity: Identity,
        profile: Profile,
        left_out: LeftOut,
        session_id: Option<&str>,
    ) -> Self {
        let named = |sid| ProviderSession::of(&identity.provider, &identity.issuer, sid);
        let provider_session = session_id.map(named);
        Self { identity, profile, left_out, provider_session }
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What the ID token says about them.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The provider's session that they signed in with, where the ID token names it.
    pub(crate) fn provider_session(&self) -> Option<ProviderSession> {
        self.provider_session
    }

    /// What the ID token does not say about them.
    pub(crate) fn left_out(&self) -> LeftOut {
        self.left_out
    }
}
