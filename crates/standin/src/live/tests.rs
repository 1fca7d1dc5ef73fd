//! What is kept is believed as long as it may be, and no longer.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::follow::{Follower, follow};
use super::hearing::{Began, TRUST};
use super::roll_call::call_roll;
use super::*;
use crate::error::Refusal;
use crate::id::NodeId;
use crate::secret::AccessToken;
use crate::store::conformance::samples::{
    at, client, google, grant, grant_id, identity, next, sign_in, user,
};
use crate::store::memory::{MemoryStore, Wire};
use crate::store::{
    Bulletin, Clients as _, Cluster as _, Epoch, Grants as _, Note, StoreError, Users as _,
};
use crate::time::MockClock;
use crate::vault::GrantState;

const NODE: NodeId = NodeId::from_bytes([7; 16]);
const HOUR: Duration = Duration::from_hours(1);

/// A node that has just looked, at somebody's sign-in, and remembers nothing yet.
struct Place {
    store: Arc<MemoryStore>,
    live: Live,
}

impl Place {
    async fn new() -> Self {
        let store = Arc::new(MemoryStore::default());
        store.complete_sign_in(sign_in(1)).await.unwrap();
        store.add_client(client(1)).await.unwrap();
        let live = live(&store, 1 << 20);
        Self { store, live }
    }

    /// One that remembers the token of [`request`].
    async fn with_a_token() -> Self {
        let place = Self::new().await;
        place.keep(&request());
        place
    }

    fn keep(&self, request: &VendRequest) {
        assert!(self.live.keep(self.live.begin(), client(1).id, request, &vended()));
    }

    fn finds(&self, request: &VendRequest) -> bool {
        self.live.find(client(1).id, request, at(0)).is_some()
    }

    fn follower(&self) -> Follower<'_> {
        Follower { live: &self.live, node: NODE, last: None, reported: None }
    }
}

fn live(store: &Arc<MemoryStore>, bytes: u64) -> Live {
    let clock = Arc::new(MockClock::new(at(0)));
    let live = Live::new(Arc::clone(store) as Arc<dyn Store>, clock, bytes);
    live.hearing.heard(heard(at(0)));
    live
}

fn heard(at: Timestamp) -> Began {
    Began { instant: Instant::now(), at }
}

fn request() -> VendRequest {
    VendRequest {
        user: UserSelector::Id(user(1)),
        provider: google(),
        scopes: Scopes::default(),
        min_ttl: Duration::from_mins(1),
        stale_token_sha256: None,
        purpose: None,
    }
}

/// By the provider's name for them.
fn by_subject() -> VendRequest {
    VendRequest { user: UserSelector::Subject(google(), identity(1).subject), ..request() }
}

fn vended() -> Vended {
    let token = FreshToken {
        access_token: AccessToken::new("ya29.canary"),
        issued_at: at(0),
        expires_at: at(0).after(HOUR),
        scopes: Scopes::parse("openid email").unwrap(),
        grant: grant_id(1),
    };
    Vended { token: Arc::new(token), user: user(1), expires_in: HOUR }
}

fn bulletin(seconds: i64, epochs: &[(Epoch, u64)], outdated: &[Outdated]) -> Bulletin {
    let second = 1_000_000 + seconds;
    let note = |&outdated| Note { second, outdated, changes: 1 };
    let (epochs, notes) = (epochs.to_vec(), outdated.iter().map(note).collect());
    Bulletin { settled: Timestamp::from_unix_seconds(second), epochs, notes }
}

#[tokio::test]
async fn tv_6_only_the_very_same_question_is_answered_from_memory() {
    let place = Place::with_a_token().await;
    let found = place.live.find(client(1).id, &request(), at(1_000)).unwrap();
    assert_eq!(found.token.access_token.expose(), "ya29.canary");
    assert_eq!(
        (found.user, found.expires_in),
        (user(1), HOUR.saturating_sub(Duration::from_secs(1)))
    );

    assert!(place.live.find(client(2).id, &request(), at(0)).is_none());
    for other in [
        VendRequest { user: UserSelector::Id(user(2)), ..request() },
        by_subject(),
        VendRequest { provider: "other".parse().unwrap(), ..request() },
        VendRequest { scopes: Scopes::parse("openid").unwrap(), ..request() },
    ] {
        assert!(!place.finds(&other), "{other:?}");
    }
    assert!(place.finds(&VendRequest { purpose: Some("backup".to_owned()), ..request() }));
}

