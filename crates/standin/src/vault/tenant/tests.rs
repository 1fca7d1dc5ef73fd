use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;

use super::*;
use crate::entropy::SystemEntropy;
use crate::secret::{AccessToken, RefreshToken};
use crate::store::conformance::samples::{at, next, sign_in};
use crate::store::memory::MemoryStore;
use crate::store::{DataKeyRow, DataKeys as _, Grants as _, StoreError, Users as _};
use crate::time::{Clock as _, MockClock};
use crate::vault::kek::KekError;
use crate::vault::kek::stand_in::{Mood, StandIn, TOO_OLD};
use crate::vault::{
    Binding, DataKeyState, KeyFile, Rewrapped, Rotation, UnderWay, Vault, VaultError, WrapAgain,
};

fn identity(provider: &str, issuer: &str) -> Identity {
    let (provider, issuer) = (provider.parse().unwrap(), issuer.to_owned());
    Identity { provider, issuer, subject: "1".to_owned() }
}

#[test]
fn an_account_belongs_to_its_provider_or_to_its_organisation_or_to_nobody() {
    const TID: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    let google = identity("google", "https://accounts.google.com");
    let entra = identity("entra", &format!("https://login.microsoftonline.com/{TID}/v2.0"));
    let private = Profile::default();
    let of_work = Profile { hosted_domain: Some("corp.example".to_owned()), ..Profile::default() };
    let other = identity("okta", "https://login.example/");
    for (rule, identity, profile, wanted) in [
        (TenantRule::Domain, &other, &of_work, None),
        (TenantRule::Off, &google, &of_work, None),
        (TenantRule::Provider, &google, &of_work, Some("google")),
        (TenantRule::Domain, &google, &of_work, Some("corp.example")),
        (TenantRule::Domain, &google, &private, None),
        (TenantRule::Domain, &entra, &private, Some(TID)),
        (TenantRule::Provider, &entra, &private, Some("entra")),
    ] {
        let is_google = identity.provider.as_str() == "google";
        let tenant = rule.of(identity, profile, is_google);
        assert_eq!(tenant.as_deref(), wanted, "{rule:?} {identity:?}");
    }
}

const CORP: Option<&str> = Some("corp.example");

/// A store and a clock that stands still, and the keys to both.
struct Place {
    keys: KeyFile,
    store: Arc<MemoryStore>,
    clock: Arc<MockClock>,
}

impl Place {
    fn new() -> Self {
        let keys = KeyFile::generate(&SystemEntropy);
        Self { keys, store: Arc::default(), clock: Arc::new(MockClock::new(at(1_000))) }
    }

    /// A process.
    async fn vault(&self) -> Vault {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        Vault::open(&self.keys, store, clock, &SystemEntropy).await.unwrap()
    }

    async fn rotation(&self) -> Rotation {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        Rotation::open(&self.keys, store, clock, Arc::new(SystemEntropy)).await.unwrap()
    }

    /// Somebody of this tenant signs in.
    async fn sign_in(&self, vault: &Vault, number: u64, tenant: Option<&str>) -> Grant {
        vault.prepare(tenant, &SystemEntropy).await.unwrap();
        let mut first = sign_in(number);
        let grant = first.grant.take().unwrap();
        let binding = Binding { holder: super::super::Holder::Tenant(tenant), ..of(&grant) };
        let tokens = seal(vault, &binding, number).unwrap();
        first.grant = Some(Grant { tokens, ..grant });
        self.store.complete_sign_in(first.clone()).await.unwrap();
        self.store.grant(first.grant.unwrap().id).await.unwrap().unwrap()
    }

    async fn states(&self) -> Vec<(u32, Option<String>, DataKeyState, u64)> {
        let keys = Rotation::list(&*self.store).await.unwrap();
        keys.into_iter().map(|key| (key.row.id, key.row.tenant, key.state, key.grants)).collect()
    }

    async fn change(&self, id: u32, change: impl FnOnce(DataKeyRow) -> DataKeyRow) {
        let rows = self.store.data_keys().await.unwrap();
        let row = rows.into_iter().find(|row| row.id == id).unwrap();
        let version = row.version + 1;
        let row = DataKeyRow { version, ..change(row) };
        self.store.replace_data_key(row).await.unwrap();
    }
}

fn of(grant: &Grant) -> Binding<'_> {
    Binding::of(grant, grant.generation)
}

