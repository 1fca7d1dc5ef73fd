//! What a provider tells is taken once, and ends what it means and nothing else.

use super::in_parallel;
use super::samples::{
    at, google, grant, hash, hash_bytes, identity, next, provider_session, refresh_token, session,
    sign_in, trace, user,
};
use crate::store::{About, Duties, EventKind, News, SessionHash, SignIn, Signal, SpentKind, Store};
use crate::time::Timestamp;
use crate::vault::{GrantState, NamedToken, ReauthReason, SealedTokens};
use crate::verify::ProviderSession;

const END: Duties = Duties { end_sessions: true, ..Duties::NONE };
const END_AND_WITHDRAW: Duties = Duties { withdraw_grants: true, ..END };

fn signal(number: u64, about: About, duties: Duties, before: Timestamp) -> Signal {
    Signal {
        kind: SpentKind::SecurityEvent,
        sha256: hash_bytes(number),
        remembered_until: at(9_000),
        at: at(500),
        news: vec![News { about, duties, before, detail: "told".to_owned() }],
    }
}

fn about(number: u64) -> About {
    About::Identity(identity(number))
}

async fn two_users(store: &dyn Store) {
    for number in [1, 2] {
        assert!(store.complete_sign_in(sign_in(number)).await.is_ok());
    }
}

/// One more session for user 1.
async fn again(store: &dyn Store, number: u64, from: Option<ProviderSession>) {
    let stored = store.grant_of_identity(&identity(1)).await.unwrap().unwrap();
    let sign_in = SignIn {
        session: Some(crate::store::NewSession { provider_session: from, ..session(number) }),
        grant: Some(next(&stored, at(number))),
        ..sign_in(1)
    };
    assert!(store.complete_sign_in(sign_in).await.is_ok());
}

async fn is_there(store: &dyn Store, hash: SessionHash) -> bool {
    store.session(&hash).await.unwrap().is_some()
}

/// However many deliveries race.
pub async fn a_signal_is_taken_exactly_once_by_fifty_parallel_callers(store: &dyn Store) {
    two_users(store).await;
    let taken = in_parallel(50, |_| store.take_signal(signal(1, about(1), END, at(100))));
    assert_eq!(taken.iter().filter(|taken| **taken == Ok(true)).count(), 1);
    assert_eq!(taken.iter().filter(|taken| **taken == Ok(false)).count(), 49);
    let events = store.events(0, 100).await.unwrap();
    let told = events.iter().filter(|stored| stored.event.kind == EventKind::ProviderSignal);
    assert_eq!(told.count(), 1);
}

/// It may be news of an account that was never here; it is remembered all the same.
pub async fn news_of_somebody_unknown_changes_nothing(store: &dyn Store) {
    two_users(store).await;
    assert_eq!(store.take_signal(signal(1, about(9), END_AND_WITHDRAW, at(100))).await, Ok(true));
    assert!(is_there(store, hash(1)).await && is_there(store, hash(2)).await);
    assert_eq!(store.grant_of_identity(&identity(1)).await, Ok(Some(grant(1))));
    let last = store.events(0, 100).await.unwrap().pop().unwrap().event;
    assert_eq!((last.kind, last.user), (EventKind::ProviderSignal, None));
    assert_eq!(last.detail.as_deref(), Some("told"));
}

/// Sessions and grants of that person, and of nobody else.
pub async fn news_of_a_person_ends_what_is_theirs(store: &dyn Store) {
    two_users(store).await;
    assert_eq!(store.take_signal(signal(1, about(1), END_AND_WITHDRAW, at(100))).await, Ok(true));
    assert!(!is_there(store, hash(1)).await && is_there(store, hash(2)).await);
    let gone = store.grant_of_identity(&identity(1)).await.unwrap().unwrap();
    assert_eq!((gone.state, gone.reason), (GrantState::Reauth, Some(ReauthReason::Revoked)));
    assert_eq!((gone.tokens, gone.scopes), (SealedTokens::default(), grant(1).scopes));
    assert_eq!((gone.version, gone.generation, gone.updated_at), (2, 2, at(500)));
    assert_eq!(store.grant_of_identity(&identity(2)).await, Ok(Some(grant(2))));
    let events = store.events(2, 100).await.unwrap();
    let kinds: Vec<_> = events.iter().map(|stored| stored.event.kind).collect();
    assert_eq!(kinds, [EventKind::GrantReauthRequired, EventKind::ProviderSignal]);
    assert!(events.iter().all(|stored| stored.event.user == Some(user(1))));
}

