//! A sign-in is one transaction: all of it, or nothing.

use super::in_parallel;
use super::samples::{
    ODD, at, attempt, attempt_id, google, grant, grant_id, hash, identity, next, profile, session,
    sign_in, sign_in_of, user,
};
use crate::id::UserId;
use crate::store::{
    AttemptOutcome, Event, EventKind, SignIn, SignedIn, Store, StoreError, StoredEvent, User,
};
use crate::vault::Grant;
use crate::verify::{Identity, LeftOut, Profile};

const fn new(user: UserId) -> SignedIn {
    SignedIn { user, is_new: true }
}

const fn known(user: UserId) -> SignedIn {
    let is_new = false;
    SignedIn { user, is_new }
}

fn events(stored: Vec<StoredEvent>) -> Vec<Event> {
    stored.into_iter().map(|stored| stored.event).collect()
}

/// The second sign-in of somebody whose first was `sign_in(number)`.
pub(super) fn again(number: u64) -> SignIn {
    SignIn {
        attempt: attempt_id(number + 100),
        new_user: user(number + 100),
        grant: Some(next(&grant(number), at(number + 100))),
        session: Some(session(number + 100)),
        at: at(number + 100),
        ..sign_in(number)
    }
}

/// Two events of one attempt; and one where giving access is all that it is.
pub async fn a_sign_in_that_gives_access_says_so_beside_itself(store: &dyn Store) {
    let first = SignIn { authorizes: true, ..sign_in(1) };
    assert_eq!(store.complete_sign_in(first).await, Ok(new(user(1))));
    let more = SignIn { authorizes: true, event: EventKind::GrantAuthorized, ..again(1) };
    assert_eq!(store.complete_sign_in(more).await, Ok(known(user(1))));
    let events = events(store.events(0, 10).await.unwrap());
    let kinds = events.iter().map(|event| event.kind).collect::<Vec<_>>();
    let authorized = EventKind::GrantAuthorized;
    assert_eq!(kinds, [EventKind::SignedIn, authorized, authorized]);
    let attempts = [1, 1, 101].map(|number| Some(attempt_id(number)));
    assert_eq!(events.iter().map(|event| event.attempt).collect::<Vec<_>>(), attempts);
    assert!(events.iter().all(|event| event.grant == Some(grant_id(1))));
    assert!(events.iter().all(|event| event.user == Some(user(1))));
}

/// User, identity, grant, session, the attempt's outcome and the event.
pub async fn a_first_sign_in_writes_everything_at_once(store: &dyn Store) {
    assert_eq!(store.consume_attempt(attempt(1)).await, Ok(true));
    assert_eq!(store.complete_sign_in(sign_in(1)).await, Ok(new(user(1))));

    let row = User { id: user(1), profile: profile(1), created_at: at(1) };
    assert_eq!(store.user(user(1)).await, Ok(Some(row)));
    assert_eq!(store.identities_of(user(1)).await, Ok(vec![identity(1)]));
    let found = store.user_by_subject(&google(), &identity(1).subject).await;
    assert_eq!(found, Ok(Some(user(1))));
    assert_eq!(store.grant(grant_id(1)).await, Ok(Some(grant(1))));
    let session = store.session(&hash(1)).await.unwrap();
    assert_eq!(session.map(|session| session.user), Some(user(1)));
    let outcome = store.attempt_outcome(attempt_id(1)).await;
    assert_eq!(outcome, Ok(Some(AttemptOutcome::Done)));
    let event = Event {
        user: Some(user(1)),
        grant: Some(grant_id(1)),
        attempt: Some(attempt_id(1)),
        ..Event::new(EventKind::SignedIn, at(1))
    };
    assert_eq!(events(store.events(0, 9).await.unwrap()), [event]);
}

/// By the identity, and by nothing that the profile says.
pub async fn signing_in_again_finds_the_user_and_updates_the_profile(store: &dyn Store) {
    assert_eq!(store.complete_sign_in(sign_in(1)).await, Ok(new(user(1))));
    let full = Profile {
        email: Some("a\"'@example.com".to_owned()),
        email_verified: false,
        name: Some(ODD.repeat(100)),
        picture: Some("https://example.com/p?a=b&c=%20".to_owned()),
        hosted_domain: Some("corp.example".to_owned()),
    };
    let mut grant = grant(1);
    for (number, profile) in (100..).zip([full, Profile::default()]) {
        grant = next(&grant, at(number));
        let renewed = SignIn {
            profile: profile.clone(),
            grant: Some(grant.clone()),
            session: Some(session(number)),
            ..again(1)
        };
        assert_eq!(store.complete_sign_in(renewed).await, Ok(known(user(1))));
        let row = User { id: user(1), profile, created_at: at(1) };
        assert_eq!(store.users(None, 10).await, Ok(vec![row]));
    }
    assert_eq!(store.grants(None, 10).await, Ok(vec![grant]));
    assert_eq!(store.sessions_of(user(1)).await.unwrap().len(), 3);
}