fn seal(
    vault: &Vault,
    binding: &Binding<'_>,
    number: u64,
) -> Result<crate::vault::SealedTokens, VaultError> {
    let access = AccessToken::new("access");
    let refresh = RefreshToken::new(format!("refresh-{number}"));
    vault.seal_tokens(binding, &access, Some(&refresh), at(0), &SystemEntropy)
}

fn key_of(grant: &Grant) -> u32 {
    grant.tokens.refresh.as_ref().unwrap().data_key().unwrap()
}

fn opened(vault: &Vault, grant: &Grant) -> Result<String, VaultError> {
    Ok(vault.open_refresh(grant)?.unwrap().expose().to_owned())
}

#[tokio::test]
async fn vc_15_a_tenants_key_is_made_when_it_is_first_needed_and_known_everywhere_at_once() {
    let place = Place::new();
    let (here, there) = (place.vault().await, place.vault().await);
    let nobodys = place.sign_in(&here, 1, None).await;
    let theirs = place.sign_in(&here, 2, CORP).await;
    let again = place.sign_in(&here, 3, CORP).await;
    let other = place.sign_in(&here, 4, Some("other.example")).await;
    let keys = [&nobodys, &theirs, &again, &other].map(key_of);
    assert_eq!(keys, [1, 2, 2, 3]);
    // The clock has not moved: the other process has just read its keys, and none of these.
    for (number, grant) in (1..).zip([&nobodys, &theirs, &again, &other]) {
        there.learn(grant.tokens.iter()).await.unwrap();
        assert_eq!(opened(&there, grant), Ok(format!("refresh-{number}")));
    }
    let elsewhere = Grant { tokens: theirs.tokens.clone(), ..other };
    assert_eq!(opened(&there, &elsewhere), Err(VaultError::DoesNotOpen));
}

#[tokio::test]
async fn vc_15_of_many_who_need_a_tenants_first_key_at_once_one_makes_it() {
    let place = Place::new();
    let mut vaults = Vec::new();
    for _ in 0..10 {
        vaults.push(place.vault().await);
    }
    let names = ["a", "b", "c"];
    let needed = vaults.iter().flat_map(|vault| {
        names.map(|name| async move { vault.prepare(Some(name), &SystemEntropy).await })
    });
    let prepared = futures_util::future::join_all(needed).await;
    assert!(prepared.iter().all(Result::is_ok), "{prepared:?}");
    let mut tenants: Vec<_> =
        place.store.data_keys().await.unwrap().into_iter().map(|row| row.tenant).collect();
    tenants.sort();
    assert_eq!(tenants, [None, Some("a".into()), Some("b".into()), Some("c".into())]);
}

#[tokio::test]
async fn vc_15_a_refresh_and_a_rewrap_stay_with_the_tenant() {
    let place = Place::new();
    let vault = place.vault().await;
    let nobodys = place.sign_in(&vault, 1, None).await;
    let theirs = place.sign_in(&vault, 2, CORP).await;
    let refreshed =
        Grant { tokens: seal(&vault, &of(&theirs), 2).unwrap(), ..next(&theirs, at(5)) };
    assert_eq!(key_of(&refreshed), 2);

    let rotation = place.rotation().await;
    let unknown = rotation.add_for("nobody.example").await;
    assert!(unknown.is_err_and(|error| error.to_string().contains("nobody.example")));
    assert_eq!(rotation.add_for("corp.example").await, Ok(3));
    place.clock.advance(Duration::from_secs(10));
    rotation.activate(3).await.unwrap();
    assert_eq!(rotation.left().await, Ok(1));
    let mut rewrap = rotation.rewrap();
    while rewrap.next_batch(10).await.unwrap() {}
    assert_eq!((rewrap.done().rows, rotation.left().await), (1, Ok(0)));
    let moved = place.store.grant(theirs.id).await.unwrap().unwrap();
    let stayed = place.store.grant(nobodys.id).await.unwrap().unwrap();
    assert_eq!((key_of(&moved), &stayed), (3, &nobodys));
    place.clock.advance(Duration::from_secs(10));
    let (store, clock) = (&*place.store, &*place.clock);
    Rotation::retire(store, clock, 2, UnderWay::CutOff).await.unwrap();
    place.clock.advance(Duration::from_secs(10));
    Rotation::remove(store, clock, 2).await.unwrap();
    let corp = CORP.map(str::to_owned);
    assert_eq!(
        place.states().await,
        [
            (1, None, DataKeyState::Active, 1),
            (2, corp.clone(), DataKeyState::Removed, 0),
            (3, corp, DataKeyState::Active, 1)
        ]
    );
    vault.learn(moved.tokens.iter()).await.unwrap();
    assert_eq!(opened(&vault, &moved), Ok("refresh-2".to_owned()));
}

