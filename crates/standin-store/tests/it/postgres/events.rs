//! A reader that pages by number passes over nothing, whoever commits late.

use std::sync::Arc;

use standin::store::conformance::samples::at;
use standin::store::{Event, EventKind, Events, StoredEvent};
use tokio::task::JoinSet;

use super::fixture::{Fixture, connect};

fn event(detail: &str) -> Event {
    Event { detail: Some(detail.to_owned()), ..Event::new(EventKind::TokenVended, at(1)) }
}

fn details(events: &[StoredEvent]) -> Vec<&str> {
    events.iter().filter_map(|stored| stored.event.detail.as_deref()).collect()
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn an_event_that_is_committed_late_comes_after_what_was_read_before() {
    let store = Fixture::fresh().await;
    let (mut slow, _connection) = connect(&store.database).await;
    let early = slow.transaction().await.unwrap();
    let insert = "INSERT INTO event_inbox VALUES (1, '00000000-0000-0000-0000-000000000001', 0, 1, \
        'token_vended', NULL, NULL, NULL, NULL, 'early', 1)";
    early.batch_execute(insert).await.unwrap();

    store.append_events(vec![event("one"), event("two")]).await.unwrap();
    let first = store.events(0, 10).await.unwrap();
    assert_eq!(details(&first), ["one", "two"]);
    early.commit().await.unwrap();
    store.append_events(vec![event("three")]).await.unwrap();

    let next = store.events(first[1].sequence, 10).await.unwrap();
    assert_eq!(details(&next), ["early", "three"]);
    assert!(first[1].sequence < next[0].sequence && next[0].sequence < next[1].sequence);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn a_reader_beside_eight_writers_passes_over_nothing() {
    let store = Arc::new(Fixture::fresh().await);
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            for number in 0..25 {
                let detail = format!("{writer}.{number}");
                store.append_events(vec![event(&detail)]).await.unwrap();
            }
        });
    }
    let (mut read, mut last) = (Vec::new(), 0);
    while read.len() < 200 {
        let page = store.events(last, 7).await.unwrap();
        last = page.last().map_or(last, |stored| stored.sequence);
        read.extend(page);
    }
    writers.join_all().await;
    assert!(read.is_sorted_by(|one, other| one.sequence < other.sequence));
    for writer in 0..8 {
        let theirs: Vec<_> = details(&read)
            .into_iter()
            .filter(|detail| detail.starts_with(&format!("{writer}.")))
            .map(str::to_owned)
            .collect();
        let expected: Vec<_> = (0..25).map(|number| format!("{writer}.{number}")).collect();
        assert_eq!(theirs, expected);
    }
    assert_eq!(store.events(last, 7).await, Ok(Vec::new()));
}
