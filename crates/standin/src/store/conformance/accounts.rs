//! Several accounts of one user: added only to them, taken away whole, and never all of them.

use super::in_parallel;
use super::samples::{
    account, at, google, grant, grant_id, hash, identity, next, profile, session, sign_in,
    sign_in_of, user,
};
use crate::store::{Account, Event, EventKind, Result, SignIn, Store, StoreError, Unlinked, User};
use crate::vault::Grant;
use crate::verify::{Identity, LeftOut, Profile};

/// Account `number` for user `owner`, who is signed in: no session is opened.
fn link(number: u64, owner: u64) -> SignIn {
    SignIn {
        is_bound: true,
        session: None,
        event: EventKind::IdentityLinked,
        ..sign_in_of(owner, number)
    }
}

async fn unlink(store: &dyn Store, owner: u64, number: u64) -> Result<Unlinked> {
    let event = Event::new(EventKind::IdentityUnlinked, at(500));
    store.unlink_identity(user(owner), &identity(number), event).await
}

async fn take_back(store: &dyn Store, number: u64) {
    let grant = store.grant(grant_id(number)).await.unwrap().unwrap();
    assert_eq!(store.replace_grant(grant.revoked(at(400)), None).await, Ok(()));
}

/// User 1 with accounts 1 and 2, and a session that each of them opened.
async fn two_accounts(store: &dyn Store) {
    assert!(store.complete_sign_in(sign_in(1)).await.is_ok());
    assert!(store.complete_sign_in(link(2, 1)).await.is_ok());
    let with_the_second = SignIn {
        new_user: user(9),
        grant: Some(next(&Grant { user: user(1), ..grant(2) }, at(3))),
        ..sign_in(2)
    };
    assert!(store.complete_sign_in(with_the_second).await.is_ok());
}

/// What they are called is what they were called.
pub async fn a_bound_sign_in_adds_to_its_user_and_leaves_their_profile(store: &dyn Store) {
    assert!(store.complete_sign_in(sign_in(1)).await.is_ok());
    let linked = store.complete_sign_in(link(2, 1)).await.unwrap();
    assert_eq!((linked.user, linked.is_new), (user(1), false));
    let row = User { id: user(1), profile: profile(1), created_at: at(1) };
    assert_eq!(store.users(None, 9).await, Ok(vec![row]));
    assert_eq!(store.accounts_of(user(1)).await, Ok(vec![account(1), account(2)]));
    assert_eq!(store.identities_of(user(1)).await, Ok(vec![identity(1), identity(2)]));
    assert_eq!(store.sessions_of(user(1)).await.unwrap().len(), 1);

    let again = SignIn { grant: Some(next(&link(2, 1).grant.unwrap(), at(9))), ..link(2, 1) };
    assert!(store.complete_sign_in(again).await.is_ok());
    assert_eq!(store.accounts_of(user(1)).await.unwrap().len(), 2);
}

/// Neither a user who was deleted meanwhile, nor another one whose account it is.
pub async fn a_bound_sign_in_makes_nobody_and_takes_from_nobody(store: &dyn Store) {
    for number in [1, 2] {
        assert!(store.complete_sign_in(sign_in(number)).await.is_ok());
    }
    let without_grant = SignIn { grant: None, ..link(2, 1) };
    let of_nobody = SignIn { grant: None, ..link(3, 7) };
    let ours_for_nobody = SignIn { grant: None, ..link(1, 7) };
    for refused in [link(2, 1), without_grant, link(3, 7), of_nobody, ours_for_nobody] {
        let conflict = store.complete_sign_in(refused).await;
        assert_eq!(conflict, Err(StoreError::Conflict));
    }
    assert_eq!(store.users(None, 9).await.unwrap().len(), 2);
    for number in [1, 2] {
        assert_eq!(store.accounts_of(user(number)).await, Ok(vec![account(number)]));
        assert_eq!(store.grant(grant_id(number)).await, Ok(Some(grant(number))));
    }
    assert_eq!(store.grant(grant_id(3)).await, Ok(None));
    assert_eq!(store.events(0, 9).await.unwrap().len(), 2);
}

/// Also where the provider was not asked for it.
pub async fn an_account_keeps_the_address_that_was_said_last(store: &dyn Store) {
    assert!(store.complete_sign_in(sign_in(1)).await.is_ok());
    let say = async |email: Option<&str>, untold| {
        let profile = Profile { email: email.map(str::to_owned), ..profile(1) };
        let untold = LeftOut { email: untold, ..LeftOut::default() };
        let signed_in = SignIn { profile, untold, grant: None, session: None, ..sign_in(1) };
        assert!(store.complete_sign_in(signed_in).await.is_ok());
        store.accounts_of(user(1)).await.unwrap()[0].email.clone()
    };
    assert_eq!(say(Some("new@example.com"), false).await.as_deref(), Some("new@example.com"));
    assert_eq!(say(None, true).await.as_deref(), Some("new@example.com"));
    assert_eq!(say(None, false).await, None);
}

