//! One time for everybody: the emulator's, so that "two hours later" is later for Standin too.

use std::time::Duration;

use standin::time::{Clock, SystemClock, Timestamp};
use standin_emulator::Emulator;

use super::data::Data;

/// The emulator's clock, as Standin and the job read it. Clones are the same clock.
#[derive(Clone, Debug)]
pub(super) struct EmulatedTime(standin_emulator::Clock);

impl EmulatedTime {
    /// Goes on from where the last run stopped: stored times must not lie in the future.
    pub(super) fn of(emulator: &Emulator, data: &Data) -> anyhow::Result<Self> {
        let clock = emulator.clock();
        clock.advance(Duration::from_secs(data.remembered()?.ahead_seconds));
        Ok(Self(clock))
    }

    /// How far it is ahead of the machine's clock.
    pub(super) fn ahead(&self) -> Duration {
        let ahead = self.now().remaining(SystemClock.now());
        Duration::from_secs(ahead.as_secs())
    }
}

impl Clock for EmulatedTime {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.0.now_unix_ms())
    }
}
