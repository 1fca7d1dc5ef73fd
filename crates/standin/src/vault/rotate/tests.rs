use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::entropy::SystemEntropy;
use crate::secret::{AccessToken, RefreshToken};
use crate::store::conformance::samples::{at, grant_id, next, sign_in};
use crate::store::memory::MemoryStore;
use crate::store::{DataKeys as _, Grants as _, Rewraps as _, Users as _, whole};
use crate::time::MockClock;
use crate::vault::{Binding, Destination, KekName, SealedTokens};

/// A vault, the operator who changes its keys, and a service that does not know of him.
struct Place {
    keys: KeyFile,
    store: Arc<MemoryStore>,
    clock: Arc<MockClock>,
    service: Vault,
    rotation: Rotation,
}

impl Place {
    async fn new() -> Self {
        let keys = KeyFile::generate(&SystemEntropy);
        let store = Arc::new(MemoryStore::default());
        let clock = Arc::new(MockClock::new(Timestamp::from_unix_ms(1_766_000_000_000)));
        let service = vault(&keys, &store, &clock).await.unwrap();
        let rotation = rotation(&keys, &store, &clock).await;
        Self { keys, store, clock, service, rotation }
    }

    async fn with_grants(count: u64) -> Self {
        let place = Self::new().await;
        for number in 1..=count {
            place.sign_in(number).await;
        }
        place
    }

    fn seal(&self, grant: &Grant, access: &str, refresh: &str) -> SealedTokens {
        let binding = Binding::of(grant, grant.generation);
        let (access, refresh) = (AccessToken::new(access), RefreshToken::new(refresh));
        self.service.seal_tokens(&binding, &access, Some(&refresh), at(0), &SystemEntropy).unwrap()
    }

    async fn sign_in(&self, number: u64) {
        let mut first = sign_in(number);
        first.grant = first.grant.map(|grant| {
            let tokens = self.seal(&grant, "access", &format!("refresh-{number}"));
            Grant { tokens, ..grant }
        });
        self.store.complete_sign_in(first).await.unwrap();
    }

    async fn grant(&self, number: u64) -> Grant {
        self.store.grant(grant_id(number)).await.unwrap().unwrap()
    }

    /// As a service does it that has read the grant.
    async fn refresh(&self, grant: &Grant, refresh: &str) -> Result<()> {
        self.service.keep_up().await;
        let mut grant = next(grant, self.clock.now());
        grant.generation += 1;
        grant.tokens = self.seal(&grant, "access", refresh);
        Ok(self.store.replace_grant(grant, None).await?)
    }

    async fn opened(&self, number: u64) -> String {
        let grant = self.grant(number).await;
        self.service.learn(grant.tokens.iter()).await.unwrap();
        self.service.open_refresh(&grant).unwrap().unwrap().expose().to_owned()
    }

    /// Another data key, as an operator changes to it who takes his time.
    async fn change_key(&self) -> u32 {
        let id = self.rotation.add().await.unwrap();
        self.clock.advance(SETTLED);
        self.rotation.activate(id).await.unwrap();
        id
    }

    async fn retire(&self, id: u32, under_way: UnderWay) -> Result<()> {
        Rotation::retire(&*self.store, &*self.clock, id, under_way).await
    }

    async fn remove(&self, id: u32) -> Result<()> {
        Rotation::remove(&*self.store, &*self.clock, id).await
    }

    async fn rewrap_all(&self) -> Rewrapped {
        let mut rewrap = self.rotation.rewrap();
        while rewrap.next_batch(3).await.unwrap() {}
        rewrap.done()
    }

    async fn states(&self) -> Vec<(u32, DataKeyState, u64)> {
        let keys = Rotation::list(&*self.store).await.unwrap();
        keys.iter().map(|key| (key.row.id, key.state, key.grants)).collect()
    }
}

async fn vault(
    keys: &KeyFile,
    store: &Arc<MemoryStore>,
    clock: &Arc<MockClock>,
) -> std::result::Result<Vault, VaultError> {
    Vault::open(keys, store.clone(), clock.clone(), &SystemEntropy).await
}

async fn rotation(keys: &KeyFile, store: &Arc<MemoryStore>, clock: &Arc<MockClock>) -> Rotation {
    let entropy = Arc::new(SystemEntropy);
    Rotation::open(keys, store.clone(), clock.clone(), entropy).await.unwrap()
}

