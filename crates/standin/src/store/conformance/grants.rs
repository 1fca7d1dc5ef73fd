//! A grant is written only over the version that was read.

use super::in_parallel;
use super::samples::{ODD, at, google, grant, grant_id, identity, next, sign_in, sign_in_of, user};
use crate::provider::Scopes;
use crate::store::{Event, EventKind, Store, StoreError};
use crate::time::Timestamp;
use crate::vault::{Grant, GrantState, ReauthReason, Sealed, SealedTokens};

async fn signed_in(store: &dyn Store, number: u64) -> Grant {
    assert!(store.complete_sign_in(sign_in(number)).await.is_ok());
    grant(number)
}

/// Everything that the type can say.
fn in_many_shapes(grant: &Grant) -> Vec<Grant> {
    let reasons = [
        ReauthReason::ExpiredIdle,
        ReauthReason::Revoked,
        ReauthReason::RotationLost,
        ReauthReason::ScopeRemoved,
        ReauthReason::Unknown,
    ];
    let refused = reasons.map(|reason| grant.clone().refused(reason, at(70)));
    let long = Grant {
        provider_client: ODD.repeat(40),
        token_endpoint: format!("https://example.com/{}", "é".repeat(5_000)),
        scopes: Scopes::parse(&"https://example.com/auth/a b:c ~!# ".repeat(3)).unwrap(),
        requested: Scopes::default(),
        tokens: SealedTokens {
            access: Some(Sealed::from_bytes((0..=255).cycle().take(20_000).collect())),
            refresh: Some(Sealed::from_bytes(Vec::new())),
            trace: None,
        },
        generation: i64::MAX.unsigned_abs(),
        access_expires_at: Timestamp::from_unix_ms(i64::MAX),
        refresh_expires_at: Some(Timestamp::from_unix_ms(i64::MIN)),
        updated_at: Timestamp::from_unix_ms(-1),
        ..grant.clone()
    };
    let access_only = Grant {
        tokens: SealedTokens { refresh: None, trace: None, ..grant.tokens.clone() },
        state: GrantState::Active,
        ..grant.clone()
    };
    let revoked = grant.clone().revoked(at(71));
    let mut shapes = vec![long, access_only, revoked];
    shapes.extend(reasons.map(|reason| grant.clone().doubted(reason, at(72))));
    shapes.extend(refused);
    shapes
}

/// By every way of reading it, whether a field is there or not, however long or odd.
pub async fn a_grant_comes_back_with_every_field_as_it_was_written(store: &dyn Store) {
    let mut current = signed_in(store, 1).await;
    for shape in in_many_shapes(&current) {
        let wanted = Grant { version: current.version + 1, ..shape };
        assert_eq!(store.replace_grant(wanted.clone(), None).await, Ok(()));
        let found = Ok(Some(wanted.clone()));
        assert_eq!(store.grant(wanted.id).await, found);
        assert_eq!(store.grant_of_identity(&identity(1)).await, found);
        assert_eq!(store.grant_at(user(1), &google()).await, found);
        assert_eq!(store.grants_of(user(1)).await, Ok(vec![wanted.clone()]));
        current = wanted;
    }
    assert_eq!(store.grant(grant_id(2)).await, Ok(None));
    assert_eq!(store.grant_of_identity(&identity(2)).await, Ok(None));
    assert_eq!(store.grant_at(user(2), &google()).await, Ok(None));
    let elsewhere = "entra".parse().unwrap();
    assert_eq!(store.grant_at(user(1), &elsewhere).await, Ok(None));
}

/// Not over an older one, a newer one, or one that is not there.
pub async fn a_grant_is_replaced_only_over_the_version_before_it(store: &dyn Store) {
    let first = signed_in(store, 1).await;
    let second = next(&first, at(50));
    assert_eq!(store.replace_grant(second.clone(), None).await, Ok(()));
    for version in [0, 1, 2, 4, u64::MAX] {
        let stale = Grant { version, ..second.clone() };
        let replaced = store.replace_grant(stale, None).await;
        assert_eq!(replaced, Err(StoreError::Conflict), "version {version}");
    }
    let unknown = next(&grant(2), at(50));
    let replaced = store.replace_grant(unknown, None).await;
    assert_eq!(replaced, Err(StoreError::Conflict));
    let inserted = store.replace_grant(grant(2), None).await;
    assert_eq!(inserted, Err(StoreError::Conflict));
    assert_eq!(store.grants(None, 10).await, Ok(vec![second]));
}

/// The event and the row are one transaction.
pub async fn a_replaced_grant_brings_its_event_and_a_conflict_brings_none(store: &dyn Store) {
    let first = signed_in(store, 1).await;
    let event = Event { grant: Some(first.id), ..Event::new(EventKind::TokenRefreshed, at(50)) };
    let write = || store.replace_grant(next(&first, at(50)), Some(event.clone()));
    assert_eq!(write().await, Ok(()));
    assert_eq!(write().await, Err(StoreError::Conflict));
    let events = store.events(1, 10).await.unwrap();
    let events: Vec<Event> = events.into_iter().map(|stored| stored.event).collect();
    assert_eq!(events, [event]);
}

