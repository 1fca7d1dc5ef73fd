//! Who is admitted is decided in the transaction that would make them.

use super::in_parallel;
use super::samples::{attempt, grant, grant_id, hash, session, sign_in, sign_in_of, user};
use super::sign_in::again;
use crate::store::{Admits, AttemptOutcome, SignIn, SignedIn, Store, StoreError};
use crate::vault::Grant;

const NOT_ADMITTED: Result<SignedIn, StoreError> = Err(StoreError::NotAdmitted);

fn only(admits: Admits, number: u64) -> SignIn {
    SignIn { admits, ..sign_in(number) }
}

/// Also with an identity that is new: adding one makes no user.
pub async fn known_people_sign_in_where_nobody_new_may(store: &dyn Store) {
    assert_eq!(store.complete_sign_in(only(Admits::Known, 1)).await, NOT_ADMITTED);
    assert!(store.complete_sign_in(sign_in(1)).await.is_ok());
    let known = SignedIn { user: user(1), is_new: false };
    let again = SignIn { admits: Admits::Known, ..again(1) };
    assert_eq!(store.complete_sign_in(again).await, Ok(known));
    let added = SignIn { admits: Admits::Known, ..sign_in_of(1, 2) };
    assert_eq!(store.complete_sign_in(added).await, Ok(known));
    assert_eq!(store.complete_sign_in(only(Admits::Known, 3)).await, NOT_ADMITTED);
}

/// Fifty people, each of whom thinks to be the first.
pub async fn of_fifty_first_sign_ins_at_once_one_is_the_first_user(store: &dyn Store) {
    let results =
        in_parallel(50, |caller| store.complete_sign_in(only(Admits::FirstUser, caller + 1)));
    let admitted: Vec<_> = results.iter().flatten().collect();
    assert_eq!(admitted.len(), 1);
    assert!(results.iter().all(|result| result.is_ok() || *result == NOT_ADMITTED), "{results:?}");
    assert_eq!(store.first_user().await, Ok(Some(admitted[0].user)));
    assert_eq!(store.users(None, 100).await.unwrap().len(), 1);
    assert_eq!(store.grants(None, 100).await.unwrap().len(), 1);
}

/// Whatever their sign-in admitted; and the place is not passed on while anybody is left.
pub async fn the_first_user_is_whoever_was_made_while_there_was_nobody_else(store: &dyn Store) {
    assert_eq!(store.first_user().await, Ok(None));
    assert!(store.complete_sign_in(sign_in(2)).await.is_ok());
    assert!(store.complete_sign_in(sign_in(1)).await.is_ok());
    assert_eq!(store.first_user().await, Ok(Some(user(2))));
    assert_eq!(store.delete_user(user(2)).await, Ok(true));
    assert_eq!(store.first_user().await, Ok(None));
    assert_eq!(store.complete_sign_in(only(Admits::FirstUser, 3)).await, NOT_ADMITTED);
    assert_eq!(store.delete_user(user(1)).await, Ok(true));
    assert!(store.complete_sign_in(only(Admits::FirstUser, 4)).await.is_ok());
    assert_eq!(store.first_user().await, Ok(Some(user(4))));
}

/// Not even somebody who is known.
pub async fn where_only_the_first_user_may_nobody_else_does(store: &dyn Store) {
    assert!(store.complete_sign_in(only(Admits::FirstUser, 1)).await.is_ok());
    assert!(store.complete_sign_in(sign_in(2)).await.is_ok());
    let first = SignIn { admits: Admits::FirstUser, ..again(1) };
    assert!(store.complete_sign_in(first).await.is_ok());
    let second = SignIn { admits: Admits::FirstUser, ..again(2) };
    assert_eq!(store.complete_sign_in(second).await, NOT_ADMITTED);
    assert_eq!(store.complete_sign_in(only(Admits::FirstUser, 3)).await, NOT_ADMITTED);
}

/// No user, no grant, no session, no event, no outcome; and the replaced session lives on.
pub async fn whoever_is_not_admitted_leaves_nothing_behind(store: &dyn Store) {
    assert!(store.complete_sign_in(sign_in(1)).await.is_ok());
    assert_eq!(store.consume_attempt(attempt(2)).await, Ok(true));
    for admits in [Admits::Known, Admits::FirstUser] {
        let refused = SignIn { replaces: Some(hash(1)), ..only(admits, 2) };
        assert_eq!(store.complete_sign_in(refused).await, NOT_ADMITTED);
    }
    let bare = SignIn { grant: None, session: Some(session(3)), ..only(Admits::Known, 3) };
    assert_eq!(store.complete_sign_in(bare).await, NOT_ADMITTED);
    assert_eq!(store.users(None, 10).await.unwrap().len(), 1);
    assert_eq!(store.grants(None, 10).await, Ok(vec![Grant { id: grant_id(1), ..grant(1) }]));
    assert!(store.session(&hash(1)).await.unwrap().is_some());
    assert_eq!(store.session(&hash(2)).await, Ok(None));
    assert_eq!(store.events(0, 10).await.unwrap().len(), 1);
    let outcome = store.attempt_outcome(attempt(2).id).await;
    assert_eq!(outcome, Ok(Some(AttemptOutcome::Pending)));
}
