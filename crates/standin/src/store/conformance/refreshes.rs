//! A lease is one attempt's, and goes with what it was taken for.

use std::time::Duration;

use super::in_parallel;
use super::samples::{at, google, grant, grant_id, next, refresh_id, sign_in};
use crate::store::{
    Claimed, Committed, Event, EventKind, LeaseEnd, RefreshClaim, RefreshCommit, Store,
};
use crate::vault::{Grant, GrantState};

const LEASE: Duration = Duration::from_secs(12);
const AT_ONCE: Duration = Duration::ZERO;

/// A claim of attempt `number` on the first grant, at `ms`.
fn claim(number: u64, generation: u64, ms: u64) -> RefreshClaim {
    RefreshClaim {
        grant: grant_id(1),
        attempt: refresh_id(number),
        generation,
        now: at(ms),
        deadline: at(ms).after(LEASE),
        asks: true,
    }
}

/// Takes the lease: for which generation, how many at it had no answer, the number of the newest question. `None` if
/// somebody has it.
async fn take(store: &dyn Store, claim: RefreshClaim) -> Option<(u64, u32, u64)> {
    match store.claim_refresh(claim).await.unwrap() {
        Claimed::Ours { generation, unresolved, question, .. } => {
            Some((generation, unresolved, question))
        }
        Claimed::Held { .. } | Claimed::HeldOff { .. } => None,
    }
}

/// The same, without the number, which may be a time.
async fn counted(store: &dyn Store, claim: RefreshClaim) -> Option<(u64, u32)> {
    take(store, claim).await.map(|(generation, unresolved, _)| (generation, unresolved))
}

/// To bring an answer that is there.
fn bring(number: u64, generation: u64, ms: u64) -> RefreshClaim {
    RefreshClaim { asks: false, ..claim(number, generation, ms) }
}

fn is_held(claimed: &Claimed) -> bool {
    is_held_for(claimed, LEASE)
}

/// The clock of the store may be its own: what is said here is only how long a lease is.
fn is_held_for(claimed: &Claimed, time: Duration) -> bool {
    const SLOW: Duration = Duration::from_secs(10);
    matches!(claimed, Claimed::Held { wait } if wait.abs_diff(time) < SLOW)
}

async fn signed_in(store: &dyn Store) -> Grant {
    store.complete_sign_in(sign_in(1)).await.unwrap();
    grant(1)
}

fn commit(grant: Grant, lease: Option<(u64, LeaseEnd)>) -> RefreshCommit {
    let event = Event { grant: Some(grant.id), ..Event::new(EventKind::TokenRefreshed, at(9)) };
    let lease = lease.map(|(attempt, end)| (refresh_id(attempt), end));
    RefreshCommit { grant, scopes: Vec::new(), events: vec![event], lease, outdates: false }
}

/// However many ask.
pub async fn a_lease_is_claimed_by_one_of_fifty_parallel_callers(store: &dyn Store) {
    let claims = in_parallel(50, |index| store.claim_refresh(claim(index, 3, 0)));
    let is_new = |claimed: &Claimed| {
        matches!(claimed, Claimed::Ours { generation: 3, unresolved: 0, is_own: false, .. })
    };
    let won = claims.iter().filter(|claimed| claimed.as_ref().is_ok_and(is_new)).count();
    let held = claims.iter().filter(|claimed| claimed.as_ref().is_ok_and(is_held)).count();
    assert_eq!((won, held), (1, 49));
    let late = store.claim_refresh(claim(50, 3, 0)).await;
    assert!(late.as_ref().is_ok_and(is_held));
}

/// Whoever takes it knows that somebody was there before and never said how it ended.
pub async fn a_lease_that_was_yielded_is_taken_and_counted(store: &dyn Store) {
    assert_eq!(counted(store, claim(1, 3, 0)).await, Some((3, 0)));
    assert!(is_held(&store.claim_refresh(claim(2, 3, 1)).await.unwrap()));
    assert_eq!(store.overdue_refreshes(at(1), 10).await, Ok(Vec::new()));
    assert_eq!(
        store.yield_refresh(grant_id(1), refresh_id(2), at(2), AT_ONCE, true).await,
        Ok(false)
    );
    assert_eq!(
        store.yield_refresh(grant_id(1), refresh_id(1), at(2), AT_ONCE, true).await,
        Ok(true)
    );
    assert_eq!(store.overdue_refreshes(at(3), 10).await, Ok(vec![grant_id(1)]));
    assert_eq!(store.overdue_refreshes(at(3), 0).await, Ok(Vec::new()));
    assert_eq!(counted(store, claim(2, 3, 3)).await, Some((3, 2)));
    assert_eq!(store.overdue_refreshes(at(3), 10).await, Ok(Vec::new()));
}

