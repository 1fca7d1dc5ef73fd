use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{join, join_all};
use tokio::sync::Semaphore;

use super::*;
use crate::time::MockClock;

const MINUTE: Duration = Duration::from_mins(1);
const MOMENT: Duration = Duration::from_millis(1);

/// A document that is a number, how often it was asked for, and a gate before its answers.
struct World {
    document: Document<u32, DocumentFault>,
    clock: MockClock,
    fetches: AtomicUsize,
    gate: Semaphore,
}

impl World {
    fn new() -> Self {
        Self {
            document: Document::new("number"),
            clock: MockClock::new(Timestamp::from_unix_seconds(1_766_000_000)),
            fetches: AtomicUsize::new(0),
            gate: Semaphore::new(1000),
        }
    }

    fn gated() -> Self {
        let gate = Semaphore::new(0);
        Self { gate, ..Self::new() }
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    async fn fetch(
        &self,
        result: Result<u32, DocumentFault>,
    ) -> Result<Fetched<u32>, DocumentFault> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        let good_for = MIN_AGE;
        result.map(|document| Fetched { document, good_for })
    }

    /// Asks for the number `wanted` (0 for any); a fetch would bring `result`.
    async fn get(
        &self,
        wanted: u32,
        result: Result<u32, DocumentFault>,
    ) -> Result<u32, DocumentFault> {
        let suits = |number: &u32| wanted == 0 || *number == wanted;
        let got = self.document.get(&self.clock, suits, self.fetch(result));
        got.await.map(|number| *number)
    }
}

const DOWN: Result<u32, DocumentFault> = Err(DocumentFault::Unreachable);

/// Lets every other future of the test go as far as it can.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_fresh_copy_is_answered_without_a_fetch() {
    let world = World::new();
    assert_eq!(world.get(0, Ok(1)).await, Ok(1));
    world.clock.advance(MIN_AGE.saturating_sub(MOMENT));
    assert_eq!(world.get(0, Ok(2)).await, Ok(1));
    assert_eq!(world.fetches(), 1);
    world.clock.advance(MOMENT);
    assert_eq!(world.get(0, Ok(2)).await, Ok(2));
    assert_eq!(world.fetches(), 2);
}

#[tokio::test]
async fn id_17_all_who_wait_share_one_fetch() {
    for result in [Ok(1), DOWN] {
        let world = World::gated();
        let readers = join_all((0..100).map(|_| world.get(0, result)));
        let (answers, ()) = join(readers, async {
            settle().await;
            world.gate.add_permits(100);
        })
        .await;
        assert!(answers.iter().all(|answer| *answer == result));
        assert_eq!(world.fetches(), 1);
    }
}

#[tokio::test]
async fn whoever_can_do_with_the_old_copy_does_not_wait_for_the_new_one() {
    let world = World::gated();
    world.gate.add_permits(1);
    world.get(0, Ok(1)).await.unwrap();
    world.clock.advance(MIN_AGE);
    let (first, ()) = join(world.get(0, Ok(2)), async {
        settle().await;
        assert_eq!(world.get(0, Ok(3)).await, Ok(1));
        world.gate.add_permits(1);
    })
    .await;
    assert_eq!(first, Ok(2));
    assert_eq!(world.fetches(), 2);
}

#[tokio::test]
async fn id_22_the_last_good_copy_survives_an_outage_of_any_length() {
    let world = World::new();
    world.get(0, Ok(1)).await.unwrap();
    world.clock.advance(MIN_AGE);
    for _ in 0..100 {
        assert_eq!(world.get(0, DOWN).await, Ok(1));
        world.clock.advance(10 * MINUTE);
    }
    assert_eq!(world.get(0, Ok(2)).await, Ok(2));
}

#[tokio::test]
async fn the_cool_down_after_failures_grows_to_a_minute_and_ends_with_a_success() {
    let world = World::new();
    for (fetches, seconds) in [(1, 10), (2, 20), (3, 40), (4, 60), (5, 60)] {
        assert_eq!(world.get(0, DOWN).await, DOWN);
        assert_eq!(world.fetches(), fetches);
        world.clock.advance(Duration::from_millis(seconds * 1000 - 1));
        assert_eq!(world.get(0, Ok(1)).await, DOWN);
        assert_eq!(world.fetches(), fetches);
        world.clock.advance(MOMENT);
    }
    assert_eq!(world.get(0, Ok(1)).await, Ok(1));
    world.clock.advance(MIN_AGE);
    assert_eq!(world.get(0, DOWN).await, Ok(1));
    world.clock.advance(FAILURE_COOL_DOWN);
    assert_eq!(world.get(0, Ok(2)).await, Ok(2));
}

