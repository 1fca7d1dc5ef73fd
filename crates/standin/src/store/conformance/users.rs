//! Finding people, and forgetting them.

use super::samples::{attempt, google, hash, identity, profile, sign_in, sign_in_of, user};
use crate::store::{SignIn, Store, User};
use crate::vault::Grant;
use crate::verify::Identity;

/// One issuer's name for one user may be another issuer's name for another.
pub async fn a_subject_names_a_user_only_if_issuers_agree(store: &dyn Store) {
    let elsewhere = Identity { issuer: "https://accounts.example".to_owned(), ..identity(1) };
    let there = |number, owner| {
        let first = sign_in_of(owner, number);
        let grant = first.grant.map(|grant| Grant { identity: elsewhere.clone(), ..grant });
        SignIn { identity: elsewhere.clone(), grant, ..sign_in_of(owner, number) }
    };
    let find = async || store.user_by_subject(&google(), &identity(1).subject).await;
    assert_eq!(find().await, Ok(None));
    assert!(store.complete_sign_in(sign_in(1)).await.is_ok());
    assert_eq!(find().await, Ok(Some(user(1))));

    assert!(store.complete_sign_in(there(2, 1)).await.is_ok());
    assert_eq!(find().await, Ok(Some(user(1))));
    assert_eq!(store.delete_user(user(1)).await, Ok(true));

    assert!(store.complete_sign_in(sign_in(1)).await.is_ok());
    assert!(store.complete_sign_in(there(3, 3)).await.is_ok());
    assert_eq!(find().await, Ok(None));

    let entra = "entra".parse().unwrap();
    let elsewhere = store.user_by_subject(&entra, &identity(1).subject).await;
    assert_eq!(elsewhere, Ok(None));
}

/// And afterwards the same identity is a new user.
pub async fn deleting_a_user_takes_everything_of_theirs_and_nothing_else(store: &dyn Store) {
    for number in [1, 2] {
        assert!(store.complete_sign_in(sign_in(number)).await.is_ok());
    }
    assert_eq!(store.consume_attempt(attempt(1)).await, Ok(true));
    assert_eq!(store.delete_user(user(1)).await, Ok(true));
    for (number, is_there) in [(1, false), (2, true)] {
        let count = usize::from(is_there);
        let id = user(number);
        assert_eq!(store.user(id).await.unwrap().is_some(), is_there);
        assert_eq!(store.identities_of(id).await.unwrap().len(), count);
        assert_eq!(store.grants_of(id).await.unwrap().len(), count);
        assert_eq!(store.sessions_of(id).await.unwrap().len(), count);
        let view = store.session_view(&hash(number)).await.unwrap();
        assert_eq!(view.is_some(), is_there);
        let of_identity = store.grant_of_identity(&identity(number)).await.unwrap();
        assert_eq!(of_identity.is_some(), is_there);
    }
    assert_eq!(store.events(0, 10).await.unwrap().len(), 2);
    assert_eq!(store.consume_attempt(attempt(1)).await, Ok(false));

    let signed_in = store.complete_sign_in(sign_in_of(3, 1)).await.unwrap();
    assert_eq!((signed_in.user, signed_in.is_new), (user(3), true));
}

/// As it is the second time.
pub async fn deleting_an_unknown_user_is_false(store: &dyn Store) {
    assert!(store.complete_sign_in(sign_in(1)).await.is_ok());
    assert_eq!(store.delete_user(user(2)).await, Ok(false));
    assert_eq!(store.delete_user(user(1)).await, Ok(true));
    assert_eq!(store.delete_user(user(1)).await, Ok(false));
}

/// By id, which is by time.
pub async fn users_are_paged_oldest_first(store: &dyn Store) {
    for number in [300, 1, 256] {
        assert!(store.complete_sign_in(sign_in(number)).await.is_ok());
    }
    let page = async |after, limit| {
        let users = store.users(after, limit).await.unwrap();
        users.into_iter().map(|user: User| user.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2).await, [user(1), user(256)]);
    assert_eq!(page(Some(user(256)), 2).await, [user(300)]);
    assert!(page(Some(user(300)), 2).await.is_empty());
    let first = store.users(None, 1).await.unwrap();
    assert_eq!(first[0].profile, profile(1));
}
