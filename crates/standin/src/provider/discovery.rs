//! What a provider publishes about itself (OpenID Connect Discovery 1.0, RFC 8414).
//!
//! The issuer of the configuration goes in, and its document comes out with every address checked. Secrets
//! will be sent to these addresses, so the document is believed only if it names the very issuer it was
//! asked for, and a token endpoint, once seen, cannot move to another host while the process lives.

use std::sync::Arc;

use serde::Deserialize;

use super::answer::{AnswerForm, PublishedForms};
use super::document::{self, Document, DocumentFault, Fetched};
use super::endpoint::{Endpoint, EndpointFault, Transport};
use crate::http::HttpClient;
use crate::json;
use crate::time::Clock;

/// A provider's metadata, as far as it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Equal to the configured issuer, byte for byte.
    pub issuer: String,
    /// Where the browser goes to sign in.
    pub authorization_endpoint: Endpoint,
    /// Where codes and refresh tokens are sent.
    pub token_endpoint: Endpoint,
    /// Where the keys are; none at a provider that signs nothing.
    pub jwks_uri: Option<Endpoint>,
    /// Where a device without a browser begins (RFC 8628).
    pub device_authorization_endpoint: Option<Endpoint>,
    /// Where tokens are revoked (RFC 7009).
    pub revocation_endpoint: Option<Endpoint>,
    /// Where claims can be asked for with an access token.
    pub userinfo_endpoint: Option<Endpoint>,
    /// Where the browser goes to sign out there, too (OpenID Connect RP-Initiated Logout).
    pub end_session_endpoint: Option<Endpoint>,
    /// How it can be asked to answer.
    pub(super) forms: PublishedForms,
    /// Whether every callback carries `iss` (RFC 9207): then one without it is an attack.
    pub issuer_in_response: bool,
}

/// Why a provider's metadata cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryFault {
    /// The document could not be fetched.
    #[error(transparent)]
    Document(#[from] DocumentFault),
    /// An address in it, or the issuer itself, may not be talked to.
    #[error(transparent)]
    Endpoint(#[from] EndpointFault),
    /// It is another issuer's document.
    #[error("the discovery document names another issuer than the configuration")]
    IssuerMismatch,
    /// Not a JSON object with the members that are required.
    #[error("the discovery document is malformed or incomplete")]
    Malformed,
    /// An endpoint that is sent refresh tokens has moved to another host. Restart to accept it.
    #[error("the discovery document moves the token or revocation endpoint to another host")]
    Moved,
}

/// The document as it is published. A repeated member makes serde refuse it.
#[derive(Deserialize)]
struct Published {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    device_authorization_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    userinfo_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    response_types_supported: Option<Vec<String>>,
    response_modes_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// Reads a discovery document of this issuer.
    pub fn parse(text: &[u8], issuer: &str, transport: Transport) -> Result<Self, DiscoveryFault> {
        let published: Published = json::object(text).ok_or(DiscoveryFault::Malformed)?;
        if published.issuer != issuer {
            return Err(DiscoveryFault::IssuerMismatch);
        }
        let endpoint = |address: &String| Endpoint::parse(address, transport);
        let optional = |address: &Option<String>| address.as_ref().map(endpoint).transpose();
        Ok(Self {
            authorization_endpoint: endpoint(&published.authorization_endpoint)?,
            token_endpoint: endpoint(&published.token_endpoint)?,
            jwks_uri: Some(endpoint(&published.jwks_uri)?),
            device_authorization_endpoint: optional(&published.device_authorization_endpoint)?,
            revocation_endpoint: optional(&published.revocation_endpoint)?,
            userinfo_endpoint: optional(&published.userinfo_endpoint)?,
            end_session_endpoint: optional(&published.end_session_endpoint)?,
            forms: PublishedForms {
                response_types: published.response_types_supported,
                response_modes: published.response_modes_supported,
            },
            issuer_in_response: published.authorization_response_iss_parameter_supported,
            issuer: published.issuer,
        })
    }

    /// Whether the provider can be asked to answer in this form, as far as it says.
    pub(crate) fn allows(&self, form: AnswerForm) -> bool {
        self.forms.allow(form)
    }

    /// Whether refresh tokens would go where they went before (requirement RF-15).
    fn keeps_tokens_at(&self, pinned: &Self) -> bool {
        let revocation_stays = match (&pinned.revocation_endpoint, &self.revocation_endpoint) {
            (Some(before), Some(after)) => before.same_origin(after),
            _ => true,
        };
        pinned.token_endpoint.same_origin(&self.token_endpoint) && revocation_stays
    }
}

/// The metadata of one provider, at hand.
#[derive(Debug)]
pub struct MetadataCache {
    issuer: String,
    /// Below which address the document is: the issuer, mostly.
    published_at: String,
    transport: Transport,
    document: Document<Metadata, DiscoveryFault>,
}

impl MetadataCache {
    /// Nothing fetched yet.
    #[must_use]
    pub fn new(issuer: &str, transport: Transport) -> Self {
        Self::published_at(issuer, issuer, transport)
    }

    /// The same, of a document that is elsewhere than its issuer says.
    pub(super) fn published_at(address: &str, issuer: &str, transport: Transport) -> Self {
        Self {
            issuer: issuer.to_owned(),
            published_at: address.to_owned(),
            transport,
            document: Document::new("discovery"),
        }
    }

    /// The metadata: at hand, or fetched once for all who wait. An outage or a document that cannot be
    /// believed leaves the last good one in place.
    pub async fn get(
        &self,
        http: &dyn HttpClient,
        clock: &dyn Clock,
    ) -> Result<Arc<Metadata>, DiscoveryFault> {
        self.document.get(clock, |_| true, self.fetch(http)).await
    }

    async fn fetch(&self, http: &dyn HttpClient) -> Result<Fetched<Metadata>, DiscoveryFault> {
        let fetched = document::fetch(http, &self.address()?).await?;
        let metadata = Metadata::parse(&fetched.document, &self.issuer, self.transport)?;
        if let Some(pinned) = self.document.copy()
            && !metadata.keeps_tokens_at(&pinned)
        {
            tracing::warn!(
                issuer = self.issuer,
                pinned = %pinned.token_endpoint,
                published = %metadata.token_endpoint,
                "a provider moves the endpoint that is sent refresh tokens; the old one stays until restart"
            );
            return Err(DiscoveryFault::Moved);
        }
        Ok(Fetched { document: metadata, good_for: fetched.good_for })
    }

    /// `{issuer}/.well-known/openid-configuration`, without doubling a slash (Discovery §4.1).
    fn address(&self) -> Result<Endpoint, EndpointFault> {
        let below = self.published_at.strip_suffix('/').unwrap_or(&self.published_at);
        if below.contains('?') {
            return Err(EndpointFault::Malformed);
        }
        let address = format!("{below}/.well-known/openid-configuration");
        Endpoint::parse(&address, self.transport)
    }
}

#[cfg(test)]
mod tests;
