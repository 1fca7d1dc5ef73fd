//! Data keys, and sealing again what they sealed: no key is needed by a row that nobody knows of.

use super::in_parallel;
use super::samples::{ODD, at, grant, grant_id, next, revocation, sign_in};
use crate::store::{
    DataKeyRow, DataKeyUse, RevocationRow, RewrappedGrant, Store, StoreError, whole,
};
use crate::vault::{Grant, Sealed, SealedTokens, header};

fn data_key(id: u32) -> DataKeyRow {
    DataKeyRow {
        id,
        version: 1,
        wrapped_by: format!("file:{ODD}"),
        wrapped: id.to_be_bytes().repeat(15),
        key_check: Some([id.to_be_bytes()[3]; 16]),
        tenant: id.is_multiple_of(7).then(|| format!("{ODD}.example")),
        created_at: at(u64::from(id)),
        activated_at: None,
        retired_at: None,
        removed_at: None,
    }
}

fn sealed(key: u32) -> Sealed {
    Sealed::from_bytes([&header(key)[..], &[9; 40]].concat())
}

fn under(access: u32, refresh: u32) -> SealedTokens {
    SealedTokens { access: Some(sealed(access)), refresh: Some(sealed(refresh)), trace: None }
}

/// A grant of `number` as it stands after its tokens were sealed with these keys.
async fn sealed_grant(store: &dyn Store, number: u64, tokens: SealedTokens) -> Grant {
    assert!(store.complete_sign_in(sign_in(number)).await.is_ok());
    let grant = Grant { tokens, ..next(&grant(number), at(50)) };
    assert_eq!(store.replace_grant(grant.clone(), None).await, Ok(()));
    grant
}

async fn retire(store: &dyn Store, id: u32) {
    let retired = DataKeyRow { version: 2, retired_at: Some(at(60)), ..data_key(id) };
    assert_eq!(store.add_data_key(data_key(id)).await, Ok(()));
    assert_eq!(store.replace_data_key(retired).await, Ok(()));
}

fn rewrapped(grant: &Grant, tokens: SealedTokens) -> RewrappedGrant {
    RewrappedGrant { id: grant.id, version: grant.version, tokens }
}

/// With every id that the header of a sealed value can name.
pub async fn data_keys_come_back_whole_in_the_order_of_their_ids(store: &dyn Store) {
    let full = DataKeyRow {
        version: i64::MAX.unsigned_abs(),
        key_check: None,
        activated_at: Some(at(1)),
        retired_at: Some(at(2)),
        removed_at: Some(at(3)),
        ..data_key(8)
    };
    for key in [data_key(7), data_key(u32::MAX), full.clone(), data_key(1)] {
        assert_eq!(store.add_data_key(key).await, Ok(()));
    }
    let all = vec![data_key(1), data_key(7), full, data_key(u32::MAX)];
    assert_eq!(store.data_keys().await, Ok(all));
}

/// A data key that was overwritten would take every token with it.
pub async fn a_data_key_whose_id_is_taken_conflicts_and_changes_nothing(store: &dyn Store) {
    assert_eq!(store.add_data_key(data_key(1)).await, Ok(()));
    let other = DataKeyRow { id: 1, ..data_key(2) };
    let added = store.add_data_key(other).await;
    assert_eq!(added, Err(StoreError::Conflict));
    assert_eq!(store.data_keys().await, Ok(vec![data_key(1)]));
}

/// Of fifty who change it at the same time, one does.
pub async fn a_data_key_is_replaced_only_over_the_version_before_it(store: &dyn Store) {
    assert_eq!(store.add_data_key(data_key(1)).await, Ok(()));
    let second = DataKeyRow {
        version: 2,
        wrapped_by: "k2".to_owned(),
        wrapped: Vec::new(),
        key_check: Some([9; 16]),
        activated_at: Some(at(5)),
        retired_at: Some(at(6)),
        removed_at: Some(at(7)),
        ..data_key(1)
    };
    let unknown = DataKeyRow { id: 2, ..second.clone() };
    assert_eq!(store.replace_data_key(unknown).await, Err(StoreError::Conflict));
    let writes = in_parallel(50, |_| store.replace_data_key(second.clone()));
    assert_eq!(writes.iter().filter(|result| result.is_ok()).count(), 1);
    for version in [0, 1, 2, 4, u64::MAX] {
        let stale = DataKeyRow { version, wrapped: vec![1], ..second.clone() };
        let replaced = store.replace_data_key(stale).await;
        assert_eq!(replaced, Err(StoreError::Conflict), "version {version}");
    }
    let tenant = Some("another".to_owned());
    let taken = DataKeyRow { version: 3, tenant, ..second.clone() };
    assert_eq!(
        store.replace_data_key(taken).await,
        Err(StoreError::Conflict),
        "a tenant's stays theirs"
    );
    let younger = DataKeyRow { version: 3, created_at: at(999), ..second.clone() };
    assert_eq!(store.replace_data_key(younger).await, Ok(()));
    assert_eq!(store.data_keys().await, Ok(vec![DataKeyRow { version: 3, ..second }]));
}

