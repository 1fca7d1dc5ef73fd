//! Events: what is only ever added.

use super::in_parallel;
use super::samples::{ODD, at, attempt_id, client, grant_id, user};
use crate::store::{Event, EventKind, Store, StoredEvent};

fn one_of_each_kind() -> Vec<Event> {
    let kinds = [
        EventKind::ClientAdded,
        EventKind::ClientRevoked,
        EventKind::GrantAuthorized,
        EventKind::GrantDamaged,
        EventKind::GrantReauthRequired,
        EventKind::GrantRevoked,
        EventKind::IdentityLinked,
        EventKind::IdentityUnlinked,
        EventKind::KeysChanged,
        EventKind::ProviderAlarm,
        EventKind::ProviderSignal,
        EventKind::RefreshFailed,
        EventKind::RevocationConfirmed,
        EventKind::ScopesNarrowed,
        EventKind::ScopesRemoved,
        EventKind::SessionEnded,
        EventKind::SignInFailed,
        EventKind::SignedIn,
        EventKind::SignedOut,
        EventKind::StreamRegistered,
        EventKind::TenantShredded,
        EventKind::TokenRefreshed,
        EventKind::TokenVended,
        EventKind::VendRefused,
        EventKind::UserDeleted,
    ];
    let bare = kinds.map(|kind| Event::new(kind, at(5)));
    let full = Event {
        user: Some(user(1)),
        grant: Some(grant_id(2)),
        client: Some(client(3).id),
        attempt: Some(attempt_id(4)),
        detail: Some(ODD.to_owned()),
        count: u32::MAX,
        ..Event::new(EventKind::TokenVended, at(4))
    };
    let mut events = bare.to_vec();
    events.push(full);
    events
}

fn numbers(events: &[StoredEvent]) -> Vec<u64> {
    events.iter().map(|stored| stored.sequence).collect()
}

/// In the order in which they were appended, whatever time they name.
pub async fn events_come_back_whole_and_in_order_after_a_number_up_to_a_limit(store: &dyn Store) {
    let appended = one_of_each_kind();
    assert_eq!(store.events(0, 100).await, Ok(Vec::new()));
    assert_eq!(store.append_events(Vec::new()).await, Ok(()));
    assert_eq!(store.append_events(appended.clone()).await, Ok(()));

    let all = store.events(0, 100).await.unwrap();
    let events: Vec<Event> = all.iter().map(|stored| stored.event.clone()).collect();
    assert_eq!(events, appended);
    let third = all[2].sequence;
    assert_eq!(store.events(third, 2).await, Ok(all[3..5].to_vec()));
    assert_eq!(store.events(0, 0).await, Ok(Vec::new()));
    assert_eq!(store.events(u64::MAX, 5).await, Ok(Vec::new()));
}

/// And each writer's own stay in the order it gave them.
pub async fn events_of_many_writers_get_growing_numbers(store: &dyn Store) {
    let pair = |caller| {
        let named = |count| Event {
            detail: Some(format!("{caller}")),
            count,
            ..Event::new(EventKind::TokenVended, at(1))
        };
        store.append_events(vec![named(1), named(2)])
    };
    assert!(in_parallel(50, pair).iter().all(Result::is_ok));
    let all = store.events(0, 1_000).await.unwrap();
    assert_eq!(all.len(), 100);
    assert!(numbers(&all).is_sorted_by(|earlier, later| earlier < later));
    for caller in 0..50 {
        let is_theirs = |stored: &&StoredEvent| stored.event.detail == Some(format!("{caller}"));
        let counts = all.iter().filter(is_theirs).map(|stored| stored.event.count);
        assert_eq!(counts.collect::<Vec<_>>(), [1, 2]);
    }
}
