//! Credentials that were asked for elsewhere, for a minute: at the start of a service a thousand data keys are unwrapped
//! one after the other, and whoever hands out credentials need not be asked for each.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::KekError;
use crate::time::{Clock, Timestamp};

/// How long they are kept, unless they end before: an operator who changes them does not wait long.
const KEPT: Duration = Duration::from_mins(1);
/// What is about to end is not begun with.
const MARGIN: Duration = Duration::from_secs(10);

/// What was asked for last, and until when it is good.
pub(super) struct Kept<T>(Mutex<Option<(Timestamp, T)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Kept<T> {
    /// What is kept, or what `ask` brings with the time of its end. Several who find nothing ask at once: none waits
    /// for another one's time-out.
    pub(super) async fn get(
        &self,
        clock: &dyn Clock,
        ask: impl Future<Output = Result<(T, Timestamp), KekError>>,
    ) -> Result<T, KekError> {
        if let Some(kept) = self.kept(clock.now()) {
            return Ok(kept);
        }
        let (brought, ends_at) = ask.await?;
        let until = ends_at.before(MARGIN).min(clock.now().after(KEPT));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((until, brought.clone()));
        Ok(brought)
    }

    /// A clock that was set back does not make it good for longer.
    fn kept(&self, now: Timestamp) -> Option<T> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, value) = kept.as_ref()?;
        let left = until.remaining(now);
        (!left.is_zero() && left <= KEPT).then(|| value.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::MockClock;

    /// Asked at 0 s for what ends then, and again at each of these times: how often it was brought anew.
    async fn brought(ends_at: i64, again_at: [i64; 3]) -> usize {
        let (kept, mut count) = (Kept::default(), 0);
        for seconds in [0].into_iter().chain(again_at) {
            let clock = MockClock::new(at(seconds));
            let ask = async {
                count += 1;
                Ok(("token", at(ends_at)))
            };
            assert_eq!(kept.get(&clock, ask).await, Ok("token"));
        }
        count
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_000_000 + seconds)
    }

    #[tokio::test]
    async fn vc_14_credentials_are_kept_for_a_minute_and_never_past_their_end() {
        assert_eq!(brought(3600, [1, 30, 59]).await, 1);
        assert_eq!(brought(3600, [59, 60, 61]).await, 2, "after a minute they are asked for again");
        assert_eq!(brought(40, [1, 29, 31]).await, 2, "ten seconds before their end");
        assert_eq!(brought(0, [0, 1, 2]).await, 4, "what has no end that is known is not kept");
        assert_eq!(brought(3600, [-1, -1, -1]).await, 2, "a clock that was set back");
    }
}