/// Whoever takes it before that would not leave alone who wants to be.
pub async fn a_lease_that_was_yielded_for_a_while_is_nobodys_until_then(store: &dyn Store) {
    const HOUR: Duration = Duration::from_hours(1);
    assert_eq!(counted(store, claim(1, 3, 0)).await, Some((3, 0)));
    assert_eq!(store.yield_refresh(grant_id(1), refresh_id(1), at(1), HOUR, true).await, Ok(true));
    assert_eq!(store.overdue_refreshes(at(9), 10).await, Ok(Vec::new()));
    assert!(is_held_for(&store.claim_refresh(claim(2, 3, 9)).await.unwrap(), HOUR));
    assert_eq!(counted(store, claim(1, 3, 9)).await, Some((3, 1)));
    store.yield_refresh(grant_id(1), refresh_id(1), at(9), AT_ONCE, true).await.unwrap();
    assert_eq!(counted(store, claim(2, 3, 10)).await, Some((3, 3)));
}

/// A claim that comes late, for a refresh token that is behind, does not wipe the record of a newer one; one that
/// is ahead begins anew.
pub async fn a_record_of_a_later_generation_stays(store: &dyn Store) {
    store.claim_refresh(claim(1, 3, 0)).await.unwrap();
    store.yield_refresh(grant_id(1), refresh_id(1), at(1), AT_ONCE, true).await.unwrap();
    assert_eq!(counted(store, claim(2, 2, 2)).await, Some((3, 2)));
    store.yield_refresh(grant_id(1), refresh_id(2), at(3), AT_ONCE, true).await.unwrap();
    assert_eq!(counted(store, claim(3, 4, 4)).await, Some((4, 0)));
}

/// So that it can be told which of two answers is the newer one, also by a clock that goes back.
pub async fn a_later_question_has_a_higher_number(store: &dyn Store) {
    let (_, _, first) = take(store, claim(1, 3, 9)).await.unwrap();
    assert!(first > 0);
    let (_, _, again) = take(store, claim(1, 3, 8)).await.unwrap();
    assert!(again > first);
    store.yield_refresh(grant_id(1), refresh_id(1), at(8), AT_ONCE, true).await.unwrap();
    let (_, _, second) = take(store, claim(2, 3, 8)).await.unwrap();
    assert!(second > again);
    // A later generation begins anew.
    store.yield_refresh(grant_id(1), refresh_id(2), at(8), AT_ONCE, true).await.unwrap();
    assert_eq!(take(store, bring(3, 4, 9)).await, Some((4, 0, 0)));
}

/// Whoever finds its lease does not take the newest answer for an older one.
pub async fn who_only_brings_an_answer_or_did_not_ask_counts_no_question(store: &dyn Store) {
    let (_, _, asked) = take(store, claim(1, 3, 0)).await.unwrap();
    assert_eq!(take(store, bring(1, 3, 1)).await, Some((3, 0, asked)));
    store.yield_refresh(grant_id(1), refresh_id(1), at(1), AT_ONCE, false).await.unwrap();
    assert_eq!(take(store, bring(2, 3, 2)).await, Some((3, 2, asked)));
    store.yield_refresh(grant_id(1), refresh_id(2), at(2), AT_ONCE, false).await.unwrap();
    let (_, _, never_asked) = take(store, claim(3, 3, 3)).await.unwrap();
    assert!(never_asked > asked);
    store.yield_refresh(grant_id(1), refresh_id(3), at(3), AT_ONCE, false).await.unwrap();
    assert_eq!(take(store, bring(4, 3, 4)).await, Some((3, 6, asked)));
}

/// It did not spend anything.
pub async fn who_brought_an_answer_and_is_gone_is_no_attempt_without_one(store: &dyn Store) {
    let gone = RefreshClaim { deadline: at(1), ..bring(1, 3, 1) };
    assert_eq!(take(store, gone).await, Some((3, 0, 0)));
    assert_eq!(take(store, bring(2, 3, 2)).await, Some((3, 0, 0)));
}

/// A node that comes back goes on where it was.
pub async fn an_attempt_claims_its_own_lease_again(store: &dyn Store) {
    assert_eq!(counted(store, claim(1, 3, 0)).await, Some((3, 0)));
    let again = store.claim_refresh(claim(1, 3, 1)).await;
    assert!(matches!(again, Ok(Claimed::Ours { generation: 3, unresolved: 0, is_own: true, .. })));
    assert!(is_held(&store.claim_refresh(claim(2, 3, 2)).await.unwrap()));
}

/// Only by whoever has it.
pub async fn a_lease_that_is_released_is_gone(store: &dyn Store) {
    store.claim_refresh(claim(1, 3, 0)).await.unwrap();
    assert_eq!(store.release_refresh(grant_id(1), refresh_id(2)).await, Ok(false));
    assert_eq!(store.release_refresh(grant_id(2), refresh_id(1)).await, Ok(false));
    assert_eq!(store.release_refresh(grant_id(1), refresh_id(1)).await, Ok(true));
    assert_eq!(store.release_refresh(grant_id(1), refresh_id(1)).await, Ok(false));
    assert_eq!(counted(store, claim(2, 3, 1)).await, Some((3, 0)));
}

