//! Whose data key seals a grant: everybody's, or that of a tenant, which can be destroyed with all that it sealed.
//!
//! A grant needs no column for it: its ciphertext names its data key, and the key's row names the tenant. What a
//! grant's tenant is, is decided when somebody signs in, and stays until they do so again.

use url::Url;

use super::Grant;
use crate::verify::{Identity, Profile, TenantId};

/// By what tenants are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TenantRule {
    /// There are none: one data key seals for everybody.
    #[default]
    Off,
    /// Each provider is one, by its id.
    Provider,
    /// Each organisation is one: the Workspace domain of a Google account (`hd`), the tenant of one of Entra (`tid`).
    /// Whoever belongs to none shares everybody's key.
    Domain,
}

impl TenantRule {
    /// The tenant of an account: `profile` is what its provider has proved of it. `is_google` says whether the provider
    /// may name a Workspace domain: from another one the same claim is a word that somebody there has chosen.
    #[must_use]
    pub fn of(self, identity: &Identity, profile: &Profile, is_google: bool) -> Option<String> {
        let domain = || profile.hosted_domain.clone().filter(|_| is_google);
        match self {
            Self::Off => None,
            Self::Provider => Some(identity.provider.to_string()),
            Self::Domain => domain().or_else(|| directory(identity)),
        }
    }

    /// Whether a stored grant would be this tenant's, if its user signed in now. `profile` is what is known of them.
    #[must_use]
    pub fn would_be(self, tenant: &str, grant: &Grant, profile: &Profile, is_google: bool) -> bool {
        self.of(&grant.identity, profile, is_google).as_deref() == Some(tenant)
    }
}

/// Entra's issuers are one for each tenant: `https://login.microsoftonline.com/{tid}/v2.0`.
fn directory(identity: &Identity) -> Option<String> {
    let issuer = Url::parse(&identity.issuer).ok()?;
    let first = issuer.path_segments()?.next()?;
    first.parse::<TenantId>().ok().map(|tenant| tenant.to_string())
}

#[cfg(test)]
mod tests;
