//! What goes wrong, by the dice.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::node::{Dice, Machine};

/// How often what may go wrong, of a hundred troubles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    troubles: u64,
    deaths: u64,
    no_database: u64,
    no_provider: u64,
    lost_answers: u64,
    sleeps: u64,
    clocks: u64,
    /// The provider says of every token that it is dead, and does not mean it.
    incidents: u64,
    /// A standby takes over that lags.
    failovers: u64,
    /// How many of a hundred deaths are those of the machine, and not of the process alone: what was not yet on the disk
    /// is torn.
    power_failures: u64,
}

/// What happens to a node next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It dies, and is started again after a while.
    Death(Duration),
    /// The database forgets what its standby had not received.
    Failover,
    /// It does not, or it is over at once.
    Other,
}

/// No trouble is longer, so that a takeover comes within the grace.
const LONGEST_MS: u64 = 9_000;

impl Plan {
    const NOTHING: Self = Self {
        troubles: 0,
        deaths: 0,
        no_database: 0,
        no_provider: 0,
        lost_answers: 0,
        sleeps: 0,
        clocks: 0,
        incidents: 0,
        failovers: 0,
        power_failures: 0,
    };
    pub(super) const CALM: Self = Self::NOTHING;
    pub(super) const DEATHS: Self = Self {
        troubles: 12,
        deaths: 50,
        no_database: 20,
        no_provider: 20,
        lost_answers: 10,
        ..Self::NOTHING
    };
    pub(super) const SLEEPS: Self = Self { deaths: 20, sleeps: 50, ..Self::DEATHS };
    pub(super) const CLOCKS: Self = Self { deaths: 20, clocks: 60, ..Self::DEATHS };

    pub(super) const INCIDENTS: Self = Self { troubles: 6, incidents: 100, ..Self::NOTHING };
    pub(super) const FAILOVERS: Self = Self { troubles: 6, failovers: 100, ..Self::NOTHING };
    pub(super) const FAILOVERS_AND_DEATHS: Self =
        Self { deaths: 30, failovers: 30, power_failures: 50, ..Self::DEATHS };
    pub(super) const POWER_FAILURES: Self = Self { power_failures: 100, ..Self::DEATHS };

    /// Whether nodes sleep through their leases: then a grant may die and give another reason.
    pub(super) const fn sleeps(&self) -> bool {
        self.sleeps > 0
    }

    pub(super) const fn troubles(&self) -> u64 {
        self.troubles
    }

    /// Something goes wrong with this node.
    pub(super) fn strike(&self, dice: &Dice, machine: &Machine) -> Trouble {
        let time = dice.ms(LONGEST_MS);
        let mut left = dice.roll(100);
        let mut falls = |share: u64| {
            let is_it = left < share;
            left = left.saturating_sub(share);
            is_it
        };
        if falls(self.deaths) {
            machine.die(dice.roll(100) < self.power_failures);
            return Trouble::Death(time);
        }
        if falls(self.failovers) {
            return Trouble::Failover;
        }
        if falls(self.sleeps) {
            // Longer than a lease, and sometimes than the grace.
            machine.sleep(time * 10);
        } else if falls(self.clocks) {
            let hour = 3_600_000;
            machine.set_clock(
                i64::try_from(dice.roll(2 * hour)).unwrap() - i64::try_from(hour).unwrap(),
            );
        } else if falls(self.no_database) {
            machine.lose_database(time);
        } else if falls(self.no_provider) {
            machine.lose_provider(time);
        } else if falls(self.incidents) {
            machine.ground.provider.refuse_for(time);
        } else if falls(self.lost_answers) {
            machine.lose_answers(30);
        }
        Trouble::Other
    }
}

/// Everything is well again.
pub(super) fn heal(machines: &[Arc<Machine>]) {
    for machine in machines {
        machine.lose_answers(0);
        machine.lose_database(Duration::ZERO);
        machine.lose_provider(Duration::ZERO);
        machine.sleep(Duration::ZERO);
        machine.set_clock(0);
    }
}

pub(super) async fn pause(dice: &Dice, most: u64) {
    sleep(dice.ms(most)).await;
}
