//! Failed requests are counted by whoever sees them, and by nobody twice.

use std::net::IpAddr;

use super::in_parallel;
use super::samples::at;
use crate::store::{FailedInWindow, Network, Store};

fn network(number: u8) -> Network {
    IpAddr::from([192, 0, 2, number]).into()
}

const fn numbers(requests: u32, until: crate::time::Timestamp) -> FailedInWindow {
    FailedInWindow { requests, until }
}

/// However many processes count at once, and however many networks each of them names.
pub async fn failed_requests_of_fifty_parallel_callers_are_all_counted(store: &dyn Store) {
    let all = in_parallel(50, |caller| {
        let two = if caller % 2 == 0 { [1, 2] } else { [2, 1] };
        let more = two.map(|number| (network(number), u32::from(number))).to_vec();
        store.count_failed_requests(more, at(0), at(60_000))
    });
    assert!(all.iter().all(|counted| counted.as_ref().is_ok_and(|rows| rows.len() == 2)));
    let rest = vec![(network(2), 1), (network(1), 0), (network(3), 7)];
    let counted = store.count_failed_requests(rest, at(59_999), at(90_000)).await;
    let [two, one, three] =
        [numbers(101, at(60_000)), numbers(50, at(60_000)), numbers(7, at(90_000))];
    assert_eq!(counted, Ok(vec![two, one, three]));
}

/// At its very millisecond, and the one that follows begins with what is counted then.
pub async fn a_window_of_failed_requests_ends_at_its_time(store: &dyn Store) {
    let count = async |requests, now, until| {
        store.count_failed_requests(vec![(network(1), requests)], at(now), at(until)).await
    };
    assert_eq!(count(5, 0, 1_000).await, Ok(vec![numbers(5, at(1_000))]));
    // Later callers do not prolong it.
    assert_eq!(count(5, 999, 1_999).await, Ok(vec![numbers(10, at(1_000))]));
    assert_eq!(count(3, 1_000, 2_000).await, Ok(vec![numbers(3, at(2_000))]));
}

/// A row whose window is over is of no use to anybody, and says where somebody was.
pub async fn pruning_forgets_failed_requests_whose_window_is_over(store: &dyn Store) {
    for (number, until) in [(1, 999), (2, 1_000), (3, 1_001)] {
        let more = vec![(network(number), 1)];
        assert!(store.count_failed_requests(more, at(0), at(until)).await.is_ok());
    }
    assert_eq!(store.prune(at(998)).await, Ok(0));
    assert_eq!(store.prune(at(1_000)).await, Ok(2));
    let more = [1, 2, 3].map(|number| (network(number), 1)).to_vec();
    let counted = store.count_failed_requests(more, at(0), at(2_000)).await.unwrap();
    assert_eq!(
        counted,
        [1, 1, 2]
            .map(|requests| numbers(requests, if requests == 2 { at(1_001) } else { at(2_000) }))
    );
}