#[tokio::test]
async fn vc_6_the_whole_way_ends_with_no_row_under_the_old_key_and_all_opens() {
    let place = Place::with_grants(10).await;
    assert_eq!(place.change_key().await, 2);
    assert_eq!(place.rotation.left().await, Ok(10));
    assert_eq!(place.rewrap_all().await, Rewrapped { rows: 10, ..Rewrapped::default() });
    assert_eq!(place.rotation.left().await, Ok(0));
    place.clock.advance(ATTEMPT_LIFETIME + SETTLED);
    place.retire(1, UnderWay::LetFinish).await.unwrap();
    place.clock.advance(SETTLED);
    place.remove(1).await.unwrap();
    let removed = (1, DataKeyState::Removed, 0);
    assert_eq!(place.states().await, [removed, (2, DataKeyState::Active, 10)]);
    assert!(place.store.data_keys().await.unwrap()[0].wrapped.is_empty());

    let restarted = vault(&place.keys, &place.store, &place.clock).await.unwrap();
    for number in 1..=10 {
        assert_eq!(place.opened(number).await, format!("refresh-{number}"));
        assert!(restarted.open_access(&place.grant(number).await).unwrap().is_some());
    }
    assert_eq!(place.rotation.add().await, Ok(3), "an id is never given twice");
}

#[tokio::test]
async fn vc_6_whoever_stops_after_any_batch_goes_on_from_there() {
    const ROWS: u64 = 7;
    for batch in 1..=3 {
        for stops_after in 0..=ROWS + 2 {
            let place = Place::with_grants(ROWS).await;
            place.change_key().await;
            let mut rewrap = place.rotation.rewrap();
            for _ in 0..stops_after {
                rewrap.next_batch(batch).await.unwrap();
            }
            let before = rewrap.done().rows;
            drop(rewrap);
            assert_eq!(place.rotation.left().await, Ok(ROWS - before));
            // The next process reads its keys anew.
            let again = rotation(&place.keys, &place.store, &place.clock).await;
            let mut rewrap = again.rewrap();
            while rewrap.next_batch(batch).await.unwrap() {}
            assert_eq!(before + rewrap.done().rows, ROWS, "each row once");
            assert_eq!(again.left().await, Ok(0));
            for number in 1..=ROWS {
                assert_eq!(place.opened(number).await, format!("refresh-{number}"));
            }
        }
    }
}

#[tokio::test]
async fn vc_6_a_refresh_during_a_batch_is_never_overwritten() {
    let place = Place::with_grants(2).await;
    place.change_key().await;
    place.rotation.vault.keep_up().await;
    let read = place.store.grants_to_rewrap(2, None, 10).await.unwrap();
    let batch = whole(read.rows.clone()).unwrap();
    let mut rewrap = place.rotation.rewrap();

    place.refresh(&batch[0], "rotated").await.unwrap();
    rewrap.grants(read).await.unwrap();
    assert_eq!((rewrap.done().rows, rewrap.moved), (1, 1));
    assert_eq!(place.opened(1).await, "rotated");

    // And the other way round: the refresh was decided over a row that has been sealed again since.
    let late = place.refresh(&batch[1], "late").await;
    assert_eq!(late, Err(RotationError::Changed));
    place.refresh(&place.grant(2).await, "on time").await.unwrap();
    while rewrap.next_batch(10).await.unwrap() {}
    assert_eq!(place.rotation.left().await, Ok(0));
    assert_eq!([place.opened(1).await, place.opened(2).await], ["rotated", "on time"]);
}

#[tokio::test]
async fn vc_6_a_key_is_needed_until_its_last_row_is_rewrapped() {
    let place = Place::with_grants(2).await;
    let id = place.change_key().await;
    place.clock.advance(ATTEMPT_LIFETIME + SETTLED);
    let mut rewrap = place.rotation.rewrap();
    for grants in [2, 1] {
        let in_use = RotationError::InUse { key: 1, grants, revocations: 0 };
        let retired = place.retire(1, UnderWay::LetFinish).await;
        assert_eq!(retired, Err(in_use));
        rewrap.next_batch(1).await.unwrap();
    }
    assert_eq!(place.retire(id, UnderWay::CutOff).await, Err(RotationError::IsActive(id)));
    assert_eq!(place.remove(1).await, Err(RotationError::NotRetired(1)));
    assert_eq!(place.retire(9, UnderWay::CutOff).await, Err(RotationError::Unknown(9)));
    place.retire(1, UnderWay::LetFinish).await.unwrap();
    let again = place.retire(1, UnderWay::CutOff).await;
    assert_eq!(again, Err(RotationError::IsRetired(1)));
    assert_eq!(place.rotation.activate(1).await, Err(RotationError::IsRetired(1)));
}