#[tokio::test]
async fn tv_7_a_token_that_was_refused_or_does_not_live_long_enough_is_not_found() {
    let place = Place::with_a_token().await;
    let refused = Some(crate::secret::sha256(b"ya29.canary"));
    assert!(!place.finds(&VendRequest { stale_token_sha256: refused, ..request() }));
    let another = Some(crate::secret::sha256(b"ya29.another"));
    assert!(place.finds(&VendRequest { stale_token_sha256: another, ..request() }));

    assert!(!place.finds(&VendRequest { min_ttl: HOUR, ..request() }));
    let any = VendRequest { min_ttl: Duration::ZERO, ..request() };
    let found = |left: Duration| {
        let now = at(0).after(HOUR).before(left);
        place.live.hearing.heard(heard(now));
        place.live.find(client(1).id, &any, now).is_some()
    };
    assert!(found(HOUR / 10 + Duration::from_secs(1)));
    // From then on its successor may be due, and whoever reads the rows sees to that (requirement RF-8).
    assert!(!found(HOUR / 10 * 8 / 10));
    assert!(!found(MARGIN));
}

#[tokio::test]
async fn rf_10_what_this_process_takes_back_is_not_found_from_then_on() {
    let place = Place::with_a_token().await;
    place.store.replace_grant(grant(1).revoked(at(9)), None).await.unwrap();
    assert!(!place.finds(&request()));

    let place = Place::with_a_token().await;
    place.store.delete_user(user(1)).await.unwrap();
    assert!(!place.finds(&request()));

    let place = Place::with_a_token().await;
    place.store.revoke_client(client(1).id, at(9)).await.unwrap();
    assert!(!place.finds(&request()));
}

#[tokio::test]
async fn rf_10_what_was_read_before_it_was_taken_back_and_kept_after_is_not_found() {
    let place = Place::new().await;
    let reading = place.live.begin();
    place.store.replace_grant(grant(1).revoked(at(9)), None).await.unwrap();
    assert!(!place.live.keep(reading, client(1).id, &request(), &vended()));
    assert!(!place.finds(&request()));
}

/// A refresh was waited for, say, and somebody has taken something back meanwhile.
#[tokio::test]
async fn rf_10_a_token_is_decided_again_if_what_it_rests_on_was_taken_back_meanwhile() {
    for is_page in [false, true] {
        let place = Place::new().await;
        let (store, live) = (&place.store, &place.live);
        let decide = || async {
            match store.grant(grant_id(1)).await? {
                Some(stored) if stored.state == GrantState::Active => {
                    store.replace_grant(stored.revoked(at(9)), None).await?;
                    Ok(vended())
                }
                _ => Err(Refusal::NoGrant.into()),
            }
        };
        let still_holds = |reading, vended: &Vended| {
            let client = client(1).id;
            let is_kept = || live.keep(reading, client, &request(), vended);
            if is_page { live.stands(reading, &google(), vended) } else { is_kept() }
        };
        let decided = live.settled(decide, still_holds).await;
        assert_eq!(decided.unwrap_err(), Refusal::NoGrant.into(), "{is_page}");
        assert!(!place.finds(&request()));
    }
}

#[tokio::test]
async fn rf_10_a_token_is_not_given_while_what_it_rests_on_changes_all_the_time() {
    let place = Place::new().await;
    let (store, live) = (&place.store, &place.live);
    let keep = |reading, vended: &Vended| live.keep(reading, client(1).id, &request(), vended);
    let changes = AtomicU64::new(9);
    let decide = || async {
        if changes.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
            store.begin_epoch(&Epoch::Provider(google())).await?;
        }
        Ok(vended())
    };
    let refused = live.settled(decide, keep).await.unwrap_err();
    assert!(matches!(refused, Error::Store(StoreError::Unavailable(_))), "{refused:?}");
    assert!(!place.finds(&request()));
    changes.store(2, SeqCst);
    assert!(live.settled(decide, keep).await.is_ok());
    assert!(place.finds(&request()));
}

/// It cannot know of what others have taken back meanwhile.
#[tokio::test]
async fn rf_10_who_cannot_look_and_has_read_a_while_ago_reads_again() {
    let place = Place::new().await;
    let keep = |reading| place.live.keep(reading, client(1).id, &request(), &vended());
    let now = place.live.begin();
    let began = Began { instant: now.began.instant - TRUST, ..now.began };
    let a_while_ago = Reading { began, ..now };
    // The clock that stands still while a machine sleeps has not gone on.
    let before_a_sleep = Reading { began: heard(at(0).before(TRUST)), ..now };
    for reading in [a_while_ago, before_a_sleep] {
        assert!(keep(reading));
    }
    place.live.hearing.end();
    for reading in [a_while_ago, before_a_sleep] {
        assert!(!keep(reading));
    }
    assert!(keep(now));
}

