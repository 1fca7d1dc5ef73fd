//! A session is found by its hash and ended by whoever may.

use super::samples::{account, at, grant, hash, profile, session, session_id, sign_in, user};
use crate::store::{SessionRow, SessionView, SignIn, Store, User};

fn row(number: u64, owner: u64) -> SessionRow {
    SessionRow {
        hash: hash(number),
        id: session_id(number),
        user: user(owner),
        created_at: session(number).created_at,
        expires_at: session(number).expires_at,
        last_seen_at: session(number).created_at,
        opened_by: Some(session(number).opened_by),
        device: session(number).device,
    }
}

/// Users 1 and 2 with a session each, and one more, number 3, for user 1.
async fn three_sessions(store: &dyn Store) {
    for number in [1, 2] {
        assert!(store.complete_sign_in(sign_in(number)).await.is_ok());
    }
    let again = SignIn {
        session: Some(session(3)),
        grant: Some(super::samples::next(&grant(1), at(3))),
        ..sign_in(1)
    };
    assert!(store.complete_sign_in(again).await.is_ok());
}

/// With the user, their identities and their grants, and nobody else's.
pub async fn a_session_is_found_by_its_hash_and_seen_whole(store: &dyn Store) {
    three_sessions(store).await;
    assert_eq!(store.session(&hash(2)).await, Ok(Some(row(2, 2))));
    let view = SessionView {
        session: row(2, 2),
        user: User { id: user(2), profile: profile(2), created_at: at(2) },
        accounts: vec![account(2)],
        grants: vec![grant(2)],
    };
    assert_eq!(store.session_view(&hash(2)).await, Ok(Some(view)));
    assert_eq!(store.session(&hash(9)).await, Ok(None));
    assert_eq!(store.session_view(&hash(9)).await, Ok(None));
}

/// The second time there is nothing to end.
pub async fn a_session_is_ended_by_its_hash_once(store: &dyn Store) {
    three_sessions(store).await;
    assert_eq!(store.end_session(&hash(1)).await, Ok(true));
    assert_eq!(store.end_session(&hash(1)).await, Ok(false));
    assert_eq!(store.session(&hash(1)).await, Ok(None));
    assert_eq!(store.session_view(&hash(1)).await, Ok(None));
    assert_eq!(store.session(&hash(3)).await, Ok(Some(row(3, 1))));
}

/// The id is public: to know it gives nothing.
pub async fn a_session_is_ended_by_its_id_only_for_its_user(store: &dyn Store) {
    three_sessions(store).await;
    let end = async |owner, number| {
        let ended = store.end_session_by_id(user(owner), session_id(number));
        ended.await
    };
    assert_eq!(end(2, 1).await, Ok(false));
    assert_eq!(end(9, 1).await, Ok(false));
    assert_eq!(store.session(&hash(1)).await, Ok(Some(row(1, 1))));
    assert_eq!(end(1, 1).await, Ok(true));
    assert_eq!(end(1, 1).await, Ok(false));
    assert_eq!(store.session(&hash(1)).await, Ok(None));
    assert_eq!(store.sessions_of(user(1)).await, Ok(vec![row(3, 1)]));
}

/// And the number of them is told.
pub async fn all_sessions_of_a_user_end_and_nobody_elses(store: &dyn Store) {
    three_sessions(store).await;
    assert_eq!(store.end_sessions_of(user(1)).await, Ok(2));
    assert_eq!(store.end_sessions_of(user(1)).await, Ok(0));
    assert_eq!(store.sessions_of(user(1)).await, Ok(Vec::new()));
    assert_eq!(store.sessions_of(user(2)).await, Ok(vec![row(2, 2)]));
}

/// As the account page shows them.
pub async fn sessions_of_a_user_come_newest_first(store: &dyn Store) {
    three_sessions(store).await;
    let theirs = store.sessions_of(user(1)).await;
    assert_eq!(theirs, Ok(vec![row(3, 1), row(1, 1)]));
}

/// Forwards, however late the news of an earlier use arrives.
pub async fn touching_a_session_moves_only_when_it_was_last_seen(store: &dyn Store) {
    three_sessions(store).await;
    for instant in [at(500), at(400)] {
        assert_eq!(store.touch_session(&hash(1), instant).await, Ok(()));
        let touched = SessionRow { last_seen_at: at(500), ..row(1, 1) };
        assert_eq!(store.session(&hash(1)).await, Ok(Some(touched)));
    }
    assert_eq!(store.touch_session(&hash(9), at(500)).await, Ok(()));
    assert_eq!(store.session(&hash(9)).await, Ok(None));
    assert_eq!(store.session(&hash(3)).await, Ok(Some(row(3, 1))));
}