#[tokio::test]
async fn vc_6_every_wait_is_kept_to_the_millisecond() {
    let place = Place::with_grants(1).await;
    let millisecond = Duration::from_millis(1);
    let almost = SETTLED.saturating_sub(millisecond);
    let id = place.rotation.add().await.unwrap();
    place.clock.advance(almost);
    let early = RotationError::Unsettled { key: id, wait: millisecond };
    assert_eq!(place.rotation.activate(id).await, Err(early));
    place.clock.advance(millisecond);
    place.rotation.activate(id).await.unwrap();

    place.rewrap_all().await;
    place.clock.advance(almost);
    let early = RotationError::Unsettled { key: 1, wait: millisecond };
    assert_eq!(place.retire(1, UnderWay::CutOff).await, Err(early));
    place.clock.advance(ATTEMPT_LIFETIME);
    let early = RotationError::SignInsUnderWay { key: 1, wait: millisecond };
    assert_eq!(place.retire(1, UnderWay::LetFinish).await, Err(early));
    place.clock.advance(millisecond);
    place.retire(1, UnderWay::LetFinish).await.unwrap();

    place.clock.advance(almost);
    let early = RotationError::Unsettled { key: 1, wait: millisecond };
    assert_eq!(place.remove(1).await, Err(early));
    place.clock.advance(millisecond);
    place.remove(1).await.unwrap();
}

#[tokio::test]
async fn vc_6_a_service_learns_of_a_new_key_without_a_restart() {
    let place = Place::with_grants(1).await;
    let id = place.rotation.add().await.unwrap();
    assert!(!place.service.ring.now().knows(id));
    place.clock.advance(SETTLED);
    place.rotation.activate(id).await.unwrap();
    place.rewrap_all().await;

    // By a row that names it,
    assert_eq!(place.opened(1).await, "refresh-1");
    assert_eq!(place.service.ring.now().active(), id);
    // and two seconds later in any case, before it seals.
    let third = place.change_key().await;
    place.service.keep_up().await;
    assert_eq!(place.service.ring.now().active(), third);
}

#[tokio::test]
async fn vc_6_a_key_that_nobody_has_is_looked_for_once_and_then_missed() {
    let place = Place::with_grants(1).await;
    let mut grant = place.grant(1).await;
    let unknown = [&super::super::header(77)[..], &[0; 40]].concat();
    grant.tokens.refresh = Some(Sealed::from_bytes(unknown));
    place.clock.advance(SETTLED);
    place.service.learn(grant.tokens.iter()).await.unwrap();
    assert_eq!(place.service.open_refresh(&grant), Err(VaultError::KeyMissing));
    let read = place.service.ring.now();
    place.service.learn(grant.tokens.iter()).await.unwrap();
    assert!(Arc::ptr_eq(&read, &place.service.ring.now()), "not read again within a second");
}

#[tokio::test]
async fn vc_6_a_process_that_slept_through_the_rotation_cannot_write_under_the_old_key() {
    let place = Place::with_grants(1).await;
    let read = place.grant(1).await;
    let asleep = {
        let mut grant = next(&read, place.clock.now());
        grant.tokens = place.seal(&grant, "access", "rotated");
        grant
    };
    place.change_key().await;
    let unmoved = place.grant(1).await;
    place.rewrap_all().await;
    place.clock.advance(ATTEMPT_LIFETIME + SETTLED);
    place.retire(1, UnderWay::LetFinish).await.unwrap();
    let over_the_newest = Grant { version: unmoved.version + 2, ..asleep };
    let written = place.store.replace_grant(over_the_newest, None).await;
    assert_eq!(written, Err(StoreError::Conflict));
    // Read again, seal again: what every caller does who hears of a conflict.
    place.refresh(&place.grant(1).await, "rotated").await.unwrap();
    assert_eq!(place.opened(1).await, "rotated");
    assert_eq!(place.rotation.left().await, Ok(0));
}