#[tokio::test]
async fn a_refresh_because_the_time_is_up_lets_the_token_before_it_be() {
    let place = Place::with_a_token().await;
    let commit = crate::store::RefreshCommit {
        grant: next(&grant(1), at(9)),
        scopes: Vec::new(),
        events: Vec::new(),
        lease: None,
        outdates: false,
    };
    crate::store::Refreshes::commit_refresh(&*place.store, commit).await.unwrap();
    assert!(place.finds(&request()));
}

#[tokio::test]
async fn a_subject_that_may_mean_somebody_else_is_looked_up_again() {
    let place = Place::with_a_token().await;
    place.keep(&by_subject());
    assert!(place.finds(&by_subject()));
    let mut other_issuer = sign_in(2);
    other_issuer.identity.subject = identity(1).subject;
    other_issuer.identity.issuer = "https://elsewhere.example".to_owned();
    other_issuer.grant = None;
    place.store.complete_sign_in(other_issuer).await.unwrap();
    assert!(!place.finds(&by_subject()));
    assert!(place.finds(&request()));
}

#[tokio::test]
async fn tv_10_a_client_is_remembered_until_it_is_revoked() {
    let place = Place::new().await;
    let (key, sha256) = crate::vend::new_client_key(&crate::entropy::SystemEntropy);
    let row = ClientRow { key_sha256: sha256, ..client(2) };
    place.store.add_client(row.clone()).await.unwrap();
    let first = place.live.client(&key).await.unwrap().unwrap();
    let second = place.live.client(&key).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&first, &second) && *first == row);
    place.store.revoke_client(row.id, at(9)).await.unwrap();
    assert!(place.live.client(&key).await.unwrap().is_none());
    assert!(place.live.client_of(sha256).await.unwrap().is_none());
}

/// The promise rests on this: whoever cannot look reads rows.
#[tokio::test]
async fn rf_10_a_node_that_has_not_looked_for_a_while_finds_nothing_until_it_looks_again() {
    let mut place = Place::with_a_token().await;
    assert!(place.finds(&request()));
    // So much time goes by.
    place.live.hearing.start -= TRUST;
    assert!(!place.finds(&request()));
    let mut follower = place.follower();
    follower.last = Some(place.store.bulletin(at(0)).await.unwrap());
    follower.look().await.unwrap();
    assert!(place.finds(&request()));
}

/// When a token is given, a look has begun less than two seconds before.
#[test]
fn rf_10_trust_ends_well_before_the_promise_does() {
    assert!(TRUST <= Duration::from_millis(1_500));
}

#[tokio::test]
async fn rf_10_what_another_node_takes_back_is_not_found_after_a_look() {
    let place = Place::with_a_token().await;
    let mut follower = place.follower();
    follower.last = Some(bulletin(0, &[], &[]));
    follower.strike(&bulletin(1, &[], &[Outdated::Grant(grant_id(2))]));
    follower.strike(&bulletin(1, &[(Epoch::RollCall, 1)], &[]));
    assert!(place.finds(&request()));
    follower.strike(&bulletin(1, &[], &[Outdated::Grant(grant_id(1))]));
    assert!(!place.finds(&request()));
}

/// A node that goes on finding a note for half a minute forgets what it is about once.
#[tokio::test]
async fn what_was_taken_back_once_is_remembered_again_after_a_look() {
    let place = Place::with_a_token().await;
    let mut follower = place.follower();
    follower.look().await.unwrap();
    for version in [2, 3] {
        let changed = crate::vault::Grant { version, ..grant(1) };
        place.store.replace_grant(changed, None).await.unwrap();
        assert!(!place.finds(&request()));
        place.keep(&request());
        follower.look().await.unwrap();
        assert!(!place.finds(&request()));
        place.keep(&request());
        for _ in 0..3 {
            follower.look().await.unwrap();
            assert!(place.finds(&request()));
        }
    }
}

/// Of the same second, and told by two looks.
#[tokio::test]
async fn rf_10_a_note_that_counts_another_change_is_heard_again() {
    let place = Place::with_a_token().await;
    let mut follower = place.follower();
    let note = |changes| {
        let one = bulletin(1, &[], &[Outdated::Grant(grant_id(1))]);
        let notes = one.notes.iter().map(|note| Note { changes, ..*note }).collect();
        Bulletin { notes, ..one }
    };
    follower.last = Some(note(1));
    follower.strike(&note(1));
    assert!(place.finds(&request()));
    follower.strike(&note(2));
    assert!(!place.finds(&request()));
}