/// One tenant's key that is damaged is that tenant's trouble; everybody's key is everybody's.
#[tokio::test]
async fn vc_15_a_tenants_key_that_does_not_unwrap_concerns_its_grants_alone() {
    let place = Place::new();
    let vault = place.vault().await;
    let nobodys = place.sign_in(&vault, 1, None).await;
    let theirs = place.sign_in(&vault, 2, CORP).await;
    let rows = place.store.data_keys().await.unwrap();
    place.change(2, |row| DataKeyRow { wrapped: rows[0].wrapped.clone(), ..row }).await;

    let restarted = place.vault().await;
    assert_eq!(opened(&restarted, &nobodys), Ok("refresh-1".to_owned()));
    let why = opened(&restarted, &theirs).unwrap_err();
    assert!(why.is_damage() && why.to_string().contains("data key 2"), "{why}");
    assert_eq!(seal(&restarted, &of(&theirs), 2), Err(why));
    place.change(2, |_| rows[1].clone()).await;
    restarted.catch_up().await;
    restarted.learn(theirs.tokens.iter()).await.unwrap();
    assert_eq!(opened(&restarted, &theirs), Ok("refresh-2".to_owned()), "once it is put back");

    place.change(1, |row| DataKeyRow { wrapped: rows[1].wrapped.clone(), ..row }).await;
    let (store, clock) = (place.store.clone(), place.clock.clone());
    let refused = Vault::open(&place.keys, store, clock, &SystemEntropy).await;
    assert!(matches!(refused, Err(VaultError::Unwrap { key: 1, .. })));
}

/// Whoever can write the database must not give one tenant's tokens to another by its key.
#[tokio::test]
async fn vc_15_a_data_key_does_not_unwrap_for_another_tenant() {
    let place = Place::new();
    let vault = place.vault().await;
    let theirs = place.sign_in(&vault, 2, CORP).await;
    let stolen = {
        let mut rows = place.store.data_keys().await.unwrap();
        DataKeyRow { tenant: Some("other.example".to_owned()), ..rows.remove(1) }
    };
    assert_eq!(place.store.replace_data_key(stolen.clone()).await, Err(StoreError::Conflict));
    let copy = Place { keys: place.keys.clone(), ..Place::new() };
    let everybodys = place.store.data_keys().await.unwrap().remove(0);
    copy.store.add_data_key(everybodys).await.unwrap();
    copy.store.add_data_key(stolen).await.unwrap();
    assert!(opened(&copy.vault().await, &theirs).is_err_and(|error| error.is_damage()));
}

#[tokio::test]
async fn vc_15_what_a_destroyed_key_sealed_opens_no_more_and_nothing_is_sealed_in_its_place() {
    let place = Place::new();
    let vault = place.vault().await;
    let theirs = place.sign_in(&vault, 2, CORP).await;
    let now = at(1_000);
    place.change(2, |row| DataKeyRow { retired_at: Some(now), ..row }).await;
    place.change(2, |row| super::super::data_key_destroyed(row, now)).await;
    place.clock.advance(Duration::from_mins(1));
    vault.catch_up().await;
    assert_eq!(opened(&vault, &theirs), Err(VaultError::KeyDestroyed));
    assert_eq!(seal(&vault, &of(&theirs), 2), Err(VaultError::TenantKeyMissing));
    let anew = place.sign_in(&vault, 3, CORP).await;
    assert_eq!(key_of(&anew), 3);
}

/// A process beside the others, whose way to a key service is its own.
async fn with_a_way_of_its_own(place: &Place) -> (Vault, StandIn) {
    let service = StandIn::new();
    let keys = place.keys.clone().reaching(service.keys(place.clock.clone()));
    let (store, clock) = (place.store.clone(), place.clock.clone());
    (Vault::open(&keys, store, clock, &SystemEntropy).await.unwrap(), service)
}

