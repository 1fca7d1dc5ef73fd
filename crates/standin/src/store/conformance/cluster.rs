//! Whatever takes something back is noted with it, for every node, and struck here before it returns.

use std::time::Duration;

use super::samples::{at, client, google, grant, hash_bytes, identity, next, sign_in, trace, user};
use crate::id::{AttemptId, NodeId};
use crate::provider::Scopes;
use crate::store::{
    About, Bulletin, Committed, DataKeyRow, Duties, Epoch, Event, EventKind, LOOKBACK, News,
    Outdated, RefreshCommit, SignIn, Signal, SpentKind, Store, SubjectId, Unlinked, Watch,
};
use crate::time::{Clock as _, SystemClock};
use crate::vault::{Grant, GrantState, NamedToken, ReauthReason};

/// What one thing is watched for, while something is done.
struct Watched<'s> {
    store: &'s dyn Store,
    thing: Outdated,
    watch: Watch,
}

impl<'s> Watched<'s> {
    fn new(store: &'s dyn Store, thing: Outdated) -> Self {
        let marks = store.marks();
        Self { store, thing, watch: Watch::new(marks.now(), [marks.place(&thing)]) }
    }

    fn is_struck(&self) -> bool {
        !self.store.marks().stand(&self.watch)
    }

    async fn is_told(&self) -> bool {
        tells(&bulletin(self.store).await, self.thing)
    }

    async fn assert_outdated(&self) {
        assert!(self.is_struck(), "{:?} is not struck", self.thing);
        assert!(self.is_told().await, "{:?} is not told", self.thing);
    }

    async fn assert_untouched(&self) {
        assert!(!self.is_struck(), "{:?} is struck", self.thing);
        assert!(!self.is_told().await, "{:?} is told", self.thing);
    }
}

/// All that was told in the last seconds: a law takes no longer.
async fn bulletin(store: &dyn Store) -> Bulletin {
    store.bulletin(SystemClock.now()).await.unwrap()
}

fn tells(bulletin: &Bulletin, thing: Outdated) -> bool {
    bulletin.notes.iter().any(|note| note.outdated == thing)
}

fn subject(number: u64) -> Outdated {
    Outdated::Subject(SubjectId::of(&google(), &identity(number).subject))
}

async fn signed_in(store: &dyn Store) -> Grant {
    store.complete_sign_in(sign_in(1)).await.unwrap();
    grant(1)
}

fn node(number: u8) -> NodeId {
    NodeId::from_bytes([number; 16])
}

/// With its event or with the ledger of its scopes; and nothing if it conflicts.
pub async fn a_grant_that_is_replaced_is_outdated(store: &dyn Store) {
    let stored = signed_in(store).await;
    let watched = Watched::new(store, Outdated::Grant(stored.id));
    assert!(store.replace_grant(next(&next(&stored, at(8)), at(8)), None).await.is_err());
    assert!(!watched.is_told().await);
    let first = next(&stored, at(8));
    store.replace_grant(first.clone(), None).await.unwrap();
    watched.assert_outdated().await;
    let watched = Watched::new(store, Outdated::Grant(stored.id));
    store.change_scopes(first.revoked(at(9)), Vec::new(), Vec::new()).await.unwrap();
    watched.assert_outdated().await;
}

fn commit(grant: Grant, outdates: bool) -> RefreshCommit {
    RefreshCommit { grant, scopes: Vec::new(), events: Vec::new(), lease: None, outdates }
}

/// A refresh leaves the token before it alone, unless it is said to end it, or ends the grant.
pub async fn a_refresh_outdates_a_grant_only_if_it_says_so_or_the_grant_is_dead(store: &dyn Store) {
    let mut stored = signed_in(store).await;
    let dead = |grant: &Grant| grant.clone().refused(ReauthReason::Revoked, at(9));
    let renewed = |grant: &Grant| next(grant, at(8));
    let watched = Watched::new(store, Outdated::Grant(stored.id));
    stored = renewed(&stored);
    assert_eq!(store.commit_refresh(commit(stored.clone(), false)).await, Ok(Committed::Written));
    watched.assert_untouched().await;
    stored = renewed(&stored);
    assert_eq!(store.commit_refresh(commit(stored.clone(), true)).await, Ok(Committed::Written));
    watched.assert_outdated().await;
    let watched = Watched::new(store, Outdated::Grant(stored.id));
    assert_eq!(store.commit_refresh(commit(dead(&stored), false)).await, Ok(Committed::Written));
    watched.assert_outdated().await;
}

