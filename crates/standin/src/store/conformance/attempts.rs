//! An attempt comes back once.

use super::in_parallel;
use super::samples::{attempt, attempt_id};
use crate::store::{AttemptOutcome, Store};

/// However many callers race, one is told that it was first.
pub async fn an_attempt_is_consumed_exactly_once_by_fifty_parallel_callers(store: &dyn Store) {
    let first = in_parallel(50, |_| store.consume_attempt(attempt(1)));
    assert_eq!(first.iter().filter(|first| **first == Ok(true)).count(), 1);
    assert_eq!(first.iter().filter(|first| **first == Ok(false)).count(), 49);
    assert_eq!(store.consume_attempt(attempt(2)).await, Ok(true));
}

/// The outcome is whatever was written last.
pub async fn an_attempt_is_pending_until_it_is_finished(store: &dyn Store) {
    for number in [1, 2] {
        assert_eq!(store.consume_attempt(attempt(number)).await, Ok(true));
    }
    let pending = Ok(Some(AttemptOutcome::Pending));
    assert_eq!(store.attempt_outcome(attempt_id(1)).await, pending);

    let failed = AttemptOutcome::Failed { code: "state_mismatch".to_owned() };
    let finished = store.finish_attempt(attempt_id(1), failed.clone()).await;
    assert_eq!(finished, Ok(()));
    assert_eq!(store.attempt_outcome(attempt_id(1)).await, Ok(Some(failed)));
    assert_eq!(store.consume_attempt(attempt(1)).await, Ok(false));

    let finished = store.finish_attempt(attempt_id(2), AttemptOutcome::Done);
    assert_eq!(finished.await, Ok(()));
    let done = Ok(Some(AttemptOutcome::Done));
    assert_eq!(store.attempt_outcome(attempt_id(2)).await, done);
}

/// To finish it is no error, and makes no row.
pub async fn an_attempt_that_never_came_back_has_no_outcome(store: &dyn Store) {
    assert_eq!(store.attempt_outcome(attempt_id(1)).await, Ok(None));
    let finished = store.finish_attempt(attempt_id(1), AttemptOutcome::Done);
    assert_eq!(finished.await, Ok(()));
    assert_eq!(store.attempt_outcome(attempt_id(1)).await, Ok(None));
    assert_eq!(store.consume_attempt(attempt(1)).await, Ok(true));
}
