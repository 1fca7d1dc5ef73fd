//! Where a flight may be cut short by a test: before and after each step.

use super::protocol::Step;
use crate::fail_point::FailPoint;

/// The points around a step; none around the end, where nothing is done.
pub(super) const fn around(step: Step) -> Option<(FailPoint, FailPoint)> {
    Some(match step {
        Step::Read => (FailPoint::RefreshRead, FailPoint::RefreshHasRead),
        Step::Claim { .. } => (FailPoint::RefreshClaim, FailPoint::RefreshHasClaimed),
        Step::Ask => (FailPoint::RefreshAsk, FailPoint::RefreshHasAsked),
        Step::Keep { .. } => (FailPoint::RefreshKeep, FailPoint::RefreshHasKept),
        Step::Commit { .. } => (FailPoint::RefreshCommit, FailPoint::RefreshHasCommitted),
        Step::Recall { .. } => (FailPoint::RefreshRecall, FailPoint::RefreshHasRecalled),
        Step::Bury { .. } => (FailPoint::RefreshBury, FailPoint::RefreshHasBuried),
        Step::Discard => (FailPoint::RefreshDiscard, FailPoint::RefreshHasDiscarded),
        Step::Release => (FailPoint::RefreshRelease, FailPoint::RefreshHasReleased),
        Step::Yield { .. } => (FailPoint::RefreshYield, FailPoint::RefreshHasYielded),
        Step::Wait => (FailPoint::RefreshWait, FailPoint::RefreshHasWaited),
        Step::End(_) => return None,
    })
}
