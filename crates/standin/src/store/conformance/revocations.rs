//! A token that must be revoked is kept until it is.

use super::samples::{at, grant_id, revocation, sign_in, user};
use crate::store::{RevocationRow, Store, StoreError};

/// Finishing one leaves the others, also of the same grant.
pub async fn a_revocation_is_due_from_its_time_on_and_gone_when_finished(store: &dyn Store) {
    let later = RevocationRow { queued_at: at(20), retry_at: at(20), ..revocation(1) };
    for row in [revocation(1), later.clone()] {
        assert_eq!(store.queue_revocation(row).await, Ok(()));
    }
    let again = store.queue_revocation(revocation(1)).await;
    assert_eq!(again, Err(StoreError::Conflict));

    assert_eq!(store.due_revocations(at(0), 10).await, Ok(Vec::new()));
    let due = store.due_revocations(at(1), 10).await;
    assert_eq!(due, Ok(vec![revocation(1)]));
    for _ in 0..2 {
        let finished = store.finish_revocation(grant_id(1), at(1)).await;
        assert_eq!(finished, Ok(()));
        assert_eq!(store.due_revocations(at(99), 10).await, Ok(vec![later.clone()]));
    }
}

/// Of two who are about to try at the same time one does; what is not there is nobody's to try.
pub async fn a_postponed_revocation_comes_back_at_its_time_and_counts_its_tries(store: &dyn Store) {
    assert_eq!(store.queue_revocation(revocation(1)).await, Ok(()));
    for (attempts, retry_at) in [(1, at(50)), (2, at(90))] {
        let postpone = |grant, retry_at| {
            store.postpone_revocation(grant_id(grant), at(1), attempts - 1, retry_at)
        };
        assert_eq!(postpone(1, retry_at).await, Ok(true));
        assert_eq!(postpone(1, at(99)).await, Ok(false), "somebody else tried it, too");
        assert_eq!(postpone(2, retry_at).await, Ok(false));
        let too_early = retry_at.before(std::time::Duration::from_millis(1));
        assert_eq!(store.due_revocations(too_early, 10).await, Ok(Vec::new()));
        let row = RevocationRow { retry_at, attempts, ..revocation(1) };
        assert_eq!(store.due_revocations(retry_at, 10).await, Ok(vec![row]));
    }
}

/// A deleted user's tokens are the ones that most need to be revoked.
pub async fn revocations_outlive_their_user_and_come_oldest_first(store: &dyn Store) {
    assert!(store.complete_sign_in(sign_in(1)).await.is_ok());
    for number in [3, 1, 2] {
        let queued = store.queue_revocation(revocation(number)).await;
        assert_eq!(queued, Ok(()));
    }
    assert_eq!(store.delete_user(user(1)).await, Ok(true));
    let oldest = store.due_revocations(at(99), 2).await;
    assert_eq!(oldest, Ok(vec![revocation(1), revocation(2)]));
    // Whoever has been tried stands behind those that have not.
    assert_eq!(store.postpone_revocation(grant_id(1), at(1), 0, at(50)).await, Ok(true));
    let oldest = store.due_revocations(at(99), 3).await;
    let tried = RevocationRow { retry_at: at(50), attempts: 1, ..revocation(1) };
    assert_eq!(oldest, Ok(vec![revocation(2), revocation(3), tried]));
}