#[tokio::test]
async fn vc_6_a_copy_that_was_read_before_the_key_was_removed_still_opens_for_a_moment() {
    let place = Place::with_grants(1).await;
    let copy = place.grant(1).await;
    place.change_key().await;
    place.rewrap_all().await;
    place.clock.advance(SETTLED);
    place.retire(1, UnderWay::CutOff).await.unwrap();
    place.clock.advance(SETTLED);
    place.remove(1).await.unwrap();
    place.clock.advance(SETTLED);
    place.service.keep_up().await;
    assert!(place.service.open_refresh(&copy).is_ok());
    place.clock.advance(Duration::from_secs(10));
    place.service.keep_up().await;
    assert_eq!(place.service.open_refresh(&copy), Err(VaultError::KeyMissing));
    assert_eq!(place.opened(1).await, "refresh-1");
}

#[tokio::test]
async fn vc_6_a_row_that_does_not_open_is_left_as_it_is_and_keeps_its_key() {
    let place = Place::with_grants(3).await;
    let mut damaged = next(&place.grant(2).await, place.clock.now());
    damaged.tokens.refresh = place.grant(1).await.tokens.refresh;
    place.store.replace_grant(damaged.clone(), None).await.unwrap();
    place.change_key().await;
    assert_eq!(place.rewrap_all().await, Rewrapped { rows: 2, unreadable: 1, put_off: 0 });
    assert_eq!(place.grant(2).await, damaged);
    place.clock.advance(ATTEMPT_LIFETIME + SETTLED);
    let in_use = RotationError::InUse { key: 1, grants: 1, revocations: 0 };
    assert_eq!(place.retire(1, UnderWay::LetFinish).await, Err(in_use));
}

/// In another round its key was there: it stayed counted as one that stays as it is.
#[tokio::test]
async fn vc_6_a_row_that_was_put_off_and_sealed_in_another_round_is_not_counted_as_put_off() {
    let place = Place::with_grants(1).await;
    place.change_key().await;
    let mut rewrap = place.rotation.rewrap();
    (rewrap.at, rewrap.moved) = (Position::Revocations(None), 1);
    rewrap.put_off.insert((None, grant_id(1)));
    while rewrap.next_batch(3).await.unwrap() {}
    assert_eq!(rewrap.done(), Rewrapped { rows: 1, unreadable: 0, put_off: 0 });
}

#[tokio::test]
async fn vc_6_waiting_revocations_are_rewrapped_too() {
    let place = Place::with_grants(1).await;
    let (token, destination) =
        (RefreshToken::new("1//dying"), Destination::of(&place.grant(1).await));
    let sealed =
        place.service.seal_revocation(grant_id(1), &token, &destination, &SystemEntropy).unwrap();
    let row = RevocationRow {
        sealed_token: sealed.as_bytes().to_vec(),
        ..crate::store::conformance::samples::revocation(1)
    };
    place.store.queue_revocation(row).await.unwrap();
    place.change_key().await;
    assert_eq!(place.rewrap_all().await.rows, 2);
    let due = place.store.due_revocations(Timestamp::from_unix_ms(i64::MAX), 10).await.unwrap();
    let sealed = Sealed::from_bytes(due[0].sealed_token.clone());
    assert_eq!(sealed.data_key(), Some(2));
    place.service.learn([&sealed]).await.unwrap();
    let (token, opened) = place.service.open_revocation(&due[0]).unwrap();
    assert_eq!((token.expose(), opened), ("1//dying", destination));
}

