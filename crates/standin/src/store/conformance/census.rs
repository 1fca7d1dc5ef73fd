//! What is counted for operators is what there is.

use super::samples::{at, grant_id, refresh_id, revocation, sign_in};
use crate::store::{RefreshClaim, Store, Tally, Waiting};
use crate::vault::{Grant, GrantState};

/// Of an empty store nothing, and no state is left out.
pub async fn a_census_of_nothing_is_all_zeros(store: &dyn Store) {
    let nothing = GrantState::ALL.iter().map(|state| (*state, 0)).collect();
    let tally = Tally { grants: nothing, ..Tally::default() };
    assert_eq!(store.census(at(1_000)).await, Ok(tally));
}

/// Grants by state, what waits to be revoked, and leases that are over.
pub async fn a_census_counts_what_there_is(store: &dyn Store) {
    for number in 1..=4 {
        assert!(store.complete_sign_in(sign_in(number)).await.is_ok());
    }
    let states = [GrantState::Reauth, GrantState::Revoked, GrantState::Suspect];
    for (number, state) in (1..).zip(states) {
        let grant = sign_in(number).grant.unwrap();
        let refusals = u32::from(state != GrantState::Revoked);
        let changed = Grant { state, refusals, version: grant.version + 1, ..grant };
        assert_eq!(store.replace_grant(changed, None).await, Ok(()));
    }
    for number in [3, 1] {
        assert_eq!(store.queue_revocation(revocation(number)).await, Ok(()));
    }
    for number in [1, 2] {
        let (grant, attempt) = (grant_id(number), refresh_id(number));
        // Over by the clock of the store, whichever that is.
        let (now, deadline) = (at(1_000), at(0));
        let claim = RefreshClaim { grant, attempt, generation: 1, now, deadline, asks: true };
        assert!(store.claim_refresh(claim).await.is_ok());
    }

    let tally = store.census(at(1_000)).await.unwrap();

    assert_eq!(tally.grants, Tally::of_grants(4, &states.map(|state| (state, 1))));
    let queued = revocation(1).queued_at;
    assert_eq!(tally.revocations, Waiting { count: 2, oldest: Some(queued) });
    assert_eq!(tally.overdue_leases.count, 2);
    assert!(tally.overdue_leases.oldest.is_some());
}