#[tokio::test]
async fn id_17_what_is_missing_is_looked_for_once_in_a_cool_down() {
    let world = World::new();
    world.get(0, Ok(1)).await.unwrap();
    assert_eq!(world.get(7, Ok(1)).await, Ok(1));
    assert_eq!(world.fetches(), 2);
    world.clock.advance(COOL_DOWN.saturating_sub(MOMENT));
    assert_eq!(world.get(7, Ok(7)).await, Ok(1));
    assert_eq!(world.fetches(), 2);
    world.clock.advance(MOMENT);
    assert_eq!(world.get(7, Ok(7)).await, Ok(7));
    // What was found cost no cool-down: the next change is seen at once.
    assert_eq!(world.get(8, Ok(8)).await, Ok(8));
}

#[tokio::test]
async fn a_first_fetch_that_lacks_what_was_asked_for_starts_the_cool_down() {
    let world = World::new();
    assert_eq!(world.get(7, Ok(1)).await, Ok(1));
    assert_eq!(world.get(7, Ok(1)).await, Ok(1));
    assert_eq!(world.fetches(), 1);
}

#[tokio::test]
async fn a_clock_that_is_set_back_neither_stretches_an_age_nor_a_cool_down() {
    let world = World::new();
    let document = &world.document;
    assert_eq!(world.get(0, DOWN).await, DOWN);
    let earlier = MockClock::new(Timestamp::from_unix_seconds(1_765_000_000));
    let got = document.get(&earlier, |_| true, world.fetch(Ok(1)));
    assert_eq!(got.await.map(|number| *number), Ok(1));
    let earliest = MockClock::new(Timestamp::from_unix_seconds(1_764_000_000));
    let got = document.get(&earliest, |_| true, world.fetch(Ok(2)));
    assert_eq!(got.await.map(|number| *number), Ok(2));
}

#[tokio::test]
async fn a_reader_who_goes_away_leaves_the_fetch_to_the_next() {
    let world = World::gated();
    let mut leader = Box::pin(world.get(0, Ok(1)));
    let mut waiter = Box::pin(world.get(0, Ok(2)));
    assert!(futures_util::poll!(leader.as_mut()).is_pending());
    assert!(futures_util::poll!(waiter.as_mut()).is_pending());
    assert_eq!(world.fetches(), 1);
    drop(leader);
    world.gate.add_permits(1);
    assert_eq!(waiter.await, Ok(2));
    assert_eq!(world.fetches(), 2);
    assert_eq!(world.get(0, DOWN).await, Ok(2));
}

#[tokio::test]
async fn a_waiter_who_goes_away_is_not_missed() {
    let world = World::gated();
    let mut leader = Box::pin(world.get(0, Ok(1)));
    let mut waiter = Box::pin(world.get(0, Ok(2)));
    assert!(futures_util::poll!(leader.as_mut()).is_pending());
    assert!(futures_util::poll!(waiter.as_mut()).is_pending());
    drop(waiter);
    world.gate.add_permits(1);
    assert_eq!(leader.await, Ok(1));
    assert_eq!(world.get(0, DOWN).await, Ok(1));
}

#[tokio::test]
async fn id_17_whoever_asks_and_hangs_up_cannot_have_the_provider_asked_without_end() {
    let world = World::gated();
    for _ in 0..100 {
        let mut reader = Box::pin(world.get(0, Ok(1)));
        let _ = futures_util::poll!(reader.as_mut());
    }
    assert_eq!(world.fetches(), 2);
    assert_eq!(world.get(0, Ok(1)).await, Err(DocumentFault::Abandoned));
    world.gate.add_permits(1);
    world.clock.advance(FAILURE_COOL_DOWN);
    assert_eq!(world.get(0, Ok(1)).await, Ok(1));
}

#[test]
fn a_copy_is_good_for_its_age_within_bounds() {
    let minutes = |n| Duration::from_mins(n);
    for (cache_control, age, expected) in [
        (&[][..], None, MIN_AGE),
        (&["public, max-age=23641, must-revalidate"], None, Duration::from_secs(23641)),
        (&["Public, MAX-AGE=3600"], None, minutes(60)),
        (&["public", "max-age=3600"], None, minutes(60)),
        (&["max-age=3600"], Some("600"), minutes(50)),
        (&["max-age=3600"], Some("7200"), MIN_AGE),
        (&["max-age=3600"], Some("soon"), minutes(60)),
        (&["max-age=0"], None, MIN_AGE),
        (&["no-store"], None, MIN_AGE),
        (&["max-age=-1"], None, MIN_AGE),
        (&["max-age=much"], None, MIN_AGE),
        (&["s-maxage=7200"], None, MIN_AGE),
        (&["max-age=31536000"], None, MAX_AGE),
        (&["max-age=99999999999999999999999"], None, MIN_AGE),
    ] {
        let mut headers = HeaderMap::new();
        for value in cache_control {
            headers.append(CACHE_CONTROL, HeaderValue::from_static(value));
        }
        if let Some(age) = age {
            headers.insert(AGE, HeaderValue::from_static(age));
        }
        assert_eq!(good_for(&headers), expected, "{cache_control:?} {age:?}");
    }
}
