//! A token is spent once.

use super::in_parallel;
use super::samples::{at, hash_bytes};
use crate::store::{SpentKind, Store};

const KINDS: [SpentKind; 3] =
    [SpentKind::Credential, SpentKind::LogoutToken, SpentKind::SecurityEvent];

/// However many callers race, one is told that it was first.
pub async fn a_token_is_spent_exactly_once_by_fifty_parallel_callers(store: &dyn Store) {
    let token = hash_bytes(1);
    let first = in_parallel(50, |_| store.spend(SpentKind::Credential, &token, at(1_000)));
    assert_eq!(first.iter().filter(|first| **first == Ok(true)).count(), 1);
    assert_eq!(first.iter().filter(|first| **first == Ok(false)).count(), 49);
    let other = hash_bytes(2);
    assert_eq!(store.spend(SpentKind::Credential, &other, at(1_000)).await, Ok(true));
}

/// Each kind has its own tokens.
pub async fn a_kind_spends_no_token_of_another(store: &dyn Store) {
    for is_first in [true, false] {
        for kind in KINDS {
            assert_eq!(store.spend(kind, &hash_bytes(1), at(1_000)).await, Ok(is_first));
        }
    }
}

/// At the very millisecond, and not before it, whatever later callers say.
pub async fn a_spent_token_is_remembered_until_its_time_and_pruned_then(store: &dyn Store) {
    for (number, until) in [(1, at(999)), (2, at(1_000)), (3, at(1_001))] {
        let token = hash_bytes(number);
        assert_eq!(store.spend(SpentKind::Credential, &token, until).await, Ok(true));
        let again = store.spend(SpentKind::Credential, &token, at(0)).await;
        assert_eq!(again, Ok(false));
    }
    assert_eq!(store.prune(at(998)).await, Ok(0));
    assert_eq!(store.prune(at(1_000)).await, Ok(2));
    for (number, is_first) in [(1, true), (2, true), (3, false)] {
        let token = hash_bytes(number);
        let spent = store.spend(SpentKind::Credential, &token, at(2_000)).await;
        assert_eq!(spent, Ok(is_first));
    }
}
