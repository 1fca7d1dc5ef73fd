//! Which answers of the journal belong to the tokens that stand in a row, and which to some that its user has replaced.
//!
//! Generations count from the row: a backup that was restored counts anew, and what a user gives then may have a lower one
//! than an answer of before. What tells them apart is the token that was spent, and when they were asked for where that does
//! not stand in the row any more, or nobody noted it.

use std::time::Duration;

use super::exchange::Exchange;
use super::journal::JournalRecord;
use crate::store::StoreError;
use crate::time::Timestamp;
use crate::vault::{Grant, TraceHash};

/// The clocks of two nodes may be apart by so much.
const SKEW: Duration = Duration::from_mins(5);

impl Exchange {
    /// When the user gave the tokens that stand in the row, or those that they came of: whatever was asked for before is of
    /// others, however its generation counts. The beginning of time, where nothing says so, or where there are none.
    ///
    /// A sign-in that brings no refresh token is in the ledger, too; the tokens in the row are the older ones then.
    pub(super) async fn given_since(&self, grant: &Grant) -> Result<Timestamp, StoreError> {
        let Some(trace) = grant.tokens.trace else { return Ok(Timestamp::default()) };
        let ledger = self.core.store.scope_ledger(grant.id).await?;
        let asked_at = ledger.iter().filter_map(|record| record.requested_at).max();
        Ok(asked_at.unwrap_or_default().min(trace.given_at).before(SKEW))
    }

    /// The newest answer that the journal has for this generation of the grant or a later one. Those of tokens that its
    /// user has replaced are done with. They are revoked nowhere: some providers would take the new ones back with them.
    pub(super) async fn newest_kept(
        &self,
        grant: &Grant,
        generation: u64,
    ) -> Result<Option<JournalRecord>, StoreError> {
        let kept = self.journal.find(grant.id, generation);
        if kept.is_empty() {
            return Ok(None);
        }
        let (since, stands) = (self.given_since(grant).await?, token_of(grant));
        self.journal.outdate(grant.id, since, stands).await;
        Ok(kept.into_iter().find(|record| !record.is_outdated(since, stands)))
    }
}

/// By what the refresh token is recognised that stands in the row.
pub(super) fn token_of(grant: &Grant) -> Option<TraceHash> {
    grant.tokens.trace.map(|trace| trace.hash)
}
