//! A token that does not end by itself, and was refused by an API: whether it lives still is the provider's to say.
//!
//! There is no other token to be had, and nothing to refresh. If the provider says that it is dead, its grant is
//! dead; if it lives, the API had another reason, and whoever asked comes again.

use super::exchange::{Exchange, Round};
use super::{RefreshFailure, later};
use crate::vault::{Grant, GrantState};

impl Exchange {
    pub(super) async fn look_after(&self, grant: Grant) -> Result<Round, RefreshFailure> {
        let now = self.core.now();
        match grant.state {
            GrantState::Active => {}
            GrantState::Reauth => {
                return Err(RefreshFailure::Dead(
                    grant.reason.unwrap_or(super::ReauthReason::Unknown),
                ));
            }
            GrantState::Revoked => return Err(RefreshFailure::Gone),
        }
        if let Some(wait) = self.holds.remaining(grant.id, now) {
            return Err(later(Some(wait)));
        }
        let provider = self.core.providers.get(&grant.identity.provider);
        let provider = provider.ok_or(RefreshFailure::Gone)?;
        let token = self.core.vault.open_access(&grant)?.ok_or(RefreshFailure::Gone)?;
        match provider.is_alive(&self.core, &token).await {
            Ok(false) => self.commit_death(grant).await,
            Ok(true) | Err(_) => Err(later(Some(self.holds.hold(grant.id, None, now)))),
        }
    }
}