impl Place {
    /// A tenant's grant under data key 2, whose new key 3 a vault knows of and does not reach.
    async fn with_a_new_key_out_of_reach(&self, there: &Vault, way: &StandIn) -> Grant {
        let theirs = self.sign_in(there, 2, CORP).await;
        let rotation = self.rotation().await;
        assert_eq!(rotation.add_for("corp.example").await, Ok(3));
        self.clock.advance(Duration::from_secs(10));
        rotation.activate(3).await.unwrap();
        way.is(Mood::Hangs);
        there.keep_up().await;
        theirs
    }

    /// The key-encryption key is with a service.
    fn at_a_service() -> (Self, StandIn) {
        let service = StandIn::new();
        let place = Self::new();
        let keys = KeyFile::naming(&"vault:transit/standin".parse().unwrap(), &[]);
        let keys = keys.reaching(service.keys(place.clock.clone()));
        (Self { keys, ..place }, service)
    }
}

#[tokio::test]
async fn vc_15_a_new_tenants_key_that_one_node_cannot_have_stops_that_node_for_nobody_else() {
    for mood in [
        Mood::Away,
        Mood::Says(503, "Vault is sealed"),
        Mood::Says(403, "permission denied"),
        Mood::Says(400, TOO_OLD),
    ] {
        let (place, _) = Place::at_a_service();
        let here = place.vault().await;
        let (there, way) = with_a_way_of_its_own(&place).await;
        way.is(mood);
        let nobodys = place.sign_in(&here, 1, None).await;
        let theirs = place.sign_in(&here, 2, CORP).await;
        for _ in 0..5 {
            place.clock.advance(Duration::from_secs(5));
            there.require_current().await.unwrap();
            there.learn(nobodys.tokens.iter().chain(theirs.tokens.iter())).await.unwrap();
            assert_eq!(opened(&there, &nobodys), Ok("refresh-1".to_owned()));
            assert!(seal(&there, &of(&nobodys), 1).is_ok());
            let why = opened(&there, &theirs).unwrap_err();
            assert!(matches!(why, VaultError::Unwrap { key: 2, .. }) && !why.is_damage(), "{why}");
            let is_passing = matches!(mood, Mood::Away | Mood::Says(503, _));
            assert_eq!(why.is_passing(), is_passing, "{why}");
        }
        way.is(Mood::Works);
        there.learn(theirs.tokens.iter()).await.unwrap();
        assert!(opened(&there, &theirs).is_err(), "it is not asked for each grant");
        place.clock.advance(Duration::from_secs(10));
        there.learn(theirs.tokens.iter()).await.unwrap();
        assert_eq!(opened(&there, &theirs), Ok("refresh-2".to_owned()), "once it is back");
    }
}

#[tokio::test]
async fn vc_15_a_tenants_key_that_cannot_be_had_at_the_start_is_had_later() {
    let (place, service) = Place::at_a_service();
    let there = place.vault().await;
    let theirs = place.sign_in(&place.vault().await, 2, CORP).await;
    place.change(2, |row| DataKeyRow { wrapped_by: "k1".to_owned(), ..row }).await;
    there.learn(theirs.tokens.iter()).await.unwrap();
    let why = opened(&there, &theirs).unwrap_err();
    assert!(!why.is_damage() && why.to_string().contains("names it here"), "{why}");
    let (store, clock) = (place.store.clone(), place.clock.clone());
    let started = Vault::open(&place.keys, store, clock, &SystemEntropy).await.unwrap();
    assert_eq!(opened(&started, &theirs), Err(why.clone()), "that tenant's trouble alone");
    let ring = started.ring.now();
    let left_out: Vec<_> = ring.left_out().collect();
    assert_eq!(left_out, [(2, CORP, &why)]);
    let by = "vault:transit/standin".to_owned();
    place.change(2, |row| DataKeyRow { wrapped_by: by, ..row }).await;
    there.catch_up().await;
    there.learn(theirs.tokens.iter()).await.unwrap();
    assert!(opened(&there, &theirs).is_ok());

    let (restarted, way) = with_a_way_of_its_own(&place).await;
    assert!(opened(&restarted, &theirs).is_ok());
    drop(service);
    way.is(Mood::Away);
    let (store, clock) = (place.store.clone(), place.clock.clone());
    let keys = place.keys.clone().reaching(way.keys(place.clock.clone()));
    let refused = Vault::open(&keys, store, clock, &SystemEntropy).await;
    assert!(
        matches!(refused, Err(VaultError::Unwrap { key: 1, .. })),
        "everybody's is needed: {refused:?}"
    );
}