#[tokio::test]
async fn vc_6_a_new_key_encryption_key_takes_over_and_the_old_one_can_go() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.toml");
    write_private(&path, &KeyFile::generate(&SystemEntropy));
    let place = {
        let keys = KeyFile::read(&path).unwrap();
        let store = Arc::new(MemoryStore::default());
        let clock = Arc::new(MockClock::new(Timestamp::from_unix_ms(1_766_000_000_000)));
        let service = vault(&keys, &store, &clock).await.unwrap();
        let rotation = rotation(&keys, &store, &clock).await;
        Place { keys, store, clock, service, rotation }
    };
    place.sign_in(1).await;
    let second = KeyFile::change(&path, |keys| Ok(keys.add(&SystemEntropy))).unwrap();
    assert_eq!(second, "k2");
    assert_eq!(place.rotation.rewrap_data_keys(WrapAgain::Others).await, Ok(0));
    KeyFile::change(&path, |keys| keys.activate("k2")).unwrap();
    let wraps = RotationError::Wraps { kek: "k1".into(), data_keys: 1 };
    assert_eq!(Rotation::refuse_if_wrapping(&*place.store, "k1").await, Err(wraps));
    assert_eq!(place.rotation.rewrap_data_keys(WrapAgain::Others).await, Ok(1));
    assert_eq!(place.rotation.rewrap_data_keys(WrapAgain::Others).await, Ok(0));
    Rotation::remove_kek(&path, &*place.store, "k1").await.unwrap();

    // A service that began with the old file learns a data key that only the new one unwraps.
    place.change_key().await;
    place.rewrap_all().await;
    assert_eq!(place.opened(1).await, "refresh-1");
    // A copy of the old file does not open the vault any more (requirement VC-7).
    let old = vault(&place.keys, &place.store, &place.clock).await;
    let not_named = VaultError::NotNamed { key: 1, kek: "k2".to_owned() };
    assert_eq!(old.err(), Some(not_named));
    let new = vault(&KeyFile::read(&path).unwrap(), &place.store, &place.clock).await.unwrap();
    assert!(new.open_refresh(&place.grant(1).await).unwrap().is_some());
}

#[test]
fn vc_6_the_key_file_is_changed_as_a_whole_or_not_at_all() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.toml");
    let draft = directory.path().join("keys.toml.new");
    let names = || std::fs::read_dir(directory.path()).unwrap().count();
    write_private(&path, &KeyFile::generate(&SystemEntropy));
    let before = std::fs::read(&path).unwrap();
    for refused in [
        KeyFile::change(&path, |keys| keys.remove("k1")),
        KeyFile::change(&path, |keys| keys.activate("k2")),
        KeyFile::change(&path, |keys| keys.remove("k2")),
    ] {
        assert!(refused.is_err() && names() == 1);
    }
    let locked = KeyFile::lock(&path).unwrap();
    let busy = KeyFile::change(&path, |keys| Ok(keys.add(&SystemEntropy)));
    assert!(matches!(busy, Err(KeyFileError::Busy(_))), "{busy:?}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    drop(locked);

    // Whoever was killed before the rename has left this behind, and nothing that is locked.
    std::fs::write(&draft, "half a file").unwrap();
    KeyFile::change(&path, |keys| Ok(keys.add(&SystemEntropy))).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(KeyFile::read(&path).unwrap().ids().eq(["k1", "k2"]) && names() == 1);
}

/// Others than its owner may read it: the service does so by its group.
#[test]
fn vc_9_a_key_file_of_names_stays_readable_to_whoever_reads_it_and_takes_no_key_in_while_it_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.toml");
    let [first, second]: [KekName; 2] =
        ["env:KEK", "vault:transit/standin"].map(|name| name.parse().unwrap());
    write_private(&path, &KeyFile::naming(&first, &[]));
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    let open = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(&path, open).unwrap();
    KeyFile::change(&path, |keys| keys.add_external(&second)).unwrap();
    assert_eq!(mode(), 0o640);

    let before = std::fs::read(&path).unwrap();
    let refused = KeyFile::change(&path, |keys| Ok(keys.add(&SystemEntropy))).unwrap_err();
    assert!(refused.to_string().contains("chmod 600"), "{refused}");
    assert_eq!((std::fs::read(&path).unwrap(), mode()), (before, 0o640));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    KeyFile::change(&path, |keys| Ok(keys.add(&SystemEntropy))).unwrap();
    assert!(mode() == 0o600 && KeyFile::read(&path).is_ok());
}

fn write_private(path: &Path, keys: &KeyFile) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, keys.to_toml().unwrap().as_bytes()).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// What may happen, in any order.
#[derive(Clone, Debug)]
enum Step {
    Add,
    Activate(u32),
    Batch(usize),
    /// The rewrap is killed; the next one begins anew.
    Kill,
    Refresh(u64),
    /// A service reads a grant; its refresh is written when it finishes.
    Read(u64),
    Finish,
    Retire(u32),
    Remove(u32),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => Just(Step::Add),
        2 => (1..5_u32).prop_map(Step::Activate),
        6 => (1..4_usize).prop_map(Step::Batch),
        1 => Just(Step::Kill),
        2 => (1..6_u64).prop_map(Step::Refresh),
        2 => (1..6_u64).prop_map(Step::Read),
        2 => Just(Step::Finish),
        2 => (1..5_u32).prop_map(Step::Retire),
        1 => (1..5_u32).prop_map(Step::Remove),
        3 => (0..7_u64).prop_map(Step::Wait),
    ]
}

