//! Asking a provider for what it publishes, as a sign-in would, for an operator who wants to know whether one would
//! work.

use super::discovery::DiscoveryFault;
use super::jwks::KeysFault;
use super::{Provider, Publication};
use crate::http::HttpClient;
use crate::time::Clock;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probed {
    /// How many keys can verify its signatures; `None` at a provider that signs nothing.
    pub keys: Option<usize>,
}

/// Why nobody could sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeFault {
    /// The discovery document.
    #[error(transparent)]
    Discovery(#[from] DiscoveryFault),
    /// The keys that it names.
    #[error(transparent)]
    Keys(#[from] KeysFault),
}

impl Provider {
    /// Fetches the discovery document, which must name the configured issuer, and the keys that it names.
    ///
    /// # Errors
    /// The first thing that a sign-in would fail of.
    pub async fn probe(
        &self,
        http: &dyn HttpClient,
        clock: &dyn Clock,
    ) -> Result<Probed, ProbeFault> {
        let metadata = match &self.metadata {
            Publication::Discovered(cache) => cache.get(http, clock).await?,
            Publication::None(known) => known.clone().map_err(DiscoveryFault::from)?,
        };
        let Some(address) = &metadata.jwks_uri else { return Ok(Probed { keys: None }) };
        let keys = self.keys.keys_for(None, address, http, clock).await?;
        Ok(Probed { keys: Some(keys.len()) })
    }
}