/// All of it at once: the grant, the event, and the end of the lease.
pub async fn a_commit_ends_the_lease_it_was_made_under(store: &dyn Store) {
    let stored = signed_in(store).await;
    store.claim_refresh(claim(1, 3, 0)).await.unwrap();
    let events = store.events(0, 100).await.unwrap().len();
    let wanted = next(&stored, at(8));
    let written = store.commit_refresh(commit(wanted.clone(), Some((1, LeaseEnd::Deleted)))).await;
    assert_eq!(written, Ok(Committed::Written));
    assert_eq!(store.grant(stored.id).await, Ok(Some(wanted)));
    assert_eq!(store.events(0, 100).await.unwrap().len(), events + 1);
    assert_eq!(counted(store, claim(2, 3, 1)).await, Some((3, 0)));
}

/// Not the grant, not the event.
pub async fn who_has_lost_the_lease_writes_nothing(store: &dyn Store) {
    let stored = signed_in(store).await;
    store.claim_refresh(claim(1, 3, 0)).await.unwrap();
    store.yield_refresh(grant_id(1), refresh_id(1), at(1), AT_ONCE, true).await.unwrap();
    store.claim_refresh(claim(2, 3, 2)).await.unwrap();
    let events = store.events(0, 100).await.unwrap().len();
    for end in [LeaseEnd::Deleted, LeaseEnd::Record] {
        let late = store.commit_refresh(commit(next(&stored, at(8)), Some((1, end)))).await;
        assert_eq!(late, Ok(Committed::Fenced));
    }
    assert_eq!(store.grant(stored.id).await, Ok(Some(stored.clone())));
    assert_eq!(store.events(0, 100).await.unwrap().len(), events);
    let ours =
        store.commit_refresh(commit(next(&stored, at(8)), Some((2, LeaseEnd::Deleted)))).await;
    assert_eq!(ours, Ok(Committed::Written));
}

/// And the lease stays: whoever has it reads again and goes on.
pub async fn a_commit_over_another_version_writes_nothing(store: &dyn Store) {
    let stored = signed_in(store).await;
    let moved = next(&stored, at(8));
    store.replace_grant(moved.clone(), None).await.unwrap();
    store.claim_refresh(claim(1, 3, 0)).await.unwrap();
    let events = store.events(0, 100).await.unwrap().len();
    for end in [LeaseEnd::Deleted, LeaseEnd::Record] {
        let stale = store.commit_refresh(commit(next(&stored, at(8)), Some((1, end)))).await;
        assert_eq!(stale, Ok(Committed::Moved));
    }
    assert_eq!(store.commit_refresh(commit(stored, None)).await, Ok(Committed::Moved));
    assert_eq!(store.grant(moved.id).await, Ok(Some(moved.clone())));
    assert_eq!(store.events(0, 100).await.unwrap().len(), events);
    assert!(is_held(&store.claim_refresh(claim(2, 3, 1)).await.unwrap()));
    let again =
        store.commit_refresh(commit(next(&moved, at(8)), Some((1, LeaseEnd::Deleted)))).await;
    assert_eq!(again, Ok(Committed::Written));
}

/// For the generation that was written, so that it is asked for at once.
pub async fn a_commit_in_doubt_leaves_a_record(store: &dyn Store) {
    let stored = signed_in(store).await;
    store.claim_refresh(claim(1, 0, 0)).await.unwrap();
    let wanted = Grant { generation: 7, updated_at: at(5), ..next(&stored, at(8)) };
    let written = store.commit_refresh(commit(wanted, Some((1, LeaseEnd::Record)))).await;
    assert_eq!(written, Ok(Committed::Written));
    assert_eq!(store.overdue_refreshes(at(6), 10).await, Ok(vec![grant_id(1)]));
    // Nobody has asked with what was written.
    assert_eq!(take(store, bring(2, 7, 6)).await, Some((7, 1, 0)));
}

/// The longest first, of one provider, and no more than were asked for; whatever has no time is never due.
pub async fn grants_are_due_at_their_time(store: &dyn Store) {
    for number in 1..=4 {
        store.complete_sign_in(sign_in(number)).await.unwrap();
    }
    let due = |number: u64, ms: u64| Grant {
        due_at: Some(at(ms)),
        refusals: u32::try_from(number).unwrap(),
        state: GrantState::Suspect,
        ..next(&grant(number), at(8))
    };
    let (early, late) = (grant_id(3), grant_id(1));
    let changed =
        [due(3, 10), due(1, 20), next(&grant(4), at(8))].map(|g| store.replace_grant(g, None));
    for changed in changed {
        assert_eq!(changed.await, Ok(()));
    }
    let found = async |ms, limit| store.due_grants(&google(), at(ms), limit).await;
    assert_eq!(found(9, 10).await, Ok(Vec::new()));
    assert_eq!(found(10, 10).await, Ok(vec![early]));
    assert_eq!(found(20, 10).await, Ok(vec![early, late]));
    assert_eq!(found(20, 1).await, Ok(vec![early]));
    let elsewhere = "entra".parse().unwrap();
    assert_eq!(store.due_grants(&elsewhere, at(20), 10).await, Ok(Vec::new()));
}