/// A provider says that it has revoked the token.
pub async fn a_grant_that_is_withdrawn_is_outdated(store: &dyn Store) {
    let stored = signed_in(store).await;
    let watched = Watched::new(store, Outdated::Grant(stored.id));
    let token = NamedToken::Hash(trace(1).hash);
    let duties = Duties { withdraw_grants: true, ..Duties::NONE };
    let about = About::Token { provider: google(), token };
    let news = News { about, duties, before: at(100), detail: "tokens_revoked".to_owned() };
    let signal = Signal {
        kind: SpentKind::SecurityEvent,
        sha256: hash_bytes(1),
        remembered_until: at(9_999),
        at: at(200),
        news: vec![news],
    };
    assert_eq!(store.take_signal(signal).await, Ok(true));
    assert_eq!(store.grant(stored.id).await.unwrap().unwrap().state, GrantState::Reauth);
    watched.assert_outdated().await;
}

/// A new identity may make a subject mean nobody.
pub async fn a_new_identity_outdates_its_subject(store: &dyn Store) {
    let watched = Watched::new(store, subject(1));
    signed_in(store).await;
    watched.assert_outdated().await;
}

/// Whoever signs in day after day keeps no node from remembering.
pub async fn a_sign_in_that_changes_nothing_outdates_nothing(store: &dyn Store) {
    let stored = signed_in(store).await;
    let watched = [Outdated::User(user(1)), Outdated::Grant(stored.id)];
    let watched = watched.map(|thing| Watched::new(store, thing));
    let struck = Watched::new(store, subject(1));
    let again = SignIn { grant: Some(next(&stored, at(9))), ..again() };
    store.complete_sign_in(again).await.unwrap();
    for watched in watched {
        watched.assert_untouched().await;
    }
    assert!(!struck.is_struck());
}

fn again() -> SignIn {
    SignIn { session: None, attempt: AttemptId::from_bytes([9; 16]), ..sign_in(1) }
}

/// Other scopes, or another state: what is remembered of their grants may be another one's by now.
pub async fn a_sign_in_that_changes_a_grant_outdates_its_user(store: &dyn Store) {
    let stored = signed_in(store).await;
    let watched = Watched::new(store, Outdated::User(user(1)));
    let scopes = Scopes::parse("openid").unwrap();
    let narrower = Grant { scopes, ..next(&stored, at(9)) };
    let second = SignIn { grant: Some(narrower.clone()), ..again() };
    store.complete_sign_in(second).await.unwrap();
    watched.assert_outdated().await;

    store.replace_grant(narrower.clone().revoked(at(10)), None).await.unwrap();
    let watched = Watched::new(store, Outdated::User(user(1)));
    let revived = Grant { version: narrower.version + 2, ..next(&narrower, at(11)) };
    store.complete_sign_in(SignIn { grant: Some(revived), ..again() }).await.unwrap();
    assert!(watched.is_struck());
}

/// And so is whoever gives up one of several accounts.
pub async fn a_user_who_is_deleted_or_unlinked_is_outdated(store: &dyn Store) {
    signed_in(store).await;
    let second = SignIn {
        identity: identity(2),
        new_user: user(1),
        is_bound: true,
        grant: None,
        session: None,
        attempt: AttemptId::from_bytes([9; 16]),
        ..sign_in(2)
    };
    store.complete_sign_in(second).await.unwrap();
    let watched = Watched::new(store, Outdated::User(user(1)));
    let event = Event::new(EventKind::IdentityUnlinked, at(5));
    let unlinked = store.unlink_identity(user(1), &identity(2), event).await;
    assert_eq!(unlinked, Ok(Unlinked::Done));
    watched.assert_outdated().await;
    let watched = [1, 2].map(|number| Watched::new(store, Outdated::User(user(number))));
    assert_eq!(store.delete_user(user(2)).await, Ok(false));
    assert!(!watched[1].is_struck());
    assert_eq!(store.delete_user(user(1)).await, Ok(true));
    watched[0].assert_outdated().await;
}

/// And one that was not there, or not any more, is not.
pub async fn a_client_that_is_revoked_is_outdated(store: &dyn Store) {
    store.add_client(client(1)).await.unwrap();
    let watched = Watched::new(store, Outdated::Client(client(1).id));
    store.revoke_client(client(2).id, at(9)).await.unwrap();
    watched.assert_untouched().await;
    store.revoke_client(client(1).id, at(9)).await.unwrap();
    watched.assert_outdated().await;
}