/// Runs the steps; in the end every grant opens to the token that its last successful writer gave it.
async fn in_any_order(steps: Vec<Step>) {
    let place = Place::with_grants(5).await;
    let name = |number| format!("refresh-{number}");
    let mut tokens: BTreeMap<u64, String> = (1..=5).map(|number| (number, name(number))).collect();
    let (mut rewrap, mut under_way, mut count) = (place.rotation.rewrap(), None, 0);
    for step in steps {
        count += 1;
        match step {
            Step::Add => drop(place.rotation.add().await),
            Step::Activate(id) => drop(place.rotation.activate(id).await),
            Step::Batch(rows) => {
                if !rewrap.next_batch(rows).await.unwrap() {
                    rewrap = place.rotation.rewrap();
                }
            }
            Step::Kill => rewrap = place.rotation.rewrap(),
            Step::Refresh(number) => {
                let token = format!("refreshed-{count}");
                place.refresh(&place.grant(number).await, &token).await.unwrap();
                tokens.insert(number, token);
            }
            Step::Read(number) => under_way = Some((number, place.grant(number).await)),
            Step::Finish => {
                if let Some((number, grant)) = under_way.take() {
                    let token = format!("finished-{count}");
                    if place.refresh(&grant, &token).await.is_ok() {
                        tokens.insert(number, token);
                    }
                }
            }
            Step::Retire(id) => drop(place.retire(id, UnderWay::CutOff).await),
            Step::Remove(id) => drop(place.remove(id).await),
            Step::Wait(seconds) => place.clock.advance(Duration::from_secs(seconds)),
        }
        let states = place.states().await;
        let active = states.iter().filter(|key| key.1 == DataKeyState::Active).count();
        assert_eq!(active, 1, "{states:?}");
        assert!(
            states.iter().all(|key| key.2 == 0 || key.1 != DataKeyState::Removed),
            "{states:?}"
        );
    }
    let restarted = vault(&place.keys, &place.store, &place.clock).await.unwrap();
    for (number, token) in tokens {
        let opened = restarted.open_refresh(&place.grant(number).await).unwrap();
        assert_eq!(opened.unwrap().expose(), token);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn vc_6_no_order_of_changes_loses_a_token(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(in_any_order(steps));
    }
}

async fn place_with_file(path: &Path) -> Place {
    write_private(path, &KeyFile::generate(&SystemEntropy));
    let keys = KeyFile::read(path).unwrap();
    let store = Arc::new(MemoryStore::default());
    let clock = Arc::new(MockClock::new(Timestamp::from_unix_ms(1_766_000_000_000)));
    let service = vault(&keys, &store, &clock).await.unwrap();
    let rotation = rotation(&keys, &store, &clock).await;
    Place { keys, store, clock, service, rotation }
}

#[tokio::test]
async fn vc_6_nobody_wraps_while_a_key_encryption_key_is_taken_out_nor_the_other_way_round() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.toml");
    let place = place_with_file(&path).await;
    KeyFile::change(&path, |keys| Ok(keys.add(&SystemEntropy))).unwrap();
    KeyFile::change(&path, |keys| keys.activate("k2")).unwrap();
    let before = place.store.data_keys().await.unwrap();
    let locked = KeyFile::lock(&path).unwrap();
    for refused in [
        place.rotation.add().await.map(drop),
        place.rotation.rewrap_data_keys(WrapAgain::Others).await.map(drop),
        Rotation::remove_kek(&path, &*place.store, "k1").await,
    ] {
        let is_busy = matches!(&refused, Err(RotationError::Vault(VaultError::KeyFile(text))) if text.contains("another process"));
        assert!(is_busy, "{refused:?}");
    }
    assert_eq!(place.store.data_keys().await.unwrap(), before);
    drop(locked);
    let wraps = RotationError::Wraps { kek: "k1".into(), data_keys: 1 };
    assert_eq!(Rotation::remove_kek(&path, &*place.store, "k1").await, Err(wraps));
    assert_eq!(place.rotation.rewrap_data_keys(WrapAgain::Others).await, Ok(1));
    assert_eq!(Rotation::remove_kek(&path, &*place.store, "k1").await, Ok(()));
    assert!(KeyFile::read(&path).unwrap().ids().eq(["k2"]));
    // The first key of a vault may be being made under any of them.
    let empty = MemoryStore::default();
    KeyFile::change(&path, |keys| Ok(keys.add(&SystemEntropy))).unwrap();
    let removed = Rotation::remove_kek(&path, &empty, "k3").await;
    assert_eq!(removed, Err(RotationError::NoDataKey));
}