#[tokio::test]
async fn an_epoch_that_has_moved_or_gone_ends_what_it_is_about() {
    let everything = |count| (Epoch::Everything, count);
    let provider = |name: &str| (Epoch::Provider(name.parse().unwrap()), 1);
    for (before, after, is_found) in [
        (vec![everything(4)], vec![everything(4)], true),
        (vec![everything(4)], vec![everything(5)], false),
        (vec![everything(4)], vec![everything(3)], false),
        (vec![everything(4)], vec![], false),
        (vec![], vec![provider("other")], true),
        (vec![], vec![provider("google")], false),
    ] {
        let place = Place::with_a_token().await;
        let mut follower = place.follower();
        follower.last = Some(bulletin(0, &before, &[]));
        follower.strike(&bulletin(0, &after, &[]));
        assert_eq!(place.finds(&request()), is_found, "{before:?} {after:?}");
    }
}

#[tokio::test]
async fn nothing_is_believed_after_a_gap_that_notes_may_have_fallen_into() {
    for (last, is_found) in [
        (Some(0), true),
        (Some(-2_999), true),
        (Some(-3_000), false),
        (Some(1), false),
        (None, false),
    ] {
        let place = Place::with_a_token().await;
        let mut follower = place.follower();
        follower.last = last.map(|seconds| bulletin(seconds, &[], &[]));
        follower.strike(&bulletin(0, &[], &[]));
        assert_eq!(place.finds(&request()), is_found, "{last:?}");
    }
}

/// Otherwise whoever takes something back in between would be told that it was heard everywhere.
#[tokio::test]
async fn rf_10_a_node_says_that_it_is_there_before_it_listens() {
    let tap = Arc::new(Tap::default());
    let store = Arc::new(MemoryStore::default().over(Arc::clone(&tap) as Arc<dyn Wire>));
    let live = live(&store, 0);
    let mut follower = Follower { live: &live, node: NODE, last: None, reported: None };
    follower.look().await.unwrap();
    assert_eq!(tap.take(), ["report_node", "bulletin"]);
    follower.look().await.unwrap();
    assert_eq!(tap.take(), ["bulletin"]);
    store.begin_epoch(&Epoch::RollCall).await.unwrap();
    follower.look().await.unwrap();
    assert_eq!(tap.take(), ["bulletin", "report_node"]);
    assert_eq!(store.nodes_behind(1).await, Ok(Vec::new()));
    // And when it has not said so for a while, by either clock.
    let awhile = Duration::from_secs(2);
    let by_the_wall = heard(at(0).before(awhile));
    let by_the_other = Began { instant: Instant::now() - awhile, at: at(0) };
    for reported in [by_the_wall, by_the_other] {
        follower.reported = Some((reported, 1));
        follower.look().await.unwrap();
        assert_eq!(tap.take(), ["report_node", "bulletin"]);
    }
    assert_eq!(store.nodes_behind(1).await, Ok(Vec::new()));
}

/// What a node asks of its database, in turn.
#[derive(Debug, Default)]
struct Tap(Mutex<Vec<&'static str>>);

impl Tap {
    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[async_trait]
impl Wire for Tap {
    async fn there(&self, what: &'static str) -> Result<(), StoreError> {
        self.0.lock().unwrap().push(what);
        Ok(())
    }

    async fn back(&self, _: &'static str) -> Result<(), StoreError> {
        Ok(())
    }

    fn now(&self) -> Timestamp {
        at(0)
    }
}

/// Until the roll call that there is none of yet would be waited for.
async fn appears(store: &MemoryStore) {
    while store.nodes_behind(1).await != Ok(vec![NODE]) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_node_is_there_hears_roll_calls_and_goes() {
    let place = Place::new().await;
    let stop = CancellationToken::new();
    let store = &*place.store;
    tokio::join!(follow(&place.live, NODE, &stop), async {
        appears(store).await;
        assert_eq!(call_roll(store, Duration::from_mins(1)).await, Ok(true));
        place.keep(&request());
        stop.cancel();
    });
    assert!(!place.finds(&request()));
    assert_eq!(store.nodes_behind(99).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_node_that_hears_nothing_is_not_waited_for_for_ever() {
    let place = Place::new().await;
    place.store.report_node(NODE, 0).await.unwrap();
    assert_eq!(call_roll(&*place.store, Duration::ZERO).await, Ok(false));
}

#[tokio::test]
async fn no_more_is_kept_than_there_is_room_for() {
    let store = Arc::new(MemoryStore::default());
    for (bytes, most) in [(0, 0), (4_000, 8)] {
        let live = live(&store, bytes);
        for number in 1..100 {
            let request = VendRequest { user: UserSelector::Id(user(number)), ..request() };
            live.keep(live.begin(), client(1).id, &request, &vended());
        }
        live.tokens.run_pending_tasks();
        assert!(live.tokens.entry_count() <= most, "{}", live.tokens.entry_count());
    }
}
