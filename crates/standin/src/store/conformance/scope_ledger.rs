//! The ledger of scopes is written with the grant it belongs to, or not at all.

use super::samples::{at, grant, grant_id, next, sign_in, user};
use crate::store::{Event, EventKind, SignIn, Store, StoreError};
use crate::time::Timestamp;
use crate::vault::{ScopeRecord, ScopeSource};

fn record(scope: &str, number: u64) -> ScopeRecord {
    ScopeRecord {
        scope: scope.to_owned(),
        requested_at: Some(at(number)),
        granted_at: Some(at(number)),
        refused_at: None,
        removed_at: None,
        source: ScopeSource::SignIn,
    }
}

/// Everything that the type can say, in the order of the scopes.
fn in_many_shapes() -> Vec<ScopeRecord> {
    let sources = [
        ScopeSource::Consent,
        ScopeSource::Earlier,
        ScopeSource::Incremental,
        ScopeSource::Refresh,
        ScopeSource::Revocation,
        ScopeSource::SignIn,
    ];
    let time = |bit: usize, index: usize| (index & bit != 0).then(|| at(index as u64));
    let shape = |(index, source)| ScopeRecord {
        scope: format!("https://example.com/auth/{index}!#~"),
        requested_at: time(1, index),
        granted_at: time(2, index),
        refused_at: time(4, index).or_else(|| Some(Timestamp::from_unix_ms(i64::MIN))),
        removed_at: time(3, index),
        source,
    };
    sources.into_iter().enumerate().map(shape).collect()
}

async fn signed_in(store: &dyn Store, number: u64, scopes: Vec<ScopeRecord>) {
    let sign_in = SignIn { scopes, ..sign_in(number) };
    assert!(store.complete_sign_in(sign_in).await.is_ok());
}

/// With a sign-in, in the order of the scopes; a grant without records has none.
pub async fn a_ledger_comes_back_whole_in_the_order_of_its_scopes(store: &dyn Store) {
    let shapes = in_many_shapes();
    signed_in(store, 1, shapes.iter().rev().cloned().collect()).await;
    signed_in(store, 2, Vec::new()).await;
    assert_eq!(store.scope_ledger(grant_id(1)).await, Ok(shapes));
    assert_eq!(store.scope_ledger(grant_id(2)).await, Ok(Vec::new()));
    assert_eq!(store.scope_ledger(grant_id(3)).await, Ok(Vec::new()));
}

/// One that is written again replaces the one before, and leaves the others and those of other grants.
pub async fn a_record_replaces_the_one_of_its_scope(store: &dyn Store) {
    for number in [1, 2] {
        signed_in(store, number, vec![record("a", 1), record("b", 1)]).await;
    }
    let removed = ScopeRecord { removed_at: Some(at(9)), ..record("b", 1) };
    let changes = vec![removed.clone(), record("c", 9)];
    let grown = next(&grant(1), at(9));
    let event = |kind| Event { grant: Some(grant_id(1)), ..Event::new(kind, at(9)) };
    let events = vec![event(EventKind::TokenRefreshed), event(EventKind::ScopesRemoved)];
    assert_eq!(store.change_scopes(grown.clone(), changes, events.clone()).await, Ok(()));

    assert_eq!(store.grant(grant_id(1)).await, Ok(Some(grown)));
    let ledger = vec![record("a", 1), removed, record("c", 9)];
    assert_eq!(store.scope_ledger(grant_id(1)).await, Ok(ledger));
    let other = vec![record("a", 1), record("b", 1)];
    assert_eq!(store.scope_ledger(grant_id(2)).await, Ok(other));
    let stored = store.events(2, 10).await.unwrap();
    let stored: Vec<Event> = stored.into_iter().map(|stored| stored.event).collect();
    assert_eq!(stored, events);
}

/// Neither by a sign-in nor by a change of the grant.
pub async fn a_conflict_leaves_the_ledger_as_it_was(store: &dyn Store) {
    signed_in(store, 1, vec![record("a", 1)]).await;
    let late = SignIn { scopes: vec![record("b", 2)], ..sign_in(1) };
    assert_eq!(store.complete_sign_in(late).await, Err(StoreError::Conflict));
    let event = Event::new(EventKind::TokenRefreshed, at(2));
    for version in [1, 3] {
        let stale = crate::vault::Grant { version, ..grant(1) };
        let changed = store.change_scopes(stale, vec![record("b", 2)], vec![event.clone()]).await;
        assert_eq!(changed, Err(StoreError::Conflict), "version {version}");
    }
    assert_eq!(store.scope_ledger(grant_id(1)).await, Ok(vec![record("a", 1)]));
    assert_eq!(store.events(1, 10).await, Ok(Vec::new()));
}

/// And nobody else's.
pub async fn a_ledger_goes_with_its_user(store: &dyn Store) {
    for number in [1, 2] {
        signed_in(store, number, vec![record("a", number)]).await;
    }
    assert_eq!(store.delete_user(user(1)).await, Ok(true));
    assert_eq!(store.scope_ledger(grant_id(1)).await, Ok(Vec::new()));
    assert_eq!(store.scope_ledger(grant_id(2)).await, Ok(vec![record("a", 2)]));
}
