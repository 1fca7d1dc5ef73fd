//! Tokens that open less than their grant, for callers who may not have all of it.
//!
//! They are found by grant, epoch and scopes: a caller never meets a token that was narrowed for another. A new
//! consent or a revocation begins a new generation and leaves the old ones behind. Where every refresh ends the
//! access tokens before it, so does every write of the row.

use moka::sync::Cache;

use super::FreshToken;
use crate::id::GrantId;
use crate::provider::{ProviderProfile, Scopes};
use crate::vault::Grant;

/// So many are kept; the least used make room, and cost one more question to the provider.
const MAX_TOKENS: u64 = 100_000;

pub(super) struct NarrowTokens(Cache<(GrantId, u64, Scopes), FreshToken>);

impl NarrowTokens {
    pub(super) fn new() -> Self {
        Self(Cache::new(MAX_TOKENS))
    }

    pub(super) fn find(
        &self,
        grant: &Grant,
        profile: &ProviderProfile,
        scopes: &Scopes,
    ) -> Option<FreshToken> {
        grant.is_live().then(|| self.0.get(&key(grant, profile, scopes))).flatten()
    }

    /// Keeps the token of a grant that was written, if at all, as it is here.
    pub(super) fn keep(
        &self,
        grant: &Grant,
        profile: &ProviderProfile,
        scopes: &Scopes,
        token: FreshToken,
    ) {
        self.0.insert(key(grant, profile, scopes), token);
    }
}

fn key(grant: &Grant, profile: &ProviderProfile, scopes: &Scopes) -> (GrantId, u64, Scopes) {
    let dies_of_a_refresh = profile.refresh_ends_access_tokens.is_certain();
    let epoch = if dies_of_a_refresh { grant.version } else { grant.generation };
    (grant.id, epoch, scopes.clone())
}
