//! Tenants: one provider that is many issuers (Microsoft Entra ID).
//!
//! The issuer of the configuration holds a placeholder where each token has the id of its own tenant, or, for one
//! tenant, that id. A token's `tid` goes in; what comes out is the issuer of that very tenant, once it is known that
//! its accounts may sign in, that `iss` is that issuer byte for byte, and that the key was one of that tenant's.
//!
//! # Security
//! Whoever wants a tenant makes one, and signs in there as whomever they like, by signatures that are Microsoft's own.
//! So a signature says nothing without the tenant, and the tenant is one of a list.
//! Source: learn.microsoft.com/entra/identity-platform/access-tokens ("Validate the issuer", "Validate the signing key
//! issuer") and .../claims-validation.

use std::fmt;
use std::str::FromStr;

use super::claims::Claims;
use super::fault::IdTokenFault;
use super::id_token::Expected;
use super::jws::check_signature_by;
use super::key_set::KeySet;
use super::shown;
use super::strict_json::Value;
use super::unverified::UnverifiedIdToken;
use crate::receipt::{Fact, Receipt, rules};

/// What stands for the tenant in the issuer that is published for many, letter for letter.
pub(crate) const PLACEHOLDER: &str = "{tenantid}";

/// The lengths of a GUID's groups.
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

/// The id of a tenant: a GUID, in the lower case in which tokens have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TenantId(String);

/// Text that is no tenant's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tenant's id is a GUID in lower case, such as \"72f988bf-86f1-41af-91ab-2d7cd011db47\"")]
pub struct InvalidTenantId;

impl FromStr for TenantId {
    type Err = InvalidTenantId;
    fn from_str(text: &str) -> Result<Self, InvalidTenantId> {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let groups: Vec<&str> = text.split('-').collect();
        let is_guid = groups.iter().map(|group| group.len()).eq(GROUPS)
            && groups.iter().all(|group| group.bytes().all(is_hex));
        is_guid.then(|| Self(text.to_owned())).ok_or(InvalidTenantId)
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TenantId {
    /// As tokens have it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The issuer of this tenant, where `issuer` may hold the placeholder.
    pub(crate) fn issuer(&self, issuer: &str) -> String {
        issuer.replacen(PLACEHOLDER, &self.0, 1)
    }
}

/// Step 2 of OpenID Connect Core §3.1.3.7 where there are tenants: the issuer of the token's own tenant.
pub(super) fn check_issuer(
    token: &UnverifiedIdToken<'_>,
    keys: &KeySet,
    claims: &Claims<'_>,
    (expected, allowed): (&Expected<'_>, &[TenantId]),
    receipt: &mut Receipt,
) -> Result<String, IdTokenFault> {
    let tenant = allowed_tenant(claims, allowed, receipt)?;
    let issuer = tenant.issuer(expected.issuer);
    let holds = claims.iss.text() == Some(&issuer);
    receipt
        .check(rules::ISSUER, Fact::Issuer(&issuer), shown::issuer(&claims.iss), holds)
        .or(IdTokenFault::IssuerMismatch)?;
    // Keys of a set for many may say whose tokens they sign, for one tenant or for each.
    let is_of = |own: &str| tenant.issuer(own) == issuer;
    let signed = check_signature_by(token.jws(), keys, |key| key.issuer().is_none_or(is_of));
    receipt.fault(signed, shown::fault)?;
    Ok(issuer)
}

fn allowed_tenant<'t>(
    claims: &Claims<'_>,
    allowed: &'t [TenantId],
    receipt: &mut Receipt,
) -> Result<&'t TenantId, IdTokenFault> {
    let named = claims.tid.text().and_then(|tid| tid.parse::<TenantId>().ok());
    let found = allowed.iter().find(|tenant| Some(*tenant) == named.as_ref());
    let came = shown::compared(&claims.tid, found.is_some());
    let fault = named.map_or(IdTokenFault::TenantInvalid, |_| IdTokenFault::TenantRefused);
    receipt.check(rules::TENANT, "a tenant that may sign in", came, found.is_some()).or(fault)?;
    found.ok_or(fault)
}

/// Where it is said that an address is verified.
///
/// # Security
/// Whoever administers a tenant writes whatever they like into the `email` of its accounts, another company's
/// addresses, too ("nOAuth", 2023). `email_verified` is no claim of Microsoft's. `xms_edov` is: that the owner of the
/// address's domain has been verified. It is an optional claim which the registration must ask for; documented as a
/// boolean, so that nothing but `true` counts, no `1` and no text.
pub(super) fn email_verified<'c, 'de>(claims: &'c Claims<'de>) -> &'c Value<'de> {
    &claims.xms_edov
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_id_is_a_guid_in_lower_case() {
        let id = "72f988bf-86f1-41af-91ab-2d7cd011db47";
        assert_eq!(id.parse::<TenantId>().unwrap().as_str(), id);
        for wrong in [
            "",
            "common",
            "contoso.onmicrosoft.com",
            PLACEHOLDER,
            "72F988BF-86F1-41AF-91AB-2D7CD011DB47",
            "72f988bf86f141af91ab2d7cd011db47",
            "72f988bf-86f1-41af-91ab-2d7cd011db4",
            "72f988bf-86f1-41af-91ab-2d7cd011db47-",
            "{72f988bf-86f1-41af-91ab-2d7cd011db47}",
            "72f988bg-86f1-41af-91ab-2d7cd011db47",
        ] {
            assert_eq!(wrong.parse::<TenantId>(), Err(InvalidTenantId), "{wrong}");
        }
    }

    #[test]
    fn the_placeholder_stands_for_the_tenant_and_an_issuer_without_it_stays() {
        let tenant: TenantId = "72f988bf-86f1-41af-91ab-2d7cd011db47".parse().unwrap();
        let own = "https://login.example/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0";
        assert_eq!(tenant.issuer("https://login.example/{tenantid}/v2.0"), own);
        assert_eq!(tenant.issuer(own), own);
        assert_eq!(tenant.issuer("https://login.example/{tenantId}/v2.0").find('{'), Some(22));
    }
}