/// What becomes visible when its second is over is found all the same.
pub async fn a_look_goes_back_further_than_any_statement_takes(store: &dyn Store) {
    let before = SystemClock.now();
    signed_in(store).await;
    store.delete_user(user(1)).await.unwrap();
    let deleted = Outdated::User(user(1));
    let looks = async |since: Duration| store.bulletin(before.after(since)).await.unwrap();
    let late = looks(LOOKBACK.saturating_sub(Duration::from_secs(1))).await;
    assert!(tells(&late, deleted));
    // Not for ever: a node reads a few seconds' notes, and not an hour's.
    let over = looks(LOOKBACK + Duration::from_mins(5)).await;
    assert!(over.notes.is_empty(), "{over:?}");
}

/// Also those that begin within one second. What was heard of every change since may be remembered again.
pub async fn every_change_is_news_once(store: &dyn Store) {
    let mut stored = signed_in(store).await;
    let mut heard = bulletin(store).await;
    for _ in 0..5 {
        stored = next(&stored, at(8));
        store.replace_grant(stored.clone(), None).await.unwrap();
        let look = store.bulletin(heard.settled).await.unwrap();
        assert_eq!(look.news(&heard).collect::<Vec<_>>(), [Outdated::Grant(stored.id)]);
        heard = store.bulletin(look.settled).await.unwrap();
        assert_eq!(heard.news(&look).collect::<Vec<_>>(), []);
        assert!(tells(&heard, Outdated::Grant(stored.id)));
    }
}

/// Each by itself, for every node to see; and each strikes what it is about.
pub async fn epochs_grow_and_are_told_whole(store: &dyn Store) {
    assert_eq!(bulletin(store).await.epochs, []);
    let marks = store.marks();
    let watch = || Watch::new(marks.now(), [marks.place(&google())]);
    let roll_call = watch();
    assert_eq!(store.begin_epoch(&Epoch::RollCall).await, Ok(1));
    assert_eq!(store.begin_epoch(&Epoch::RollCall).await, Ok(2));
    assert!(marks.stand(&roll_call));
    for epoch in [Epoch::Provider(google()), Epoch::Everything] {
        let watched = watch();
        assert_eq!(store.begin_epoch(&epoch).await, Ok(1));
        assert!(!marks.stand(&watched), "{epoch}");
    }
    let told = bulletin(store).await;
    let epochs = [(Epoch::Everything, 1), (Epoch::Provider(google()), 1), (Epoch::RollCall, 2)];
    assert_eq!(told.epochs, epochs);
    assert_eq!(told.roll_calls(), 2);
}

/// What it has sealed is to be read by nobody any more.
pub async fn a_data_key_that_is_removed_outdates_everything(store: &dyn Store) {
    let key = DataKeyRow {
        id: 1,
        version: 1,
        tenant: None,
        wrapped_by: "kek-1".to_owned(),
        wrapped: vec![1; 60],
        key_check: Some([1; 16]),
        created_at: at(1),
        activated_at: Some(at(1)),
        retired_at: None,
        removed_at: None,
    };
    store.add_data_key(key.clone()).await.unwrap();
    let retired = DataKeyRow { version: 2, retired_at: Some(at(2)), ..key };
    store.replace_data_key(retired.clone()).await.unwrap();
    assert_eq!(bulletin(store).await.epochs, []);
    let watch = Watch::new(store.marks().now(), []);
    let (wrapped, removed_at) = (Vec::new(), Some(at(3)));
    let removed = DataKeyRow { version: 3, wrapped, removed_at, ..retired };
    store.replace_data_key(removed).await.unwrap();
    assert!(!store.marks().stand(&watch));
    assert_eq!(bulletin(store).await.epochs, [(Epoch::Everything, 1)]);
}

/// Until it has heard it, or goes.
pub async fn a_node_is_behind_until_it_has_heard_the_roll_call(store: &dyn Store) {
    assert_eq!(store.nodes_behind(7).await, Ok(Vec::new()));
    for number in [1, 2] {
        store.report_node(node(number), 6).await.unwrap();
    }
    assert_eq!(store.nodes_behind(6).await, Ok(Vec::new()));
    assert_eq!(store.nodes_behind(7).await, Ok(vec![node(1), node(2)]));
    store.report_node(node(1), 7).await.unwrap();
    assert_eq!(store.nodes_behind(7).await, Ok(vec![node(2)]));
    store.remove_node(node(2)).await.unwrap();
    store.remove_node(node(3)).await.unwrap();
    assert_eq!(store.nodes_behind(8).await, Ok(vec![node(1)]));
}
