//! Notes for other nodes, of which there are none: whoever shares this memory shares its marks.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{MemoryStore, Tables};
use crate::id::NodeId;
use crate::store::{
    Bulletin, Cluster, Epoch, LOOKBACK, Marks, NODE_IS_DEAD_AFTER, Note, Outdated, Result,
};
use crate::time::{Clock as _, SystemClock, Timestamp};

/// What is outdated since when, how far the epochs are, and what each node has heard when.
#[derive(Debug, Default)]
pub(super) struct Notes {
    outdated: BTreeMap<(i64, Outdated), u64>,
    epochs: BTreeMap<Epoch, u64>,
    nodes: BTreeMap<NodeId, (Timestamp, u64)>,
}

impl Notes {
    /// Nothing is ever under way here.
    fn since(&self, since: i64) -> Bulletin {
        let found = self.outdated.iter().filter(|((second, _), _)| *second >= since);
        let note = |(&(second, outdated), &changes)| Note { second, outdated, changes };
        Bulletin {
            settled: SystemClock.now(),
            epochs: self.epochs.iter().map(|(epoch, count)| (epoch.clone(), *count)).collect(),
            notes: found.map(note).collect(),
        }
    }
}

impl MemoryStore {
    pub(super) fn note(&self, tables: &mut Tables, outdated: Outdated) {
        let second = SystemClock.now().unix_seconds();
        *tables.notes.outdated.entry((second, outdated)).or_default() += 1;
        self.marks.strike(&outdated);
    }

    pub(super) fn outdate_everything(&self, tables: &mut Tables) {
        *tables.notes.epochs.entry(Epoch::Everything).or_default() += 1;
        self.marks.strike_everything();
    }
}

#[async_trait]
impl Cluster for MemoryStore {
    fn marks(&self) -> &Marks {
        &self.marks
    }

    async fn bulletin(&self, since: Timestamp) -> Result<Bulletin> {
        let since = since.before(LOOKBACK).unix_seconds();
        self.reach("bulletin", |tables, _| Ok(tables.notes.since(since))).await
    }

    async fn begin_epoch(&self, epoch: &Epoch) -> Result<u64> {
        let mut tables = self.tables();
        let count = tables.notes.epochs.entry(epoch.clone()).or_default();
        *count += 1;
        self.marks.strike_epoch(epoch);
        Ok(*count)
    }

    async fn report_node(&self, node: NodeId, heard: u64) -> Result<()> {
        self.reach("report_node", |tables, _| {
            tables.notes.nodes.insert(node, (SystemClock.now(), heard));
            Ok(())
        })
        .await
    }

    async fn remove_node(&self, node: NodeId) -> Result<()> {
        self.tables().notes.nodes.remove(&node);
        Ok(())
    }

    async fn nodes_behind(&self, roll_call: u64) -> Result<Vec<NodeId>> {
        let (tables, dead) = (self.tables(), SystemClock.now().before(NODE_IS_DEAD_AFTER));
        let is_behind =
            |&(_, (at, heard)): &(&NodeId, &(Timestamp, u64))| *at >= dead && *heard < roll_call;
        Ok(tables.notes.nodes.iter().filter(is_behind).map(|(node, _)| *node).collect())
    }
}
