//! Receipts are kept whole, bounded, and never covered by a replay.

use super::samples::{at, attempt_id, receipt, sign_in, user};
use crate::id::AttemptId;
use crate::receipt::Offline;
use crate::store::{ReceiptFilter, ReceiptKind, ReceiptRow, SignIn, Store};

fn any(limit: usize) -> ReceiptFilter {
    ReceiptFilter { failed: false, provider: None, user: None, limit }
}

async fn ids(store: &dyn Store, wanted: ReceiptFilter) -> Vec<AttemptId> {
    store.receipts(&wanted).await.unwrap().iter().map(|row| row.attempt).collect()
}

/// Every field, of every kind.
pub async fn a_receipt_comes_back_whole(store: &dyn Store) {
    for (number, kind) in (1..).zip(ReceiptKind::ALL) {
        let row = ReceiptRow { kind, offline: Some(Offline::Kept), ..receipt(number) };
        assert_eq!(store.put_receipt(row.clone()).await, Ok(()));
        assert_eq!(store.receipt(row.attempt).await, Ok(Some(row)));
    }
    assert_eq!(store.receipt(attempt_id(99)).await, Ok(None));
}

/// It is written in the transaction of the sign-in, and by nobody else.
pub async fn the_receipt_of_a_sign_in_names_its_user(store: &dyn Store) {
    for (number, is_new_user) in [(1, true), (2, false)] {
        let kind = ReceiptKind::Done;
        let row = ReceiptRow { kind, code: None, offline: Some(Offline::Came), ..receipt(number) };
        let grant = None;
        let signed_in = SignIn { receipt: Some(row.clone()), grant, ..sign_in(1) };
        let session = signed_in.session.clone().filter(|_| number == 1);
        let attempt = attempt_id(number);
        assert!(store.complete_sign_in(SignIn { attempt, session, ..signed_in }).await.is_ok());
        let expected = ReceiptRow { user: Some(user(1)), is_new_user, ..row };
        assert_eq!(store.receipt(attempt).await, Ok(Some(expected)));
    }
}

/// Whatever comes after the end of an attempt; and whatever comes before it is covered by the end.
pub async fn a_replay_never_covers_what_happened(store: &dyn Store) {
    let turned_away =
        |at_ms| ReceiptRow { kind: ReceiptKind::TurnedAway, ended_at: at(at_ms), ..receipt(1) };
    for early in [turned_away(1), turned_away(2)] {
        assert_eq!(store.put_receipt(early.clone()).await, Ok(()));
        assert_eq!(store.receipt(attempt_id(1)).await, Ok(Some(early)));
    }
    let end = ReceiptRow { kind: ReceiptKind::Done, code: None, ended_at: at(3), ..receipt(1) };
    assert_eq!(store.put_receipt(end.clone()).await, Ok(()));
    for late in [turned_away(4), ReceiptRow { ended_at: at(5), ..receipt(1) }] {
        assert_eq!(store.put_receipt(late).await, Ok(()));
        assert_eq!(store.receipt(attempt_id(1)).await, Ok(Some(end.clone())));
    }
}

/// Every filter alone and together with a limit.
pub async fn receipts_are_found_newest_first_by_how_they_ended_where_and_whose_they_are(
    store: &dyn Store,
) {
    let done = ReceiptRow { kind: ReceiptKind::Done, ..receipt(1) };
    let signed_in = SignIn { receipt: Some(done), ..sign_in(1) };
    assert!(store.complete_sign_in(signed_in).await.is_ok());
    let elsewhere = ReceiptRow { provider: "other".parse().unwrap(), ..receipt(2) };
    let stray = ReceiptRow { kind: ReceiptKind::Stray, ..receipt(3) };
    for row in [elsewhere, stray, receipt(4)] {
        assert_eq!(store.put_receipt(row).await, Ok(()));
    }
    let expected = |numbers: &[u64]| numbers.iter().map(|n| attempt_id(*n)).collect::<Vec<_>>();
    assert_eq!(ids(store, any(9)).await, expected(&[4, 3, 2, 1]));
    assert_eq!(ids(store, any(2)).await, expected(&[4, 3]));
    assert_eq!(ids(store, ReceiptFilter { failed: true, ..any(9) }).await, expected(&[4, 3, 2]));
    let other = Some("other".parse().unwrap());
    assert_eq!(ids(store, ReceiptFilter { provider: other, ..any(9) }).await, expected(&[2]));
    let theirs = Some(user(1));
    assert_eq!(ids(store, ReceiptFilter { user: theirs, ..any(9) }).await, expected(&[1]));
}

/// At the very millisecond, and not before it; and of those that remain, the newest.
pub async fn receipts_are_pruned_at_their_time_and_beyond_their_number(store: &dyn Store) {
    for number in 1..=620 {
        assert_eq!(store.put_receipt(receipt(number)).await, Ok(()));
    }
    let kind = ReceiptKind::Failed;
    assert_eq!(store.prune_receipts(kind, at(10), 5_000).await, Ok(10));
    assert_eq!(ids(store, any(5_000)).await.last(), Some(&attempt_id(11)));
    assert_eq!(store.prune_receipts(kind, at(10), 610).await, Ok(0));
    assert_eq!(store.prune_receipts(kind, at(10), 3).await, Ok(607));
    assert_eq!(ids(store, any(9)).await, [620, 619, 618].map(attempt_id));
    assert_eq!(store.prune_receipts(kind, at(0), 0).await, Ok(3));
}

/// A flood of one kind pushes nothing else out.
pub async fn pruning_receipts_leaves_other_kinds_alone(store: &dyn Store) {
    for (number, kind) in (1..).zip(ReceiptKind::ALL) {
        assert_eq!(store.put_receipt(ReceiptRow { kind, ..receipt(number) }).await, Ok(()));
    }
    assert_eq!(store.prune_receipts(ReceiptKind::Stray, at(9_999), 0).await, Ok(1));
    let left = store.receipts(&any(9)).await.unwrap();
    let kinds: Vec<_> = left.iter().map(|row| row.kind).collect();
    assert_eq!(kinds, [ReceiptKind::TurnedAway, ReceiptKind::Failed, ReceiptKind::Done]);
}

/// And nobody else's.
pub async fn a_receipt_goes_with_its_user(store: &dyn Store) {
    for number in [1, 2] {
        let row = Some(ReceiptRow { kind: ReceiptKind::Done, ..receipt(number) });
        let signed_in = SignIn { receipt: row, ..sign_in(number) };
        assert!(store.complete_sign_in(signed_in).await.is_ok());
    }
    assert_eq!(store.put_receipt(receipt(3)).await, Ok(()));
    assert_eq!(store.delete_user(user(1)).await, Ok(true));
    assert_eq!(ids(store, any(9)).await, [3, 2].map(attempt_id));
}
