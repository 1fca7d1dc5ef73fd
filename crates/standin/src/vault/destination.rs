//! Where a token that waits to be revoked may be sent: sealed in one piece with the token.
//!
//! A database's columns can be written by whoever can write the database. What decides where a live token
//! goes is therefore inside the seal: the provider, its issuer, our registration there, and the token
//! endpoint that was pinned when the token was given. The revocation endpoint that the provider publishes
//! on the day it is asked must be of the same origin as that endpoint or as the issuer.

use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use super::Grant;
use crate::secret::RefreshToken;
use crate::verify::ProviderId;

/// Where a token may be sent to be revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The provider.
    pub provider: ProviderId,
    /// Its issuer.
    pub issuer: String,
    /// Our registration there (`client_id`).
    pub provider_client: String,
    /// Where the token came from.
    pub token_endpoint: String,
}

/// As it is sealed. A member more or less is another format.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts<'a> {
    #[serde(borrow)]
    provider: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    issuer: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    provider_client: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    token_endpoint: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    token: std::borrow::Cow<'a, str>,
}

impl Destination {
    /// Of a grant's tokens.
    #[must_use]
    pub fn of(grant: &Grant) -> Self {
        Self {
            provider: grant.identity.provider.clone(),
            issuer: grant.identity.issuer.clone(),
            provider_client: grant.provider_client.clone(),
            token_endpoint: grant.token_endpoint.clone(),
        }
    }

    /// Whether a token may be sent to this revocation endpoint.
    #[must_use]
    pub fn allows(&self, endpoint: &Url) -> bool {
        let is_same_origin =
            |known: &str| Url::parse(known).is_ok_and(|known| known.origin() == endpoint.origin());
        is_same_origin(&self.token_endpoint) || is_same_origin(&self.issuer)
    }

    pub(super) fn with(&self, token: &RefreshToken) -> Option<Zeroizing<Vec<u8>>> {
        let parts = Parts {
            provider: self.provider.as_str().into(),
            issuer: self.issuer.as_str().into(),
            provider_client: self.provider_client.as_str().into(),
            token_endpoint: self.token_endpoint.as_str().into(),
            token: token.expose().into(),
        };
        serde_json::to_vec(&parts).ok().map(Zeroizing::new)
    }

    pub(super) fn and_token(plain: &[u8]) -> Option<(RefreshToken, Self)> {
        let parts: Parts<'_> = serde_json::from_slice(plain).ok()?;
        let destination = Self {
            provider: parts.provider.parse().ok()?,
            issuer: parts.issuer.into_owned(),
            provider_client: parts.provider_client.into_owned(),
            token_endpoint: parts.token_endpoint.into_owned(),
        };
        Some((RefreshToken::new(parts.token), destination))
    }
}
