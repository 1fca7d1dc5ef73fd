//! Clients are known by their keys.

use super::samples::{ODD, at, client, hash_bytes};
use crate::store::{ClientRow, Event, Store, StoreError};
use crate::vend::Policy;

async fn events(store: &dyn Store) -> Vec<Event> {
    store.events(0, 100).await.unwrap().into_iter().map(|stored| stored.event).collect()
}

/// With every kind of rule, and with none.
pub async fn a_client_is_found_by_the_hash_of_its_key_and_comes_back_whole(store: &dyn Store) {
    let rules = ["*", "google", "google:https://example.com/a"];
    let narrow = ClientRow {
        name: ODD.to_owned(),
        policy: Policy(rules.iter().map(|rule| rule.parse().unwrap()).collect()),
        ..client(1)
    };
    let powerless = ClientRow { policy: Policy::default(), ..client(2) };
    for row in [powerless.clone(), narrow.clone()] {
        assert_eq!(store.add_client(row.clone()).await, Ok(()));
        let found = store.client_by_key(&row.key_sha256).await;
        assert_eq!(found, Ok(Some(row)));
    }
    let names = [&powerless, &narrow].map(ClientRow::event_added);
    assert_eq!(events(store).await, names);
    assert_eq!(store.client_by_key(&hash_bytes(3)).await, Ok(None));
    assert_eq!(store.clients().await, Ok(vec![narrow, powerless]));
}

/// By its key or in the list, from the moment it is revoked; and only it.
pub async fn a_revoked_client_is_not_found(store: &dyn Store) {
    for number in [1, 2] {
        assert_eq!(store.add_client(client(number)).await, Ok(()));
    }
    assert_eq!(store.revoke_client(client(3).id, at(9)).await, Ok(false));
    assert_eq!(store.revoke_client(client(1).id, at(9)).await, Ok(true));
    assert_eq!(store.revoke_client(client(1).id, at(9)).await, Ok(false));
    assert_eq!(store.client_by_key(&hash_bytes(1)).await, Ok(None));
    assert_eq!(store.clients().await, Ok(vec![client(2)]));
    // Once, by whoever has done it.
    assert_eq!(events(store).await[2..], [ClientRow::event_revoked(client(1).id, at(9))]);
}

/// Also with those of a client that was revoked: a key is never used again.
pub async fn clients_with_a_taken_id_or_key_conflict(store: &dyn Store) {
    assert_eq!(store.add_client(client(1)).await, Ok(()));
    assert_eq!(store.revoke_client(client(1).id, at(9)).await, Ok(true));
    let same_key = ClientRow { key_sha256: client(1).key_sha256, ..client(2) };
    let same_id = ClientRow { id: client(1).id, ..client(2) };
    for taken in [same_key, same_id] {
        let added = store.add_client(taken).await;
        assert_eq!(added, Err(StoreError::Conflict));
    }
    assert_eq!(store.clients().await, Ok(Vec::new()));
}
