//! `tenant`, `allow_tenants` and `base_url` of a provider of the kind `entra`.

use standin::http::AddressPolicy;
use standin::provider::{ENTRA_BASE_URL, InvalidTenants, ProviderKind, Tenants};

use super::address;
use super::error::ConfigError;
use super::provider::Keys;
use super::raw::RawProvider;

/// Whose accounts sign in.
pub(super) fn tenants(keys: &Keys, raw: &RawProvider) -> Result<Tenants, ConfigError> {
    let tenant = raw.tenant.as_deref().ok_or_else(|| {
        let problem = "missing; the id of your tenant or, with `allow_tenants`, organizations, common or consumers";
        keys.invalid("tenant", problem)
    })?;
    Tenants::new(tenant, raw.allow_tenants.as_deref()).map_err(|invalid| {
        let is_tenant = matches!(invalid, InvalidTenants::Tenant(_));
        keys.invalid(if is_tenant { "tenant" } else { "allow_tenants" }, invalid.to_string())
    })
}

/// Other providers have no tenants: whoever writes them there believes in a check that nobody makes.
pub(super) fn nowhere_else(
    keys: &Keys,
    kind: &ProviderKind,
    raw: &RawProvider,
) -> Result<(), ConfigError> {
    let written =
        [("tenant", raw.tenant.is_some()), ("allow_tenants", raw.allow_tenants.is_some())];
    match (kind, written.iter().find(|(_, is_written)| *is_written)) {
        (ProviderKind::Entra(_), _) | (_, None) => Ok(()),
        (_, Some((key, _))) => Err(keys.invalid(key, "only Entra has tenants; leave it out")),
    }
}

/// It follows from the tenant and from where the platform is.
pub(super) fn issuer(
    keys: &Keys,
    tenants: &Tenants,
    issuer: Option<&str>,
    base_url: Option<String>,
    policy: &AddressPolicy,
) -> Result<String, ConfigError> {
    if issuer.is_some() {
        let problem = "Entra's follows from its tenant; leave it out, or name a `base_url`";
        return Err(keys.invalid("issuer", problem));
    }
    let base_url = base_url.unwrap_or_else(|| ENTRA_BASE_URL.to_owned());
    let checked = address::issuer(&keys.name("base_url"), base_url, policy)?;
    Ok(tenants.issuer_at(&checked))
}
