//! A token that does not end by itself, and was refused by an API: whether it lives still is the provider's to say.
//!
//! There is no other token to be had, and nothing to refresh. If the provider says that it is dead, its grant is
//! dead; if it lives, the API had another reason, and whoever asked comes again.

use super::exchange::Exchange;
use super::{RefreshFailure, later};
use crate::provider::Provider;
use crate::vault::Grant;

/// Whether all that a grant has is a token of this kind.
pub(super) fn is_all_of(grant: &Grant) -> bool {
    grant.is_lasting() && grant.tokens.refresh.is_none()
}

impl Exchange {
    /// Good if the provider says that the token is dead; otherwise why nothing more can be said.
    pub(super) async fn confirm_death(
        &self,
        provider: &Provider,
        grant: &Grant,
    ) -> Result<(), RefreshFailure> {
        let token = self.core.vault.open_access(grant)?.ok_or(RefreshFailure::Gone)?;
        match provider.is_alive(&self.core, &token).await {
            Ok(false) => Ok(()),
            Ok(true) | Err(_) => Err(later(Some(self.holds.hold(grant.id, None, self.now())))),
        }
    }
}