/// To the millisecond.
pub async fn news_that_is_older_than_a_session_or_a_token_leaves_it_alone(store: &dyn Store) {
    two_users(store).await;
    again(store, 60, None).await;
    let old = signal(1, about(1), END_AND_WITHDRAW, at(1));
    assert_eq!(store.take_signal(old).await, Ok(true));
    assert!(is_there(store, hash(1)).await && is_there(store, hash(60)).await);
    let left = store.grant_of_identity(&identity(1)).await.unwrap().unwrap();
    assert_eq!(left.state, GrantState::Active);
    let between = signal(2, about(1), END_AND_WITHDRAW, at(60));
    assert_eq!(store.take_signal(between).await, Ok(true));
    assert!(!is_there(store, hash(1)).await && is_there(store, hash(60)).await);
    // The row was written since, but the refresh token in it is the old one.
    let gone = store.grant_of_identity(&identity(1)).await.unwrap().unwrap();
    assert_eq!(gone.state, GrantState::Reauth);
}

/// By either of its names; sessions go on.
pub async fn news_of_a_token_withdraws_the_grant_that_holds_it(store: &dyn Store) {
    two_users(store).await;
    let token = refresh_token(2);
    let prefix = NamedToken::by_prefix(&token.expose()[..16]).unwrap();
    assert_eq!(prefix, NamedToken::Prefix(trace(2).prefix));
    let names = [NamedToken::Hash(trace(9).hash), NamedToken::Hash(trace(1).hash)];
    for (number, token) in (1..).zip(names) {
        let about = About::Token { provider: google(), token };
        let news = signal(number, about, END_AND_WITHDRAW, at(100));
        assert_eq!(store.take_signal(news).await, Ok(true));
    }
    let state = async |number| {
        let grant = store.grant_of_identity(&identity(number)).await.unwrap().unwrap();
        grant.state
    };
    assert_eq!((state(1).await, state(2).await), (GrantState::Reauth, GrantState::Active));
    let elsewhere = About::Token { provider: "entra".parse().unwrap(), token: prefix };
    let news = signal(3, elsewhere, END_AND_WITHDRAW, at(100));
    assert_eq!(store.take_signal(news).await, Ok(true));
    assert_eq!(state(2).await, GrantState::Active);
    let about = About::Token { provider: google(), token: prefix };
    assert_eq!(store.take_signal(signal(4, about, END_AND_WITHDRAW, at(100))).await, Ok(true));
    assert_eq!(state(2).await, GrantState::Reauth);
    assert!(is_there(store, hash(1)).await && is_there(store, hash(2)).await);
}

/// And those of the same person of which it is not known what they came from, if the person is named.
pub async fn news_of_a_session_ends_what_came_from_it(store: &dyn Store) {
    two_users(store).await;
    again(store, 60, Some(provider_session(60))).await;
    again(store, 61, None).await;
    let of = |identity| About::Session { session: provider_session(1), identity };
    assert_eq!(store.take_signal(signal(1, of(None), END, at(100))).await, Ok(true));
    assert!(!is_there(store, hash(1)).await && is_there(store, hash(61)).await);
    let named = signal(2, of(Some(identity(1))), END, at(61));
    assert_eq!(store.take_signal(named).await, Ok(true));
    assert!(is_there(store, hash(61)).await, "it was opened later");
    let named = signal(3, of(Some(identity(1))), END, at(62));
    assert_eq!(store.take_signal(named).await, Ok(true));
    assert!(!is_there(store, hash(61)).await);
    assert!(is_there(store, hash(60)).await && is_there(store, hash(2)).await);
}

/// In whichever order the news arrives.
pub async fn the_newest_standing_of_an_account_counts(store: &dyn Store) {
    two_users(store).await;
    let standing = |number, suspended, before| {
        signal(number, about(1), Duties { suspended: Some(suspended), ..Duties::NONE }, before)
    };
    let is_suspended = async |number| store.is_suspended(&identity(number)).await.unwrap();
    assert!(!is_suspended(1).await && !is_suspended(9).await);
    for (number, suspended, before, expected) in
        [(1, true, 50, true), (2, false, 49, true), (3, false, 51, false), (4, true, 50, false)]
    {
        let news = standing(number, suspended, at(before));
        assert_eq!(store.take_signal(news).await, Ok(true));
        assert_eq!(is_suspended(1).await, expected, "{number}");
    }
    assert!(!is_suspended(2).await);
    assert!(is_there(store, hash(1)).await);
}
