//! A provider's keys, at hand: fetched when needed, kept while good, asked for again when a token names a
//! key that is not among them (OpenID Connect Core §10.1.1).

use std::sync::Arc;

use super::document::{self, Document, DocumentFault, Fetched};
use super::endpoint::Endpoint;
use crate::http::HttpClient;
use crate::time::Clock;
use crate::verify::{KeySet, KeySetFault};

/// Why there are no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysFault {
    /// The key set could not be fetched.
    #[error(transparent)]
    Document(#[from] DocumentFault),
    /// The key set holds no key that can verify an ID token.
    #[error("the key set holds no usable key")]
    Empty,
    /// The key set is no key set.
    #[error(transparent)]
    KeySet(#[from] KeySetFault),
}

/// The keys of one provider.
#[derive(Debug)]
pub struct JwksCache(Document<KeySet, KeysFault>);

impl Default for JwksCache {
    fn default() -> Self {
        Self::new()
    }
}

impl JwksCache {
    /// Nothing fetched yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Document::new("jwks"))
    }

    /// Whether there is a copy that has the key: then nothing is asked, unless the copy is old.
    pub(super) fn are_at_hand(&self, kid: Option<&str>) -> bool {
        self.0.copy().is_some_and(|keys| kid.is_none_or(|kid| keys.has_kid(kid)))
    }

    /// The keys, with the one that `kid` names if the provider publishes it. A name that is not among them
    /// costs one fetch, shared by all who wait, and then none until a cool-down has passed: whoever invents
    /// names can neither have the provider flooded nor keep a new key out for longer than that (requirement
    /// ID-17).
    pub async fn keys_for(
        &self,
        kid: Option<&str>,
        jwks_uri: &Endpoint,
        http: &dyn HttpClient,
        clock: &dyn Clock,
    ) -> Result<Arc<KeySet>, KeysFault> {
        let suits = |keys: &KeySet| kid.is_none_or(|kid| keys.has_kid(kid));
        self.0.get(clock, suits, fetch(http, jwks_uri)).await
    }
}

async fn fetch(http: &dyn HttpClient, jwks_uri: &Endpoint) -> Result<Fetched<KeySet>, KeysFault> {
    let fetched = document::fetch(http, jwks_uri).await?;
    let keys = KeySet::parse(&fetched.document)?;
    if keys.is_empty() {
        return Err(KeysFault::Empty);
    }
    Ok(Fetched { document: keys, good_for: fetched.good_for })
}

#[cfg(test)]
mod tests;
