//! Tokens that open less than their grant, for callers who may not have all of it.
//!
//! They are found by grant, generation and scopes: a caller never meets a token that was narrowed for
//! another, and a new consent or a revocation, which both begin a new generation, leaves the old ones behind.

use moka::sync::Cache;

use super::FreshToken;
use crate::id::GrantId;
use crate::provider::Scopes;
use crate::vault::Grant;

/// So many are kept; the least used make room, and cost one more question to the provider.
const MAX_TOKENS: u64 = 100_000;

pub(super) struct NarrowTokens(Cache<(GrantId, u64, Scopes), FreshToken>);

impl NarrowTokens {
    pub(super) fn new() -> Self {
        Self(Cache::new(MAX_TOKENS))
    }

    pub(super) fn find(&self, grant: &Grant, scopes: &Scopes) -> Option<FreshToken> {
        let is_active = grant.state == crate::vault::GrantState::Active;
        is_active.then(|| self.0.get(&(grant.id, grant.generation, scopes.clone()))).flatten()
    }

    pub(super) fn keep(&self, grant: &Grant, scopes: &Scopes, token: FreshToken) {
        self.0.insert((grant.id, grant.generation, scopes.clone()), token);
    }
}
