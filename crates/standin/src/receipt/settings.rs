//! How long receipts are kept, and how many.

use std::time::Duration;

use crate::store::ReceiptKind;

/// More answers that belong to nobody are of no use to anybody, however long the rest is kept.
const MOST_STRAYS: usize = 1_000;

/// The bounds of what is kept of attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiptSettings {
    /// How long.
    pub keep: Duration,
    /// How many of each kind: so many that succeeded, and so many that did not. One is about three kilobytes.
    pub max: usize,
}

impl Default for ReceiptSettings {
    /// A week, and twenty thousand.
    fn default() -> Self {
        Self { keep: Duration::from_hours(7 * 24), max: 20_000 }
    }
}

impl ReceiptSettings {
    /// How many of one kind.
    pub(crate) fn most(&self, kind: ReceiptKind) -> usize {
        match kind {
            ReceiptKind::Stray => self.max.min(MOST_STRAYS),
            ReceiptKind::Done | ReceiptKind::Failed | ReceiptKind::TurnedAway => self.max,
        }
    }
}