/// What could not be asked for stays as it was told last; for somebody new it is nothing.
pub async fn what_is_untold_stays_as_it_is_stored(store: &dyn Store) {
    let full = Profile {
        email_verified: true,
        picture: Some("https://example.com/p".to_owned()),
        ..profile(1)
    };
    let first = SignIn { profile: full.clone(), ..sign_in(1) };
    assert_eq!(store.complete_sign_in(first).await, Ok(new(user(1))));
    let told = Profile {
        email: Some("told@example.com".to_owned()),
        email_verified: false,
        name: Some("Told".to_owned()),
        picture: None,
        hosted_domain: None,
    };
    let cases = [(true, false, false), (false, true, false), (false, false, true)];
    let mut grant = grant(1);
    let mut stored = full;
    for (number, (email, name, picture)) in (100..).zip(cases) {
        let untold = LeftOut { email, name, picture };
        grant = next(&grant, at(number));
        let (profile, session) = (told.clone(), Some(session(number)));
        let again = SignIn { profile, untold, grant: Some(grant.clone()), session, ..again(1) };
        assert_eq!(store.complete_sign_in(again).await, Ok(known(user(1))));
        stored = untold.filled(stored, told.clone());
        let row = store.user(user(1)).await.unwrap().map(|user| user.profile);
        assert_eq!(row.as_ref(), Some(&stored), "{untold:?}");
    }
    let untold = LeftOut { email: true, name: true, picture: true };
    let bare = SignIn { profile: Profile::default(), untold, ..sign_in(2) };
    assert_eq!(store.complete_sign_in(bare).await, Ok(new(user(2))));
    let row = store.user(user(2)).await.unwrap().map(|user| user.profile);
    assert_eq!(row, Some(Profile::default()));
}

/// An address is lent, not owned: it never joins two people. Nor do two issuers' equal subjects.
pub async fn another_subject_with_the_same_email_is_another_user(store: &dyn Store) {
    assert_eq!(store.complete_sign_in(sign_in(1)).await, Ok(new(user(1))));
    let same_email = SignIn { profile: profile(1), ..sign_in(2) };
    assert_eq!(store.complete_sign_in(same_email).await, Ok(new(user(2))));
    let elsewhere = Identity { issuer: "https://accounts.example".to_owned(), ..identity(1) };
    let same_subject = SignIn {
        identity: elsewhere.clone(),
        grant: Some(Grant { identity: elsewhere, ..grant(3) }),
        ..sign_in(3)
    };
    assert_eq!(store.complete_sign_in(same_subject).await, Ok(new(user(3))));
    assert_eq!(store.users(None, 10).await.unwrap().len(), 3);
}

/// With the grant that was given with it.
pub async fn a_new_identity_of_a_known_user_is_added_to_them(store: &dyn Store) {
    assert_eq!(store.complete_sign_in(sign_in(1)).await, Ok(new(user(1))));
    assert_eq!(store.complete_sign_in(sign_in_of(1, 2)).await, Ok(known(user(1))));
    let theirs = Ok(vec![identity(1), identity(2)]);
    assert_eq!(store.identities_of(user(1)).await, theirs);
    let grants = store.grants_of(user(1)).await.unwrap();
    assert_eq!(grants.len(), 2);
    assert!(grants.iter().all(|grant| grant.user == user(1)));
}

/// When one goes on.
pub async fn a_sign_in_without_a_session_opens_none(store: &dyn Store) {
    let quiet = SignIn { session: None, ..sign_in(1) };
    assert_eq!(store.complete_sign_in(quiet).await, Ok(new(user(1))));
    assert_eq!(store.sessions_of(user(1)).await, Ok(Vec::new()));
}

/// Whoever only proves who they are gives nothing, and what they gave before stays as it is. The event
/// names no grant then.
pub async fn a_sign_in_without_a_grant_leaves_grants_alone(store: &dyn Store) {
    let bare = |number| SignIn { grant: None, ..sign_in(number) };
    assert_eq!(store.complete_sign_in(bare(1)).await, Ok(new(user(1))));
    assert_eq!(store.grants(None, 10).await, Ok(Vec::new()));
    assert_eq!(store.identities_of(user(1)).await, Ok(vec![identity(1)]));
    assert!(store.session(&hash(1)).await.unwrap().is_some());

    assert_eq!(store.complete_sign_in(sign_in(2)).await, Ok(new(user(2))));
    let again = SignIn { grant: None, replaces: Some(hash(2)), ..again(2) };
    assert_eq!(store.complete_sign_in(again).await, Ok(known(user(2))));
    assert_eq!(store.grants(None, 10).await, Ok(vec![grant(2)]));
    assert_eq!(store.session(&hash(2)).await, Ok(None));
    let told: Vec<_> =
        events(store.events(0, 9).await.unwrap()).iter().map(|event| event.grant).collect();
    assert_eq!(told, [None, Some(grant_id(2)), None]);
}

