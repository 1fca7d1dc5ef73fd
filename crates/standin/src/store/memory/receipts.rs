//! Receipts in memory.

use async_trait::async_trait;

use super::{MemoryStore, Tables};
use crate::id::AttemptId;
use crate::store::{ReceiptFilter, ReceiptKind, ReceiptRow, Receipts, Result};
use crate::time::Timestamp;

impl Tables {
    pub(super) fn put_receipt(&mut self, receipt: ReceiptRow) {
        let stored = self.receipts.get(&receipt.attempt);
        if stored.is_none_or(|stored| stored.kind.goes_on()) {
            self.receipts.insert(receipt.attempt, receipt);
        }
    }
}

#[async_trait]
impl Receipts for MemoryStore {
    async fn put_receipt(&self, receipt: ReceiptRow) -> Result<()> {
        self.tables().put_receipt(receipt);
        Ok(())
    }

    async fn receipt(&self, attempt: AttemptId) -> Result<Option<ReceiptRow>> {
        Ok(self.tables().receipts.get(&attempt).cloned())
    }

    async fn receipts(&self, wanted: &ReceiptFilter) -> Result<Vec<ReceiptRow>> {
        let tables = self.tables();
        let fits = |row: &&ReceiptRow| {
            (!wanted.failed || row.kind != ReceiptKind::Done)
                && wanted.provider.as_ref().is_none_or(|provider| row.provider == *provider)
                && wanted.user.is_none_or(|user| row.user == Some(user))
        };
        let newest = tables.receipts.values().rev().filter(fits);
        Ok(newest.take(wanted.limit).cloned().collect())
    }

    async fn prune_receipts(
        &self,
        kind: ReceiptKind,
        until: Timestamp,
        most: usize,
    ) -> Result<usize> {
        let mut tables = self.tables();
        let rows = tables.receipts.values().filter(|row| row.kind == kind);
        let mut ends: Vec<Timestamp> = rows.map(|row| row.ended_at).collect();
        ends.sort_unstable_by(|a, b| b.cmp(a));
        let until = ends.get(most).map_or(until, |first| until.max(*first));
        let before = tables.receipts.len();
        tables.receipts.retain(|_, row| row.kind != kind || row.ended_at > until);
        Ok(before - tables.receipts.len())
    }
}