/// Counted from the values themselves, whatever keys there are.
pub async fn the_use_of_data_keys_is_counted_from_the_rows(store: &dyn Store) {
    assert_eq!(store.data_key_use().await, Ok(Vec::new()));
    let access_only = SealedTokens { access: Some(sealed(u32::MAX)), ..SealedTokens::default() };
    let foreign =
        SealedTokens { refresh: Some(Sealed::from_bytes(vec![7; 3])), ..SealedTokens::default() };
    let shapes = [under(1, 1), under(1, 258), access_only, foreign, SealedTokens::default()];
    for (number, tokens) in (1..).zip(shapes) {
        sealed_grant(store, number, tokens).await;
    }
    let sealed_token = sealed(258).as_bytes().to_vec();
    let row = RevocationRow { sealed_token, ..revocation(1) };
    assert_eq!(store.queue_revocation(row).await, Ok(()));
    let count = |key, grants, revocations| DataKeyUse { key, grants, revocations };
    let wanted = vec![
        count(None, 1, 0),
        count(Some(1), 2, 0),
        count(Some(258), 1, 1),
        count(Some(u32::MAX), 1, 0),
    ];
    assert_eq!(store.data_key_use().await, Ok(wanted));
}

/// By id, a page at a time; one token under another key is enough. What needs nothing is looked at all the same.
pub async fn grants_to_rewrap_are_those_with_any_other_key(store: &dyn Store) {
    let access_only = SealedTokens { access: Some(sealed(1)), ..SealedTokens::default() };
    let mut others = Vec::new();
    for (number, tokens, is_other) in [
        (300, under(1, 1), true),
        (1, under(2, 1), true),
        (2, under(2, 2), false),
        (3, under(258, 2), true),
        (4, access_only, true),
        (5, SealedTokens::default(), false),
        (6, SealedTokens { refresh: Some(sealed(2)), ..SealedTokens::default() }, false),
    ] {
        let grant = sealed_grant(store, number, tokens).await;
        others.extend(is_other.then_some(grant));
    }
    others.sort_by_key(|grant| grant.id);
    for (after, look_at, wanted, last) in [
        (None, 10, &others[..], Some(300)),
        (None, 2, &others[..1], Some(2)),
        (Some(1), 1, &[], Some(2)),
        (Some(2), 2, &others[1..3], Some(4)),
        (Some(4), 2, &[], Some(6)),
        (Some(3), 10, &others[2..], Some(300)),
        (Some(6), 0, &others[3..], Some(300)),
        (Some(300), 10, &[], None),
    ] {
        let page = store.grants_to_rewrap(2, after.map(grant_id), look_at).await.unwrap();
        assert_eq!(whole(page.rows), Ok(wanted.to_vec()), "{look_at} after {after:?}");
        assert_eq!(page.last, last.map(grant_id), "{look_at} after {after:?}");
    }
}

/// Whoever read it before loses, in both directions; and nothing but the tokens changes.
pub async fn a_rewrap_loses_against_whoever_wrote_first(store: &dyn Store) {
    let first = sealed_grant(store, 1, under(1, 1)).await;
    let second = sealed_grant(store, 2, under(1, 1)).await;
    let refreshed = Grant { tokens: under(1, 3), ..next(&second, at(70)) };
    assert_eq!(store.replace_grant(refreshed.clone(), None).await, Ok(()));

    let gone = RewrappedGrant { id: grant_id(9), version: 1, tokens: under(2, 2) };
    let batch = vec![rewrapped(&first, under(2, 2)), rewrapped(&second, under(2, 2)), gone];
    assert_eq!(store.rewrap_grants(batch.clone()).await, Ok(1));
    assert_eq!(store.rewrap_grants(batch).await, Ok(0));
    assert_eq!(store.rewrap_grants(Vec::new()).await, Ok(0));

    let wanted = Grant { tokens: under(2, 2), version: first.version + 1, ..first.clone() };
    assert_eq!(store.grant(first.id).await, Ok(Some(wanted)));
    assert_eq!(store.grant(second.id).await, Ok(Some(refreshed)));
    let late = store.replace_grant(next(&first, at(80)), None).await;
    assert_eq!(late, Err(StoreError::Conflict));
}