/// Two sign-ins that both thought they were the first: the second must read again.
pub async fn inserting_a_grant_conflicts_with_the_grant_of_the_same_identity(store: &dyn Store) {
    assert_eq!(store.complete_sign_in(sign_in(1)).await, Ok(new(user(1))));
    let also_first = SignIn { grant: Some(Grant { id: grant_id(2), ..grant(1) }), ..again(1) };
    let signed_in = store.complete_sign_in(also_first).await;
    assert_eq!(signed_in, Err(StoreError::Conflict));
    let same_id = SignIn { grant: Some(Grant { id: grant_id(1), ..grant(2) }), ..sign_in(2) };
    let signed_in = store.complete_sign_in(same_id).await;
    assert_eq!(signed_in, Err(StoreError::Conflict));
    assert_eq!(store.grants(None, 10).await, Ok(vec![grant(1)]));
}

/// Tokens are sealed for a user before it is known who that is. Meanwhile the identity may have become somebody's, or
/// its user may have gone: written for another user they would never open again.
pub async fn a_grant_that_was_sealed_for_somebody_else_conflicts(store: &dyn Store) {
    let without = SignIn { grant: None, ..sign_in(1) };
    assert_eq!(store.complete_sign_in(without).await, Ok(new(user(1))));
    let for_another = Grant { user: user(2), ..grant(1) };
    let late = SignIn { new_user: user(2), grant: Some(for_another.clone()), ..again(1) };
    assert_eq!(store.complete_sign_in(late).await, Err(StoreError::Conflict));
    let of_one_who_went = SignIn { grant: Some(for_another), ..sign_in(3) };
    assert_eq!(store.complete_sign_in(of_one_who_went).await, Err(StoreError::Conflict));
    assert_eq!(store.grants(None, 10).await, Ok(vec![]));
    assert_eq!(store.users(None, 10).await.unwrap().len(), 1);
    let read_again = SignIn { new_user: user(2), grant: Some(grant(1)), ..again(1) };
    assert_eq!(store.complete_sign_in(read_again).await, Ok(known(user(1))));
    assert_eq!(store.grants(None, 10).await, Ok(vec![grant(1)]));
}

/// No user, no profile, no session, no event, no outcome; and the replaced session lives on.
pub async fn a_conflicting_sign_in_changes_nothing_at_all(store: &dyn Store) {
    assert_eq!(store.complete_sign_in(sign_in(1)).await, Ok(new(user(1))));
    for number in [2, 101] {
        assert_eq!(store.consume_attempt(attempt(number)).await, Ok(true));
    }
    let of_nobody =
        SignIn { grant: Some(next(&grant(2), at(2))), replaces: Some(hash(1)), ..sign_in(2) };
    let stale = SignIn {
        profile: Profile::default(),
        grant: Some(next(&next(&grant(1), at(5)), at(6))),
        replaces: Some(hash(1)),
        ..again(1)
    };
    for conflicting in [of_nobody, stale] {
        let attempt = conflicting.attempt;
        let signed_in = store.complete_sign_in(conflicting).await;
        assert_eq!(signed_in, Err(StoreError::Conflict));
        let outcome = store.attempt_outcome(attempt).await;
        assert_eq!(outcome, Ok(Some(AttemptOutcome::Pending)));
    }
    let users = store.users(None, 10).await.unwrap();
    let profiles: Vec<Profile> = users.into_iter().map(|user| user.profile).collect();
    assert_eq!(profiles, [profile(1)]);
    let named = store.user_by_subject(&google(), &identity(2).subject).await;
    assert_eq!(named, Ok(None));
    assert_eq!(store.grants(None, 10).await, Ok(vec![grant(1)]));
    assert!(store.session(&hash(1)).await.unwrap().is_some());
    assert_eq!(store.session(&hash(2)).await, Ok(None));
    assert_eq!(store.session(&hash(101)).await, Ok(None));
    assert_eq!(store.events(0, 10).await.unwrap().len(), 1);
}

/// Forty-nine are told to read again.
pub async fn fifty_parallel_first_sign_ins_make_one_user(store: &dyn Store) {
    let first = |caller: u64| {
        store.complete_sign_in(SignIn {
            new_user: user(caller + 1),
            session: Some(session(caller + 1)),
            grant: Some(Grant { id: grant_id(caller + 1), user: user(caller + 1), ..grant(1) }),
            ..sign_in(1)
        })
    };
    let results = in_parallel(50, first);
    let conflicts = |result: &&Result<SignedIn, StoreError>| **result == Err(StoreError::Conflict);
    assert_eq!(results.iter().filter(conflicts).count(), 49);
    let users = store.users(None, 100).await.unwrap();
    assert_eq!(users.len(), 1);
    let grants = store.grants(None, 100).await.unwrap();
    assert_eq!(grants.len(), 1);
    assert_eq!(grants[0].user, users[0].id);
    let sessions = store.sessions_of(users[0].id).await.unwrap();
    assert_eq!(sessions.len(), 1);
}

/// A browser has one session; whose it was does not matter.
pub async fn the_session_that_is_replaced_ends(store: &dyn Store) {
    assert_eq!(store.complete_sign_in(sign_in(1)).await, Ok(new(user(1))));
    let instead = SignIn { replaces: Some(hash(1)), ..sign_in(2) };
    assert_eq!(store.complete_sign_in(instead).await, Ok(new(user(2))));
    assert_eq!(store.session(&hash(1)).await, Ok(None));
    assert!(store.session(&hash(2)).await.unwrap().is_some());
}
