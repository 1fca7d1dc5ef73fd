//! The one task that looks at what other nodes have changed, strikes it, and says that this node is there.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Live;
use super::hearing::Began;
use crate::id::NodeId;
use crate::store::{Bulletin, NOTES_ARE_KEPT, StoreError};
use crate::time::Timestamp;

/// How often it looks: several times within what [`Hearing`](super::hearing::Hearing) trusts.
const LOOK: Duration = Duration::from_millis(300);
/// How often a node says that it is there, if there is nothing else to say.
const REPORT: Duration = Duration::from_secs(2);
/// After a gap of this length notes may be gone that were never read.
const LONGEST_GAP: Duration = NOTES_ARE_KEPT.saturating_sub(Duration::from_mins(10));

/// Looks until `stop`. From then on nothing in memory is believed.
pub(crate) async fn follow(live: &Live, node: NodeId, stop: &CancellationToken) {
    let mut follower = Follower { live, node, last: None, reported: None };
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_deaf = false;
    while stop.run_until_cancelled(looks.tick()).await.is_some() {
        let looked = follower.look().await;
        if let (Err(error), false) = (&looked, is_deaf) {
            tracing::warn!(%error, "what other nodes change cannot be seen; tokens are vended from rows until it can");
        }
        is_deaf = looked.is_err();
    }
    live.hearing.end();
    if let Err(error) = live.store.remove_node(node).await {
        tracing::debug!(%error, "the row of this node is left to time");
    }
}

pub(super) struct Follower<'l> {
    pub(super) live: &'l Live,
    pub(super) node: NodeId,
    /// What was heard last.
    pub(super) last: Option<Bulletin>,
    /// When it was last said that this node is there, and has heard which roll call.
    pub(super) reported: Option<(Began, u64)>,
}

impl Follower<'_> {
    /// In this order: it is said that this node is there before it listens, for nobody waits until one has heard that is
    /// taken for dead. What was heard is struck before it is said that it was heard, and both before it counts. A node
    /// that cannot say so counts for others as gone, and must not go on believing what it keeps.
    pub(super) async fn look(&mut self) -> Result<(), StoreError> {
        let began = self.live.now();
        let (reported, heard) = self.reported.unzip();
        if reported.is_none_or(|reported: Began| reported.age(began) >= REPORT) {
            self.report(heard.unwrap_or_default()).await?;
        }
        // At first nothing is kept yet that notes could be about.
        let since = self.last.as_ref().map_or(Timestamp::NEVER, |last| last.settled);
        let bulletin = self.live.store.bulletin(since).await?;
        self.strike(&bulletin);
        let roll_calls = bulletin.roll_calls();
        if self.reported.is_none_or(|(_, heard)| heard != roll_calls) {
            self.report(roll_calls).await?;
        }
        self.last = Some(bulletin);
        self.live.hearing.heard(began);
        Ok(())
    }

    pub(super) fn strike(&self, bulletin: &Bulletin) {
        let marks = self.live.marks();
        let Some(last) = self.last.as_ref().filter(|last| follows(bulletin, last)) else {
            return marks.strike_everything();
        };
        // Also an epoch that is not there any more: the rows are another database's.
        let changed = |one: &Bulletin, other: &Bulletin| {
            for (epoch, _) in one.epochs.iter().filter(|epoch| !other.epochs.contains(epoch)) {
                marks.strike_epoch(epoch);
            }
        };
        changed(bulletin, last);
        changed(last, bulletin);
        for outdated in bulletin.news(last) {
            marks.strike(&outdated);
        }
    }

    async fn report(&mut self, roll_calls: u64) -> Result<(), StoreError> {
        let now = self.live.now();
        self.live.store.report_node(self.node, roll_calls).await?;
        self.reported = Some((now, roll_calls));
        Ok(())
    }
}

/// Whether the notes in between are all there: the clock of the database goes on, and has not leapt.
fn follows(bulletin: &Bulletin, last: &Bulletin) -> bool {
    bulletin.settled >= last.settled && bulletin.settled.remaining(last.settled) < LONGEST_GAP
}
