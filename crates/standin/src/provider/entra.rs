//! Every way in which Microsoft's identity platform (v2.0) is not any other OpenID provider, apart from its tenants in
//! ID tokens (`verify/tenant.rs`).
//!
//! ```text
//! tenant = "organizations" ─▶ discovery at {base}/organizations/v2.0 ─ issuer is {base}/{tenantid}/v2.0, literally
//! tenant = "72f9…"         ─▶ discovery at {base}/72f9…/v2.0         ─ issuer is {base}/72f9…/v2.0
//! ```
//!
//! The subject is `sub`, which is another one for each application, and means nothing to anybody else. `oid` is the
//! same for every application of a tenant, so that two services could put together what they know, and it is there
//! only with the scope `profile`. The userinfo endpoint is never asked: it is at Microsoft Graph, on another host, and
//! says nothing that an ID token does not, least of all whether an address is verified.
//!
//! Sources: learn.microsoft.com/entra/identity-platform, v2-protocols-oidc, id-token-claims-reference, scopes-oidc.

use super::Scopes;
use super::token::{self, TokenError, TokenResponse};
use crate::http::Response;
use crate::verify::{TENANT_PLACEHOLDER, TenantId};

/// Where the platform is, national clouds aside.
pub const BASE_URL: &str = "https://login.microsoftonline.com";

/// The scope without which there is no refresh token.
const OFFLINE_ACCESS: &str = "offline_access";

/// The one tenant of all personal accounts.
const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// What the issuer has after the tenant.
const VERSION: &str = "/v2.0";

/// Whose accounts sign in: those of one tenant, or of some by an address for many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenants {
    /// As it stands in addresses: a tenant's id, `organizations`, `common` or `consumers`.
    authority: String,
    allowed: Vec<TenantId>,
}

/// Why there are no such tenants.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTenants {
    /// Something on the list is no tenant's id.
    #[error(
        "\"{0}\" is not the id of a tenant, such as \"72f988bf-86f1-41af-91ab-2d7cd011db47\"; domains and wildcards are none"
    )]
    Entry(String),
    /// An address for many, and no list.
    #[error(
        "missing: with tenant = \"{0}\" accounts of any tenant could sign in, and anybody can make a tenant; name the ids of those that may"
    )]
    Missing(String),
    /// A list that holds other tenants than the address has.
    #[error(
        "only accounts of {0} sign in with this `tenant`, so the list must name it and no other"
    )]
    Other(TenantId),
    /// An empty list.
    #[error("is empty, which would admit nobody; name the ids of the tenants that may sign in")]
    Empty,
    /// Neither a tenant's id nor a word for many.
    #[error(
        "\"{0}\" is neither the id of a tenant, such as \"72f988bf-86f1-41af-91ab-2d7cd011db47\", nor organizations, common or consumers; a domain can change hands, so it does not do"
    )]
    Tenant(String),
}

impl Tenants {
    /// The accounts that sign in at `tenant`: a tenant's id, or `organizations`, `common` or `consumers` with the
    /// ids of those that may. Upper and lower case of an id are the same.
    ///
    /// # Errors
    /// [`InvalidTenants`], by what is wrong. A word for many without a list is refused: it would admit the world.
    pub fn new(tenant: &str, allowed: Option<&[String]>) -> Result<Self, InvalidTenants> {
        let authority = tenant.to_ascii_lowercase();
        let only = match authority.as_str() {
            "organizations" | "common" => None,
            "consumers" => Some(id(PERSONAL)?),
            own => Some(id(own).map_err(|_| InvalidTenants::Tenant(tenant.to_owned()))?),
        };
        let is_word = authority.parse::<TenantId>().is_err();
        let allowed = match (allowed, &only) {
            (Some([]), _) => return Err(InvalidTenants::Empty),
            (Some(written), _) => written.iter().map(|text| id(text)).collect::<Result<_, _>>()?,
            (None, Some(only)) if !is_word => vec![only.clone()],
            (None, _) => return Err(InvalidTenants::Missing(authority)),
        };
        match only {
            Some(only) if allowed.iter().any(|one| *one != only) => {
                Err(InvalidTenants::Other(only))
            }
            _ => Ok(Self { authority, allowed }),
        }
    }

    /// The issuer at this address, as the discovery document must name it: for many, with the placeholder.
    #[must_use]
    pub fn issuer_at(&self, base_url: &str) -> String {
        let base = base_url.strip_suffix('/').unwrap_or(base_url);
        let tenant = match self.authority.as_str() {
            "organizations" | "common" => TENANT_PLACEHOLDER,
            "consumers" => PERSONAL,
            own => own,
        };
        format!("{base}/{tenant}{VERSION}")
    }

    /// Where the platform is, of an issuer that came from [`Tenants::issuer_at`].
    #[must_use]
    pub fn base_url(issuer: &str) -> &str {
        let tenant = issuer.strip_suffix(VERSION).and_then(|issuer| issuer.rsplit_once('/'));
        tenant.map_or(issuer, |(base, _)| base)
    }

    /// As it is configured: a tenant's id, or the word for many.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Whose accounts may sign in; never empty.
    #[must_use]
    pub fn allowed(&self) -> &[TenantId] {
        &self.allowed
    }

    /// Below which address the discovery document is.
    pub(super) fn published_at(&self, issuer: &str) -> String {
        format!("{}/{}{VERSION}", Self::base_url(issuer), self.authority)
    }

    /// The issuers of those who may sign in.
    pub(super) fn issuers(&self, issuer: &str) -> Vec<String> {
        self.allowed.iter().map(|tenant| tenant.issuer(issuer)).collect()
    }
}

fn id(text: &str) -> Result<TenantId, InvalidTenants> {
    text.to_ascii_lowercase().parse().map_err(|_| InvalidTenants::Entry(text.to_owned()))
}

/// What is asked at every sign-in: without `offline_access` nobody could be acted for.
pub(super) fn scopes_at_sign_in(configured: &Scopes) -> Scopes {
    configured.union(&scopes(OFFLINE_ACCESS))
}

/// Whom it may expect: a name to sign in with. It does not know a `sub` as one, and would put it into the field.
pub(super) fn login_hint(hint: &str) -> Option<&str> {
    hint.contains('@').then_some(hint)
}

/// Its answers list what opens an API. `openid` and `offline_access` open none and may be left out: the one is part of
/// every consent to a sign-in, the other was given where a refresh token came.
pub(super) fn read(response: &Response) -> Result<TokenResponse, TokenError> {
    let mut answer = token::read(response)?;
    let offline = answer.refresh_token.as_ref().map_or("", |_| OFFLINE_ACCESS);
    let unlisted = scopes("openid").union(&scopes(offline));
    answer.scopes = answer.scopes.map(|listed| listed.union(&unlisted));
    Ok(answer)
}

/// Of words that are scopes.
fn scopes(words: &str) -> Scopes {
    Scopes::parse(words).unwrap_or_default()
}