/// And the row says what the winner wrote.
pub async fn fifty_parallel_writers_over_one_version_leave_one_winner(store: &dyn Store) {
    let first = signed_in(store, 1).await;
    let write = |caller| store.replace_grant(next(&first, at(1_000 + caller)), None);
    let results = in_parallel(50, write);
    let winners: Vec<_> = (0_u64..).zip(&results).filter(|(_, result)| result.is_ok()).collect();
    assert_eq!(winners.len(), 1);
    let conflicts = |result: &&Result<(), StoreError>| **result == Err(StoreError::Conflict);
    assert_eq!(results.iter().filter(conflicts).count(), 49);
    let written = next(&first, at(1_000 + winners[0].0));
    assert_eq!(store.grant(first.id).await, Ok(Some(written)));
}

/// Whatever others have in common with it, and whichever terms there were before.
pub async fn each_grant_keeps_its_own_terms(store: &dyn Store) {
    let (first, second) = (signed_in(store, 1).await, signed_in(store, 2).await);
    let mut current = first.clone();
    let endpoint = |path: &str| format!("https://example.com/{path}");
    for (client, path, scopes, requested) in [
        ("one", "a", "openid", "openid"),
        ("two", "a", "openid", "openid"),
        ("two", "b", "openid", "openid"),
        ("two", "b", "email", "openid"),
        ("two", "b", "openid", "email"),
        ("one", "a", "openid", "openid"),
    ] {
        current = Grant {
            provider_client: client.to_owned(),
            token_endpoint: endpoint(path),
            scopes: Scopes::parse(scopes).unwrap(),
            requested: Scopes::parse(requested).unwrap(),
            ..next(&current, at(50))
        };
        assert_eq!(store.replace_grant(current.clone(), None).await, Ok(()));
        assert_eq!(store.grant(first.id).await, Ok(Some(current.clone())));
        assert_eq!(store.grant(second.id).await, Ok(Some(second.clone())));
    }
}

/// By id, which is by time.
pub async fn grants_are_paged_oldest_first(store: &dyn Store) {
    for number in [300, 2, 1, 256, 3] {
        signed_in(store, number).await;
    }
    let page = async |after, limit| store.grants(after, limit).await;
    assert_eq!(page(None, 2).await, Ok(vec![grant(1), grant(2)]));
    let second = page(Some(grant_id(2)), 2).await;
    assert_eq!(second, Ok(vec![grant(3), grant(256)]));
    let last = page(Some(grant_id(256)), 2).await;
    assert_eq!(last, Ok(vec![grant(300)]));
    assert_eq!(page(Some(grant_id(300)), 2).await, Ok(Vec::new()));
    assert_eq!(page(None, 0).await, Ok(Vec::new()));
}

/// When a user has several accounts at one provider: whatever is written to the others, and though it died. Only
/// one that was taken back gives its place up.
pub async fn the_grant_at_a_provider_is_the_first_that_was_not_taken_back(store: &dyn Store) {
    let first = signed_in(store, 1).await;
    assert!(store.complete_sign_in(sign_in_of(1, 2)).await.is_ok());
    let second = Grant { user: user(1), ..grant(2) };
    let meant = async || store.grant_at(user(1), &google()).await;
    assert_eq!(meant().await, Ok(Some(first.clone())));

    let second = next(&second, at(99));
    assert_eq!(store.replace_grant(second.clone(), None).await, Ok(()));
    assert_eq!(meant().await, Ok(Some(first.clone())));
    let dead = first.refused(ReauthReason::Unknown, at(100));
    assert_eq!(store.replace_grant(dead.clone(), None).await, Ok(()));
    assert_eq!(meant().await, Ok(Some(dead.clone())));

    let taken_back = dead.revoked(at(101));
    assert_eq!(store.replace_grant(taken_back.clone(), None).await, Ok(()));
    assert_eq!(meant().await, Ok(Some(second.clone())));
    assert_eq!(store.grants_of(user(1)).await, Ok(vec![taken_back, second]));
}

/// Nor who gave it, nor when.
pub async fn whose_grant_it_is_never_changes(store: &dyn Store) {
    let first = signed_in(store, 1).await;
    signed_in(store, 2).await;
    let to_another_user = Grant { user: user(2), ..next(&first, at(50)) };
    let from_another_identity = Grant { identity: identity(3), ..next(&first, at(50)) };
    for moved in [to_another_user, from_another_identity] {
        let replaced = store.replace_grant(moved, None).await;
        assert_eq!(replaced, Err(StoreError::Conflict));
    }
    let younger = Grant { created_at: at(50), ..next(&first, at(50)) };
    assert_eq!(store.replace_grant(younger, None).await, Ok(()));
    let found = store.grant(first.id).await;
    assert_eq!(found, Ok(Some(next(&first, at(50)))));
}
