//! Refreshing ahead: a token that is about to die is handed out, and its successor fetched meanwhile, so that nobody
//! has to wait for a provider, and a provider's bad minute is nobody's.

use std::sync::Arc;
use std::time::Duration;

use super::flight::Flight;
use super::protocol::Goal;
use super::spread::Share;
use super::{FreshToken, Need, Refresher, Target};
use crate::id::GrantId;
use crate::time::Timestamp;
use crate::vault::{Grant, GrantState};

/// The soft window is at least so long.
const LEAST: Duration = Duration::from_mins(1);
/// And otherwise one part in so many of the token's life.
const PART: u32 = 10;

/// A token's time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// When its row was last written: when it was given, or later.
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

impl Life {
    pub(super) fn of(grant: &Grant) -> Self {
        Self { from: grant.updated_at, until: grant.access_expires_at }
    }

    /// Whether it is time to fetch its successor, for a caller who would not take it with `min_ttl` left or less.
    ///
    /// The window ends where it is of no use to the caller any more, and begins for each grant a little later than
    /// for the others. It is never more than half of the time in which the token is of use, so that no token is
    /// replaced as soon as it has come.
    pub(super) fn is_nearly_over(self, grant: GrantId, min_ttl: Duration, now: Timestamp) -> bool {
        let life = self.until.remaining(self.from);
        let useful = life.saturating_sub(min_ttl);
        let window = (life / PART).max(LEAST).min(useful / 2);
        let left = self.until.remaining(now).saturating_sub(min_ttl);
        left <= window && left <= Share::of(grant).shortened(window)
    }
}

impl FreshToken {
    /// Whether it may be time to fetch its successor: then a caller who would not take it with `min_ttl` left or less
    /// is answered by [`Refresher`] and by nothing that was kept.
    pub(crate) fn is_nearly_over(&self, min_ttl: Duration, now: Timestamp) -> bool {
        let life = Life { from: self.issued_at, until: self.expires_at };
        life.is_nearly_over(self.grant, min_ttl, now)
    }
}

impl Refresher {
    /// Fetches a successor in the background, if it is time for that and nobody is kept waiting by it.
    pub(super) fn refresh_ahead(&self, grant: &Grant, need: Need) {
        let now = self.exchange.now();
        let is_due = Life::of(grant).is_nearly_over(grant.id, need.min_ttl, now);
        if !is_due || !self.may_be_ahead(grant, now) {
            return;
        }
        let Some(turn) = self.exchange.guard_of(grant).spare_turn(grant.id, now) else { return };
        let (exchange, is_leased) = (Arc::clone(&self.exchange), self.exchange.is_leased(grant));
        let target = Target { grant: grant.id, narrowed_to: None };
        // One that lives longer than what there is.
        let need = Need { min_ttl: grant.access_expires_at.remaining(now), stale: None };
        self.flights.launch(grant.id, || async move {
            let _turn = turn;
            let outcome = Flight::new(&exchange, &target, need, is_leased).fly(Goal::Token).await;
            (Some(target), need, outcome)
        });
    }

    /// Where a refresh ends the token that was just handed out, or may, it is left until somebody needs it.
    fn may_be_ahead(&self, grant: &Grant, now: Timestamp) -> bool {
        let profile = self.exchange.profile_of(grant);
        grant.state == GrantState::Active
            && grant.tokens.refresh.is_some()
            && !profile.refresh_ends_access_tokens.is_possible()
            && self.exchange.holds.remaining(grant.id, now).is_none()
            && !self.flights.is_flying(&grant.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(1000).after(Duration::from_secs(seconds))
    }

    /// The first second at which each of many grants is refreshed ahead.
    fn begins(life: u64, min_ttl: u64) -> Vec<u64> {
        let token = Life { from: at(0), until: at(life) };
        let is_over = |grant: u8, second: &u64| {
            let min_ttl = Duration::from_secs(min_ttl);
            token.is_nearly_over(GrantId::from_bytes([grant; 16]), min_ttl, at(*second))
        };
        (0..50).map(|grant| (0..=life).find(|second| is_over(grant, second)).unwrap()).collect()
    }

    #[test]
    fn an_hour_has_a_window_of_six_minutes_less_up_to_a_fifth() {
        let begins = begins(3600, 0);
        assert!(begins.iter().all(|second| (3240..=3312).contains(second)), "{begins:?}");
        let different: std::collections::BTreeSet<_> = begins.iter().collect();
        assert!(different.len() > 20, "{begins:?}");
    }

    #[test]
    fn the_window_ends_where_the_caller_s_patience_does() {
        let begins = begins(3600, 60);
        assert!(begins.iter().all(|second| (3180..=3252).contains(second)), "{begins:?}");
    }

    #[test]
    fn a_short_life_has_a_window_of_a_minute_and_never_more_than_half_of_it() {
        for (life, min_ttl, from, to) in
            [(300, 0, 240, 252), (300, 60, 180, 192), (90, 60, 15, 18), (60, 60, 0, 0)]
        {
            let begins = begins(life, min_ttl);
            assert!(begins.iter().all(|second| (from..=to).contains(second)), "{life}: {begins:?}");
        }
    }
}