/// A key service that is away for a moment must not have an operator revoke what is whole.
#[tokio::test]
async fn vc_6_a_key_that_cannot_be_had_now_is_no_reason_to_revoke_what_it_has_sealed() {
    let (place, _) = Place::at_a_service();
    let (vault, elsewhere) = (place.vault().await, place.rotation().await);
    place.sign_in(&vault, 1, None).await;
    place.sign_in(&vault, 2, CORP).await;
    let way = StandIn::new();
    let keys = place.keys.clone().reaching(way.keys(place.clock.clone()));
    let place = Place { keys, ..place };
    let rotation = place.rotation().await;
    let rewrapped = async |rotation: &Rotation| {
        let mut rewrap = rotation.rewrap();
        while rewrap.next_batch(10).await.unwrap() {}
        (rewrap.done(), rotation.left().await.unwrap())
    };
    // Another process makes keys while the way to the service is barred here.
    way.is(Mood::Away);
    place.sign_in(&vault, 3, Some("other.example")).await;
    place.clock.advance(Duration::from_secs(5));
    let nothing_to_do = (Rewrapped::default(), 0);
    assert_eq!(rewrapped(&rotation).await, nothing_to_do, "each is under its tenant's key");

    assert_eq!(elsewhere.add_for("other.example").await, Ok(4));
    place.clock.advance(Duration::from_secs(10));
    elsewhere.activate(4).await.unwrap();
    let put_off = Rewrapped { put_off: 1, ..Rewrapped::default() };
    assert_eq!(rewrapped(&rotation).await, (put_off, 1));

    way.is(Mood::Works);
    place.clock.advance(Duration::from_mins(1));
    assert_eq!(rewrapped(&rotation).await, (Rewrapped { rows: 1, ..Rewrapped::default() }, 0));
}

/// A service that takes a question and never answers: whoever has no need of the key does not notice.
#[tokio::test]
async fn vc_15_a_key_service_that_hangs_is_waited_for_by_nobody_who_has_no_need_of_the_key() {
    let (place, _) = Place::at_a_service();
    let here = place.vault().await;
    let (there, way) = with_a_way_of_its_own(&place).await;
    let nobodys = place.sign_in(&here, 1, None).await;
    let theirs = place.sign_in(&here, 2, CORP).await;
    way.is(Mood::Hangs);
    place.clock.advance(Duration::from_secs(5));
    assert_eq!(there.require_current().now_or_never(), Some(Ok(())));

    let mut needing = Box::pin(there.learn(theirs.tokens.iter()));
    let mut upkeep = Box::pin(there.try_again());
    assert!((&mut needing).now_or_never().is_none() && (&mut upkeep).now_or_never().is_none());
    place.clock.advance(Duration::from_secs(5));
    assert_eq!(there.require_current().now_or_never(), Some(Ok(())));
    assert!(there.learn(nobodys.tokens.iter()).now_or_never().is_some());
    assert_eq!(opened(&there, &nobodys), Ok("refresh-1".to_owned()));
    assert!(seal(&there, &of(&nobodys), 1).is_ok());
    assert!(opened(&there, &theirs).unwrap_err().is_passing(), "it may be there in a moment");
    drop((needing, upkeep));

    // Once it is known that it cannot be had, one asks again and the others do not wait for that.
    way.is(Mood::Away);
    there.learn(theirs.tokens.iter()).await.unwrap();
    way.is(Mood::Hangs);
    place.clock.advance(Duration::from_secs(30));
    let mut asking = Box::pin(there.learn(theirs.tokens.iter()));
    assert!((&mut asking).now_or_never().is_none());
    assert!(there.learn(theirs.tokens.iter()).now_or_never().is_some());
    assert!(opened(&there, &theirs).unwrap_err().is_passing());
    drop(asking);
    way.is(Mood::Works);
    there.learn(theirs.tokens.iter()).await.unwrap();
    assert_eq!(opened(&there, &theirs), Ok("refresh-2".to_owned()));
}