/// Provider, issuer and subject, byte for byte.
pub async fn an_identity_is_found_whole_or_not_at_all(store: &dyn Store) {
    assert!(store.complete_sign_in(sign_in(1)).await.is_ok());
    assert_eq!(store.user_of_identity(&identity(1)).await, Ok(Some(user(1))));
    for other in [
        identity(2),
        Identity { provider: "entra".parse().unwrap(), ..identity(1) },
        Identity { issuer: "https://accounts.google.com/".to_owned(), ..identity(1) },
        Identity { subject: format!("{} ", identity(1).subject), ..identity(1) },
    ] {
        assert_eq!(store.user_of_identity(&other).await, Ok(None), "{other:?}");
    }
}

/// Whichever account of theirs has it.
pub async fn people_are_found_by_any_of_their_addresses(store: &dyn Store) {
    two_accounts(store).await;
    let same = Profile { email: profile(2).email, ..profile(5) };
    assert!(store.complete_sign_in(SignIn { profile: same, ..sign_in(5) }).await.is_ok());
    let find = async |email: &str, limit| {
        let found = store.users_by_email(email, limit).await.unwrap();
        found.into_iter().map(|user| user.id).collect::<Vec<_>>()
    };
    assert_eq!(find("user1@example.com", 9).await, [user(1)]);
    assert_eq!(find("USER1@Example.COM", 9).await, [user(1)]);
    assert_eq!(find("user2@example.com", 9).await, [user(1), user(5)]);
    assert_eq!(find("user2@example.com", 1).await, [user(1)]);
    for nobody in ["", "user1@example.co", "user1@example.com ", "user%", "user_@example.com"] {
        assert_eq!(find(nobody, 9).await, [], "{nobody}");
    }
}

/// Whoever takes it: there is no user whom nobody can sign in as.
pub async fn the_last_identity_stays_however_many_are_taken_at_once(store: &dyn Store) {
    two_accounts(store).await;
    for number in [1, 2] {
        take_back(store, number).await;
    }
    let results = in_parallel(20, |caller| {
        let event = Event::new(EventKind::IdentityUnlinked, at(500));
        async move { store.unlink_identity(user(1), &identity(1 + caller % 2), event).await }
    });
    let of = |wanted: &Unlinked| results.iter().filter(|result| **result == Ok(*wanted)).count();
    assert_eq!((of(&Unlinked::Done), of(&Unlinked::Last), of(&Unlinked::Unknown)), (1, 10, 9));
    assert_eq!(store.accounts_of(user(1)).await.unwrap().len(), 1);
}

/// And whoever comes with it next is somebody new.
pub async fn unlinking_takes_an_identity_with_its_grant_and_its_sessions_alone(store: &dyn Store) {
    two_accounts(store).await;
    assert!(store.complete_sign_in(sign_in(3)).await.is_ok());
    take_back(store, 2).await;
    let before = store.events(0, 99).await.unwrap().len();
    assert_eq!(unlink(store, 3, 2).await, Ok(Unlinked::Unknown));
    assert_eq!(unlink(store, 1, 3).await, Ok(Unlinked::Unknown));
    assert_eq!(unlink(store, 1, 2).await, Ok(Unlinked::Done));
    assert_eq!(unlink(store, 1, 2).await, Ok(Unlinked::Unknown));
    let events = store.events(0, 99).await.unwrap();
    assert_eq!(events.len(), before + 1);
    assert_eq!(events[before].event, Event::new(EventKind::IdentityUnlinked, at(500)));

    assert_eq!(store.accounts_of(user(1)).await, Ok(vec![account(1)]));
    assert_eq!(store.grants_of(user(1)).await, Ok(vec![grant(1)]));
    assert_eq!(store.scope_ledger(grant_id(2)).await, Ok(Vec::new()));
    assert_eq!(store.session(&hash(2)).await, Ok(None));
    assert!(store.session(&hash(1)).await.unwrap().is_some());
    assert_eq!(store.accounts_of(user(3)).await, Ok(vec![account(3)]));
    assert_eq!(store.user_by_subject(&google(), &identity(2).subject).await, Ok(None));

    let anew = SignIn { session: Some(session(8)), ..sign_in_of(8, 2) };
    let signed_in = store.complete_sign_in(anew).await.unwrap();
    assert_eq!((signed_in.user, signed_in.is_new), (user(8), true));
    let theirs = Account { email: profile(2).email, ..account(2) };
    assert_eq!(store.accounts_of(user(8)).await, Ok(vec![theirs]));
}

/// A token that its provider still honours must not be forgotten.
pub async fn what_is_not_taken_back_is_not_unlinked(store: &dyn Store) {
    two_accounts(store).await;
    assert_eq!(unlink(store, 1, 2).await, Err(StoreError::Conflict));
    assert_eq!(store.accounts_of(user(1)).await.unwrap().len(), 2);
    assert!(store.session(&hash(2)).await.unwrap().is_some());
    assert!(store.grant(grant_id(2)).await.unwrap().is_some());
    take_back(store, 2).await;
    assert_eq!(unlink(store, 1, 2).await, Ok(Unlinked::Done));
}
