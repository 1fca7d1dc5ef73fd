//! The lease of a flight: taken unless there is an answer already, waited for, given back, or left for a while.

use std::time::Duration;

use tokio::time::Instant;

use super::super::lasting;
use super::super::protocol::{Event, Goal};
use super::super::{RefreshFailure, later};
use super::{Flight, PATIENCE, report};
use crate::measure;
use crate::store::{Claimed, RefreshClaim};
use crate::vault::GrantState;

/// How long a node may be the only one to ask: longer than any question, and than the commit after it.
const LEASE: Duration = Duration::from_secs(12);
/// By how much more than that two nodes that claim at the same time may take one to last.
const A_MOMENT: Duration = Duration::from_secs(1);

impl Flight<'_> {
    pub(super) async fn claim(
        &mut self,
        generation: u64,
        asks: bool,
    ) -> Result<Event, RefreshFailure> {
        // To a grant that was taken back nothing is brought: the lease is taken, so that it ends.
        let is_there = self.row.as_ref().is_some_and(|row| row.state != GrantState::Revoked);
        if !is_there || self.hand.is_some() {
            return self.take_lease(generation, asks).await;
        }
        match self.recall(generation).await {
            Ok(Event::Recalled(None)) => self.take_lease(generation, asks).await,
            // Nobody may spend a token for which there is an answer, and nobody else brings this one.
            Ok(found) => Ok(found),
            // Nor one whose answer does not open now; its lease goes to the end of the queue.
            Err(failure) if self.goal == Goal::Resolve => {
                let claimed = self.take_lease(generation, asks).await?;
                if !matches!(claimed, Event::Claimed { .. }) {
                    return Ok(claimed);
                }
                self.give_way(false).await;
                Err(failure)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn take_lease(&mut self, generation: u64, asks: bool) -> Result<Event, RefreshFailure> {
        if let (Goal::Token, true, Some(row)) = (self.goal, asks, &self.row) {
            // No lease for what may not be asked, or not now. Whoever resolves one takes it in any case: it must come
            // to an end also where nobody will ever ask again, and go to the end of the queue where its provider is in
            // trouble, so that it keeps no other's waiting.
            self.exchange.gate(row)?;
            self.exchange.admit(row)?;
            if !lasting::is_all_of(row) {
                self.exchange.key_of(row)?;
            }
        }
        let claimed_at = Instant::now();
        let now = self.exchange.core.now();
        let claim = RefreshClaim {
            grant: self.target.grant,
            attempt: self.attempt,
            generation,
            now,
            deadline: now.after(LEASE),
            asks,
        };
        let claimed = self.exchange.core.store.claim_refresh(claim).await;
        Ok(match self.available(claimed)? {
            None => Event::Unavailable,
            Some(Claimed::Held { wait }) => self.held(wait.saturating_sub(claimed_at.elapsed()))?,
            Some(Claimed::HeldOff { wait }) => self.held_off(wait)?,
            Some(Claimed::Ours { generation, unresolved, question, is_own }) => {
                if unresolved > 0 && !is_own {
                    measure::count(&measure::TAKEOVERS);
                }
                (self.claimed_at, self.has_asked) = (Some(claimed_at), false);
                self.is_record = unresolved > 0;
                Event::Claimed { generation, unresolved, question }
            }
        })
    }

    /// Nobody works under a lease for longer than one lasts: such a one rests, since its provider wants to be left alone.
    fn held(&self, wait: Duration) -> Result<Event, RefreshFailure> {
        if wait > LEASE + A_MOMENT { self.held_off(wait) } else { Ok(Event::Held) }
    }

    /// Nobody asks before that time is over. Whoever would not wait for so long is told so now, and not when they give up.
    fn held_off(&self, wait: Duration) -> Result<Event, RefreshFailure> {
        let is_too_long = self.began_at.elapsed() + wait > PATIENCE;
        if self.goal == Goal::Token && is_too_long {
            return Err(later(Some(wait)));
        }
        Ok(Event::Held)
    }

    pub(super) async fn release(&mut self) -> Event {
        self.claimed_at = None;
        let released =
            self.exchange.core.store.release_refresh(self.target.grant, self.attempt).await;
        report(released);
        Event::Done
    }

    pub(super) async fn give_way(&mut self, has_asked: bool) -> Event {
        self.claimed_at = None;
        let (core, grant, now) = (&self.exchange.core, self.target.grant, self.exchange.now());
        let due_in = self.exchange.holds.told(grant, now).unwrap_or_default();
        let due_in = due_in.min(self.exchange.longest_rest(self.row.as_ref()));
        report(core.store.yield_refresh(grant, self.attempt, now, due_in, has_asked).await);
        Event::Done
    }
}