/// Another node has it activated: what sealed before does for as long as others allow for it, and then nothing is begun.
#[tokio::test]
async fn vc_6_an_active_key_that_one_node_cannot_have_stalls_nobody_there_and_is_refused_in_time() {
    let (place, _) = Place::at_a_service();
    let (there, way) = with_a_way_of_its_own(&place).await;
    let nobodys = place.sign_in(&there, 1, None).await;
    let rotation = place.rotation().await;
    assert_eq!(rotation.add().await, Ok(2));
    place.clock.advance(Duration::from_secs(5));
    there.require_current().await.unwrap();
    place.clock.advance(Duration::from_secs(4));
    rotation.activate(2).await.unwrap();
    way.is(Mood::Hangs);
    place.clock.advance(Duration::from_secs(2));
    assert_eq!(there.require_current().now_or_never(), Some(Ok(())));
    assert!(there.ring.is_wanting().now_or_never().is_some(), "it is asked for beside that");
    assert_eq!(seal(&there, &of(&nobodys), 1).unwrap().refresh.unwrap().data_key(), Some(1));

    place.clock.advance(Duration::from_secs(8));
    let mut first = Box::pin(there.require_current());
    assert!((&mut first).now_or_never().is_none(), "there is no other way");
    drop(first);
    way.is(Mood::Away);
    there.try_again().await;
    way.is(Mood::Hangs);
    place.clock.advance(Duration::from_secs(1));
    let mut asking = Box::pin(there.require_current());
    assert!((&mut asking).now_or_never().is_none(), "it may be back");
    let second = there.require_current().now_or_never();
    assert!(matches!(second, Some(Err(VaultError::Unwrap { key: 2, .. }))), "{second:?}");
    drop(asking);
    assert_eq!(opened(&there, &nobodys), Ok("refresh-1".to_owned()));
    way.is(Mood::Works);
    there.require_current().await.unwrap();
    assert_eq!(seal(&there, &of(&nobodys), 1).unwrap().refresh.unwrap().data_key(), Some(2));
}

/// A node that was idle meanwhile learns of the key when it has the provider's answer in its hand.
#[tokio::test]
async fn vc_15_a_tenants_new_key_that_is_not_here_yet_costs_no_answer() {
    let (place, _) = Place::at_a_service();
    let (there, way) = with_a_way_of_its_own(&place).await;
    let theirs = place.with_a_new_key_out_of_reach(&there, &way).await;
    let tokens = seal(&there, &of(&theirs), 2).unwrap();
    assert_eq!(tokens.refresh.unwrap().data_key(), Some(2));
    way.is(Mood::Works);
    there.try_again().await;
    let tokens = seal(&there, &of(&theirs), 2).unwrap();
    assert_eq!(tokens.refresh.unwrap().data_key(), Some(3));
}

#[tokio::test]
async fn vc_6_whoever_has_an_answer_in_hand_waits_for_no_key_service_while_the_key_before_seals() {
    let (place, _) = Place::at_a_service();
    let (there, way) = with_a_way_of_its_own(&place).await;
    let rotation = place.rotation().await;
    assert_eq!(rotation.add().await, Ok(2));
    place.clock.advance(Duration::from_secs(10));
    rotation.activate(2).await.unwrap();
    way.is(Mood::Hangs);
    place.clock.advance(Duration::from_secs(20));
    assert!(there.keep_up().now_or_never().is_none(), "before a question it is waited for");
    assert!(there.look().now_or_never().is_some());
    assert!(there.catch_up().now_or_never().is_some());

    // No store takes any more what the one before seals.
    place.change(1, |row| DataKeyRow { retired_at: Some(place.clock.now()), ..row }).await;
    assert!(there.catch_up().now_or_never().is_none());
    place.clock.advance(Duration::from_secs(2));
    assert!(there.look().now_or_never().is_none());
}

