//! What a refresh says about scopes: into the ledger and the events, with the grant itself.
//!
//! The grant's `scopes` follow the newest token, so that no job is handed one that does not open what it
//! asked for. The ledger believes that a scope is gone only when two refreshes in a row say so
//! ([`ScopeLedger`]); nothing of it is silent, the first answer is an event already.

use super::commit::event;
use super::exchange::Exchange;
use crate::id::RefreshId;
use crate::provider::Scopes;
use crate::store::{Committed, Event, EventKind, LeaseEnd, RefreshCommit, StoreError};
use crate::vault::{Grant, Narrowing, ScopeLedger};

impl Exchange {
    /// Writes a grant that a refresh has renewed. `had` is what the token before opened, and
    /// whether its grant was in doubt; `says` what the answer says its token opens, if it says anything.
    pub(super) async fn write_renewed(
        &self,
        renewed: Grant,
        (had, was_suspect): (&Scopes, bool),
        says: Option<&Scopes>,
        lease: Option<(RefreshId, LeaseEnd)>,
        outdates: bool,
    ) -> Result<Committed, StoreError> {
        let refreshed = [event(EventKind::TokenRefreshed, &renewed)];
        let recovered = was_suspect.then(|| event(EventKind::GrantRecovered, &renewed));
        let refreshed = refreshed.into_iter().chain(recovered);
        let Some(opens) = says else {
            let (scopes, events) = (Vec::new(), refreshed.collect());
            let commit = RefreshCommit { grant: renewed, scopes, events, lease, outdates };
            return self.core.store.commit_refresh(commit).await;
        };
        let mut ledger = ScopeLedger::new(self.core.store.scope_ledger(renewed.id).await?);
        let narrowing = ledger.refresh(had, opens, renewed.updated_at);
        let events = refreshed.chain(reports(&renewed, &narrowing)).collect();
        let scopes = ledger.into_changes();
        let commit = RefreshCommit { grant: renewed, scopes, events, lease, outdates };
        self.core.store.commit_refresh(commit).await
    }
}

/// One event for what is missing for the first time, and one for what is gone.
fn reports(grant: &Grant, narrowing: &Narrowing) -> impl Iterator<Item = Event> {
    let kinds = [
        (EventKind::ScopesNarrowed, &narrowing.doubted),
        (EventKind::ScopesRemoved, &narrowing.removed),
    ];
    kinds.into_iter().filter(|(_, scopes)| !scopes.is_empty()).map(|(kind, scopes)| {
        tracing::warn!(grant.id = %grant.id, %scopes, ?kind, "a refresh brings less than was given");
        Event { detail: Some(scopes.to_string()), ..event(kind, grant) }
    })
}
