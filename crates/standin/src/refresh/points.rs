//! Where a flight may be cut short by a test: before and after each step.

use super::protocol::Step;
use crate::fail_point::FailPoint::{self, *};

/// The points around a step; none around the end, where nothing is done.
pub(super) const fn around(step: Step) -> Option<(FailPoint, FailPoint)> {
    Some(match step {
        Step::Read => (RefreshRead, RefreshHasRead),
        Step::Claim { .. } => (RefreshClaim, RefreshHasClaimed),
        Step::Ask => (RefreshAsk, RefreshHasAsked),
        Step::Keep => (RefreshKeep, RefreshHasKept),
        Step::Commit { .. } => (RefreshCommit, RefreshHasCommitted),
        Step::Recall { .. } => (RefreshRecall, RefreshHasRecalled),
        Step::Bury { .. } => (RefreshBury, RefreshHasBuried),
        Step::Discard => (RefreshDiscard, RefreshHasDiscarded),
        Step::Release => (RefreshRelease, RefreshHasReleased),
        Step::Yield => (RefreshYield, RefreshHasYielded),
        Step::Wait => (RefreshWait, RefreshHasWaited),
        Step::End(_) => return None,
    })
}
