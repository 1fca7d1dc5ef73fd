//! What a provider publishes about the security events that it sends (`risc-configuration`).
//!
//! Google's members are its own, and its issuer is spelled here without the slash at the end that stands in
//! its tokens (developers.google.com/identity/protocols/risc; requirement RI-1).

use std::sync::Arc;

use serde::Deserialize;

use super::discovery::DiscoveryFault;
use super::document::{self, Document, Fetched};
use super::endpoint::{Endpoint, EndpointFault, Transport};
use super::jwks::JwksCache;
use crate::http::HttpClient;
use crate::json;
use crate::time::Clock;

/// How the provider's security events are known, and where their stream is managed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RiscConfiguration {
    /// Who issues the events.
    pub issuer: String,
    /// The keys that sign them.
    pub jwks_uri: Endpoint,
    /// Where a receiver is registered.
    pub update_endpoint: Option<Endpoint>,
    /// Where the stream's state is read.
    pub status_endpoint: Option<Endpoint>,
    /// Where a trial event is asked for.
    pub verification_endpoint: Option<Endpoint>,
}

/// As it is published.
#[derive(Deserialize)]
struct Published {
    issuer: String,
    jwks_uri: String,
    update_configuration_endpoint: Option<String>,
    get_status_endpoint: Option<String>,
    verification_endpoint: Option<String>,
}

impl RiscConfiguration {
    /// Reads the document.
    pub fn parse(text: &[u8], transport: Transport) -> Result<Self, DiscoveryFault> {
        let published: Published = json::object(text).ok_or(DiscoveryFault::Malformed)?;
        if published.issuer.is_empty() {
            return Err(DiscoveryFault::Malformed);
        }
        let endpoint = |address: &String| Endpoint::parse(address, transport);
        let optional = |address: &Option<String>| address.as_ref().map(endpoint).transpose();
        Ok(Self {
            jwks_uri: endpoint(&published.jwks_uri)?,
            update_endpoint: optional(&published.update_configuration_endpoint)?,
            status_endpoint: optional(&published.get_status_endpoint)?,
            verification_endpoint: optional(&published.verification_endpoint)?,
            issuer: published.issuer,
        })
    }
}

/// The document of one provider and the keys that it names, at hand.
#[derive(Debug)]
pub(super) struct RiscCache {
    issuer: String,
    transport: Transport,
    document: Document<RiscConfiguration, DiscoveryFault>,
    pub(super) keys: JwksCache,
}

impl RiscCache {
    pub(super) fn new(issuer: &str, transport: Transport) -> Self {
        let document = Document::new("risc-configuration");
        Self { issuer: issuer.to_owned(), transport, document, keys: JwksCache::new() }
    }

    pub(super) async fn get(
        &self,
        http: &dyn HttpClient,
        clock: &dyn Clock,
    ) -> Result<Arc<RiscConfiguration>, DiscoveryFault> {
        self.document.get(clock, |_| true, self.fetch(http)).await
    }

    async fn fetch(
        &self,
        http: &dyn HttpClient,
    ) -> Result<Fetched<RiscConfiguration>, DiscoveryFault> {
        let fetched = document::fetch(http, &self.address()?).await?;
        let document = RiscConfiguration::parse(&fetched.document, self.transport)?;
        Ok(Fetched { document, good_for: fetched.good_for })
    }

    fn address(&self) -> Result<Endpoint, EndpointFault> {
        let issuer = self.issuer.strip_suffix('/').unwrap_or(&self.issuer);
        Endpoint::parse(&format!("{issuer}/.well-known/risc-configuration"), self.transport)
    }
}
