//! What a piece of work costs whoever does it: processor time, and how many of them a second there can be.

use std::time::Duration;

use anyhow::Result;

use crate::child::Running;
use crate::http::address;
use crate::load::per_second;
use crate::report::median;

/// Of one piece of work.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    /// Milliseconds of its own processor time.
    pub(crate) cpu_ms: f64,
    /// How many a second, several at a time.
    pub(crate) per_second: f64,
}

impl Cost {
    /// Of each of `count` pieces that `service` does while `work` is under way, which says how long that was.
    pub(crate) fn of(
        service: &Running,
        count: u32,
        work: impl FnOnce() -> Result<Duration>,
    ) -> Result<Self> {
        let before = service.cpu_ms()?;
        let took = work()?;
        let cpu_ms = (service.cpu_ms()? - before) / f64::from(count);
        Ok(Self { cpu_ms, per_second: f64::from(count) / took.as_secs_f64() })
    }

    /// Of each answer that `service` gives to the same request, asked for as often as it can be within `time`.
    pub(crate) fn of_answers(
        service: &Running,
        request: &[u8],
        expected: u16,
        time: Duration,
    ) -> Result<Self> {
        let before = service.cpu_ms()?;
        let per_second = per_second(address(service)?, request, expected, time)?;
        let cpu_ms = (service.cpu_ms()? - before) / (per_second * time.as_secs_f64());
        Ok(Self { cpu_ms, per_second })
    }

    /// The one in the middle, of each figure.
    pub(crate) fn middle(costs: &[Self]) -> Self {
        let of = |pick: fn(&Self) -> f64| median(costs.iter().map(pick).collect());
        Self { cpu_ms: of(|cost| cost.cpu_ms), per_second: of(|cost| cost.per_second) }
    }

    /// The best of several turns: whatever else the machine does only ever makes one worse.
    pub(crate) fn best(costs: &[Self]) -> Self {
        let worst = Self { cpu_ms: f64::INFINITY, per_second: 0.0 };
        costs.iter().fold(worst, |best, cost| Self {
            cpu_ms: best.cpu_ms.min(cost.cpu_ms),
            per_second: best.per_second.max(cost.per_second),
        })
    }
}