/// Between the two looks at the rows a service wraps a tenant's key with it, and an operator adds another.
#[tokio::test]
async fn vc_6_a_key_encryption_key_that_is_put_back_undoes_nobody_elses_change() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.toml");
    let place = place_with_file(&path).await;
    KeyFile::change(&path, |keys| Ok(keys.add(&SystemEntropy))).unwrap();
    let before = KeyFile::read(&path).unwrap();
    KeyFile::change(&path, |keys| keys.activate("k2")).unwrap();
    KeyFile::change(&path, |keys| keys.remove("k1")).unwrap();
    KeyFile::change(&path, |keys| Ok(keys.add(&SystemEntropy))).unwrap();
    for _ in 0..2 {
        let put_back = |keys: &mut KeyFile| {
            keys.put_back(&before, "k1");
            Ok(())
        };
        KeyFile::change(&path, put_back).unwrap();
        let now = KeyFile::read(&path).unwrap();
        assert!(now.ids().eq(["k2", "k3", "k1"]), "{:?}", now.ids().collect::<Vec<_>>());
        assert_eq!(now.active(), "k2");
        assert!(vault(&now, &place.store, &place.clock).await.is_ok(), "it is the same key");
    }
}

/// One damaged row must not keep an operator from moving the others.
#[tokio::test]
async fn vc_6_a_data_key_that_is_damaged_keeps_no_other_from_being_wrapped_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.toml");
    let place = place_with_file(&path).await;
    for tenant in ["a", "b"] {
        place.service.prepare(Some(tenant), &SystemEntropy).await.unwrap();
    }
    let rows = place.store.data_keys().await.unwrap();
    let (version, wrapped) = (rows[1].version + 1, rows[0].wrapped.clone());
    let damaged = DataKeyRow { version, wrapped, ..rows[1].clone() };
    place.store.replace_data_key(damaged.clone()).await.unwrap();
    KeyFile::change(&path, |keys| Ok(keys.add(&SystemEntropy))).unwrap();
    KeyFile::change(&path, |keys| keys.activate("k2")).unwrap();
    for _ in 0..2 {
        let said = place.rotation.rewrap_data_keys(WrapAgain::Others).await;
        assert!(
            matches!(said, Err(RotationError::Vault(VaultError::Unwrap { key: 2, .. }))),
            "{said:?}"
        );
        let rows = place.store.data_keys().await.unwrap();
        let by: Vec<&str> = rows.iter().map(|row| row.wrapped_by.as_str()).collect();
        assert_eq!((by, &rows[1]), (vec!["k2", "k1", "k2"], &damaged));
    }
}

/// Nobody may be sealing with it: that it does not open is nobody's trouble.
#[tokio::test]
async fn vc_6_a_data_key_that_is_damaged_and_that_no_row_needs_can_go() {
    let place = Place::with_grants(1).await;
    assert_eq!(place.rotation.add().await, Ok(2));
    let row = place.store.data_keys().await.unwrap().remove(1);
    let damaged = DataKeyRow { version: row.version + 1, wrapped: vec![0; 60], ..row };
    place.store.replace_data_key(damaged).await.unwrap();
    let refused = vault(&place.keys, &place.store, &place.clock).await;
    assert!(matches!(refused, Err(VaultError::Unwrap { key: 2, .. })), "{refused:?}");
    place.retire(2, UnderWay::LetFinish).await.unwrap();

    let opened = vault(&place.keys, &place.store, &place.clock).await.unwrap();
    let ring = opened.ring.now();
    assert!(ring.left_out().map(|(id, ..)| id).eq([2]), "it is named as long as it is there");
    assert!(opened.open_refresh(&place.grant(1).await).unwrap().is_some());
    place.clock.advance(SETTLED);
    place.remove(2).await.unwrap();
    let opened = vault(&place.keys, &place.store, &place.clock).await.unwrap();
    assert_eq!(opened.ring.now().left_out().count(), 0);
}