/// A revocation that is finished does not come back; how often it was tried stays.
pub async fn a_revocation_is_rewrapped_where_it_still_waits(store: &dyn Store) {
    let old = |number| RevocationRow {
        sealed_token: sealed(1).as_bytes().to_vec(),
        ..revocation(number)
    };
    let new = |number| RevocationRow {
        sealed_token: sealed(2).as_bytes().to_vec(),
        ..revocation(number)
    };
    for row in [old(3), old(1), new(2), old(4)] {
        assert_eq!(store.queue_revocation(row).await, Ok(()));
    }
    let found = store.revocations_to_rewrap(2, None, 10).await.unwrap();
    assert_eq!(whole(found.rows), Ok(vec![old(1), old(3), old(4)]));
    let first = (at(1), grant_id(1));
    for (look_at, wanted, last) in [(1, Vec::new(), 2), (2, vec![old(3)], 3)] {
        let page = store.revocations_to_rewrap(2, Some(first), look_at).await.unwrap();
        assert_eq!(whole(page.rows), Ok(wanted));
        assert_eq!(page.last, Some((at(last), grant_id(last))));
    }
    let behind = store.revocations_to_rewrap(2, Some((at(4), grant_id(4))), 10).await.unwrap();
    assert_eq!((behind.rows, behind.last), (Vec::new(), None));

    assert_eq!(store.finish_revocation(grant_id(3), at(3)).await, Ok(()));
    assert_eq!(store.postpone_revocation(grant_id(1), at(1), 0, at(70)).await, Ok(true));
    let batch = [1, 3, 4].map(new).to_vec();
    assert_eq!(store.rewrap_revocations(batch).await, Ok(2));
    let first = RevocationRow { retry_at: at(70), attempts: 1, ..new(1) };
    let due = store.due_revocations(at(99), 10).await;
    assert_eq!(due, Ok(vec![new(2), new(4), first]));
    let left = store.revocations_to_rewrap(2, None, 10).await.unwrap();
    assert_eq!(whole(left.rows), Ok(Vec::new()));
}

/// By no door: a process that was asleep while its key was retired seals again with another.
pub async fn nothing_is_written_that_a_retired_data_key_has_sealed(store: &dyn Store) {
    let stored = sealed_grant(store, 1, under(1, 1)).await;
    retire(store, 2).await;
    for tokens in [under(2, 1), under(1, 2)] {
        let moved = Grant { tokens: tokens.clone(), ..next(&stored, at(70)) };
        assert_eq!(store.replace_grant(moved, None).await, Err(StoreError::Conflict));
        assert_eq!(store.rewrap_grants(vec![rewrapped(&stored, tokens.clone())]).await, Ok(0));
        let mut first = sign_in(2);
        first.grant = first.grant.map(|grant| Grant { tokens, ..grant });
        assert!(store.complete_sign_in(first).await == Err(StoreError::Conflict));
    }
    let retired = || sealed(2).as_bytes().to_vec();
    let row = RevocationRow { sealed_token: retired(), ..revocation(1) };
    assert_eq!(store.queue_revocation(row).await, Err(StoreError::Conflict));
    let waiting = RevocationRow { sealed_token: sealed(1).as_bytes().to_vec(), ..revocation(1) };
    assert_eq!(store.queue_revocation(waiting.clone()).await, Ok(()));
    let row = RevocationRow { sealed_token: retired(), ..waiting.clone() };
    assert_eq!(store.rewrap_revocations(vec![row]).await, Ok(0));

    assert_eq!(store.grants(None, 10).await, Ok(vec![stored]));
    assert_eq!(store.due_revocations(at(99), 10).await, Ok(vec![waiting]));
    assert_eq!(store.users(None, 10).await.map(|users| users.len()), Ok(1));
}

/// A row that slipped in while its key was being retired must go on being refreshed, until it is rewrapped.
pub async fn what_a_retired_key_sealed_before_stays_while_the_rest_changes(store: &dyn Store) {
    let stored = sealed_grant(store, 1, under(2, 2)).await;
    retire(store, 2).await;
    let refreshed = Grant { tokens: under(1, 2), ..next(&stored, at(70)) };
    assert_eq!(store.replace_grant(refreshed.clone(), None).await, Ok(()));
    let back = Grant { tokens: under(2, 2), ..next(&refreshed, at(71)) };
    assert_eq!(store.replace_grant(back, None).await, Err(StoreError::Conflict));
    assert_eq!(store.grants(None, 10).await, Ok(vec![refreshed]));
}