/// The one before opens what there is and seals in its place: the new one is asked for beside that.
#[tokio::test]
async fn vc_15_a_tenants_new_key_that_cannot_be_had_keeps_nobody_who_needs_only_the_one_before() {
    let (place, _) = Place::at_a_service();
    let (there, way) = with_a_way_of_its_own(&place).await;
    let theirs = place.with_a_new_key_out_of_reach(&there, &way).await;

    let soon = Duration::from_millis(100);
    assert_eq!(tokio::time::timeout(soon, there.learn(theirs.tokens.iter())).await, Ok(Ok(())));
    assert_eq!(there.prepare(CORP, &SystemEntropy).now_or_never(), Some(Ok(())));
    assert_eq!(opened(&there, &theirs), Ok("refresh-2".to_owned()));
    assert!(there.ring.is_wanting().now_or_never().is_some(), "it is asked for all the same");
    assert!(there.try_again().now_or_never().is_none());

    // No store takes any more what the one before seals: there is no other way.
    place.change(2, |row| DataKeyRow { retired_at: Some(place.clock.now()), ..row }).await;
    place.clock.advance(Duration::from_secs(2));
    there.keep_up().await;
    assert!(there.prepare(CORP, &SystemEntropy).now_or_never().is_none());
    assert!(there.learn(theirs.tokens.iter()).now_or_never().is_none());
    assert!(there.require_sealing(&theirs).is_err(), "no provider is asked meanwhile");
    way.is(Mood::Works);
    there.try_again().await;
    assert_eq!(there.require_sealing(&theirs), Ok(()));
    assert_eq!(seal(&there, &of(&theirs), 2).unwrap().refresh.unwrap().data_key(), Some(3));
}

#[tokio::test]
async fn vc_15_many_keys_that_are_new_are_all_here_after_one_round() {
    const TENANTS: u64 = 150;
    let place = Place::new();
    let (here, there) = (place.vault().await, place.vault().await);
    let name = |number: u64| format!("{number}.example");
    for number in 1..=TENANTS {
        here.prepare(Some(&name(number)), &SystemEntropy).await.unwrap();
    }
    place.clock.advance(Duration::from_secs(2));
    there.keep_up().await;
    assert_eq!(there.ring.now().all_wanted(place.clock.now()).len() as u64, TENANTS);
    there.try_again().await;
    assert!(there.ring.now().all_wanted(place.clock.now()).is_empty());
    let needed = |number| there.ring.now().needed_key(Some(&name(number)), b"x").map(drop);
    assert!((1..=TENANTS).all(|number| needed(number) == Ok(())));
}

/// A version of the key may have leaked, and must not be needed any more.
#[tokio::test]
async fn vc_14_data_keys_move_to_a_new_version_of_the_same_key_and_need_the_old_one_no_more() {
    let (place, service) = Place::at_a_service();
    let vault = place.vault().await;
    let nobodys = place.sign_in(&vault, 1, None).await;
    let theirs = place.sign_in(&vault, 2, CORP).await;
    let rotation = place.rotation().await;
    service.rotate();
    assert_eq!(rotation.rewrap_data_keys(WrapAgain::Others).await, Ok(0));
    assert_eq!(rotation.rewrap_data_keys(WrapAgain::All).await, Ok(2));
    service.give_up_old_versions();
    for vault in [vault, place.vault().await] {
        for (number, grant) in [(1, &nobodys), (2, &theirs)] {
            vault.learn(grant.tokens.iter()).await.unwrap();
            assert_eq!(opened(&vault, grant), Ok(format!("refresh-{number}")));
        }
    }
}

/// Before 1.13, Vault ignores what it does not know.
#[tokio::test]
async fn vc_14_a_service_that_binds_nothing_to_a_row_is_not_used() {
    let (place, service) = Place::at_a_service();
    assert_eq!(place.keys.try_out("vault:transit/standin", &SystemEntropy).await, Ok(()));
    service.is(Mood::BindsNothing);
    let refused = place.keys.try_out("vault:transit/standin", &SystemEntropy).await;
    let reason = Box::new(KekError::BindsNothing);
    let kek = "vault:transit/standin".to_owned();
    assert_eq!(refused, Err(VaultError::Wrap { kek, reason }));
    let (store, clock) = (place.store.clone(), place.clock.clone());
    assert!(Vault::open(&place.keys, store, clock, &SystemEntropy).await.is_err());
    assert_eq!(place.store.data_keys().await, Ok(Vec::new()), "no key is made");
}

#[test]
fn what_is_said_of_a_key_that_does_not_unwrap_reads_as_one_sentence() {
    let kek = "k1".to_owned();
    let reason = Box::new(KekError::DoesNotUnwrap);
    assert_eq!(
        VaultError::Unwrap { key: 3, kek, reason }.to_string(),
        "data key 3 cannot be unwrapped with key-encryption key `k1`: the wrapped key was changed, belongs to another \
         row, or was wrapped by another key of the same name"
    );
}