#[test]
fn the_name_of_a_key_encryption_key_is_never_given_twice() {
    let mut keys = KeyFile::generate(&SystemEntropy);
    assert_eq!(keys.add(&SystemEntropy), "k2");
    keys.remove("k2").unwrap();
    assert_eq!(keys.add(&SystemEntropy), "k3");
}

#[test]
fn two_links_to_one_key_file_share_a_lock() {
    let directory = tempfile::tempdir().unwrap();
    let (path, link) = (directory.path().join("keys.toml"), directory.path().join("link.toml"));
    write_private(&path, &KeyFile::generate(&SystemEntropy));
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let locked = KeyFile::lock(&link).unwrap();
    assert!(matches!(KeyFile::lock(&path), Err(KeyFileError::Busy(_))));
    drop(locked);
    KeyFile::change(&link, |keys| Ok(keys.add(&SystemEntropy))).unwrap();
    assert!(link.is_symlink() && KeyFile::read(&path).unwrap().ids().count() == 2);
}

#[tokio::test]
async fn a_queued_revocation_opens_for_no_other_provider() {
    let place = Place::with_grants(1).await;
    let (token, grant) = (RefreshToken::new("1//dying"), place.grant(1).await);
    let destination = Destination::of(&grant);
    let sealed =
        place.service.seal_revocation(grant.id, &token, &destination, &SystemEntropy).unwrap();
    let row = RevocationRow {
        sealed_token: sealed.as_bytes().to_vec(),
        ..crate::store::conformance::samples::revocation(1)
    };
    assert!(place.service.open_revocation(&row).is_ok());
    let moved = RevocationRow { provider: "elsewhere".parse().unwrap(), ..row };
    assert_eq!(place.service.open_revocation(&moved).err(), Some(VaultError::DoesNotOpen));
    for (address, is_allowed) in [
        (grant.token_endpoint.as_str(), true),
        (grant.identity.issuer.as_str(), true),
        ("https://evil.example/revoke", false),
    ] {
        assert_eq!(destination.allows(&address.parse().unwrap()), is_allowed, "{address}");
    }
}

#[tokio::test]
async fn a_refused_key_is_read_again_at_once_however_young_the_ring_is() {
    let place = Place::with_grants(1).await;
    place.change_key().await;
    place.service.keep_up().await;
    let newer = place.rotation.add().await.unwrap();
    let rows = place.store.data_keys().await.unwrap();
    let row = rows.iter().find(|row| row.id == newer).unwrap().clone();
    let activated = data_key::activated(row, &rows, place.clock.now());
    place.store.replace_data_key(activated).await.unwrap();
    place.service.keep_up().await;
    assert_ne!(place.service.ring.now().active(), newer, "too young to be read again");
    place.service.catch_up().await;
    assert_eq!(place.service.ring.now().active(), newer);
}

#[tokio::test]
async fn nothing_is_begun_with_keys_that_cannot_be_read_and_are_too_old() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.toml");
    let place = place_with_file(&path).await;
    place.change_key().await;
    std::fs::remove_file(&path).unwrap();
    let service = &place.service;
    place.clock.advance(SETTLED);
    assert!(matches!(service.require_current().await, Err(VaultError::KeyFile(_))));
    // The next who comes is not the next who reads.
    write_private(&path, &place.keys);
    assert!(service.require_current().await.is_err());
    place.clock.advance(Duration::from_secs(1));
    assert_eq!(service.require_current().await, Ok(()));
}

#[test]
fn of_two_keys_activated_in_one_millisecond_the_later_number_supersedes() {
    let row = |id| DataKeyRow {
        id,
        version: 1,
        wrapped_by: "k1".into(),
        wrapped: Vec::new(),
        key_check: None,
        tenant: None,
        created_at: Timestamp::from_unix_ms(1),
        activated_at: Some(Timestamp::from_unix_ms(5)),
        retired_at: None,
        removed_at: None,
    };
    let rows = [row(1), row(2)];
    assert_eq!(data_key::superseded_at(&rows[0], &rows), Some(Timestamp::from_unix_ms(5)));
    assert_eq!(data_key::superseded_at(&rows[1], &rows), None);
}
