//! What is over may go; nothing else may.

use super::samples::{at, attempt, attempt_id, google, hash, revocation, session, sign_in, user};
use crate::store::{AttemptRow, NewSession, SignIn, Store};

/// A store that works says so.
pub async fn a_store_answers_a_ping(store: &dyn Store) {
    assert_eq!(store.ping().await, Ok(()));
}

/// At the very millisecond, and not before it.
pub async fn pruning_forgets_only_attempts_and_sessions_whose_time_is_over(store: &dyn Store) {
    for (number, expires_at) in [(1, at(999)), (2, at(1_000)), (3, at(1_001))] {
        let short = NewSession { expires_at, ..session(number) };
        let signed_in = SignIn { session: Some(short), ..sign_in(number) };
        assert!(store.complete_sign_in(signed_in).await.is_ok());
        let row = AttemptRow { expires_at, ..attempt(number) };
        assert_eq!(store.consume_attempt(row).await, Ok(true));
    }
    assert_eq!(store.queue_revocation(revocation(1)).await, Ok(()));

    assert_eq!(store.prune(at(1_000)).await, Ok(4));
    assert_eq!(store.prune(at(1_000)).await, Ok(0));
    for (number, is_over) in [(1, true), (2, true), (3, false)] {
        let outcome = store.attempt_outcome(attempt_id(number)).await.unwrap();
        assert_eq!(outcome.is_none(), is_over);
        let session = store.session(&hash(number)).await.unwrap();
        assert_eq!(session.is_none(), is_over);
        assert!(store.user(user(number)).await.unwrap().is_some());
        let grant = store.grant_at(user(number), &google()).await;
        assert!(grant.unwrap().is_some());
    }
    assert_eq!(store.events(0, 10).await.unwrap().len(), 3);
    assert_eq!(store.due_revocations(at(9_999), 10).await.unwrap().len(), 1);
}
