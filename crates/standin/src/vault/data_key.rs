//! A data key's life, decided over the rows.
//!
//! ```text
//!   added ─▶ Standby ──activate──▶ Active ──another is activated──▶ Opens ──retire──▶ Retired ──remove──▶ Removed
//!               └───────────────────────────────retire──────────────────────────────────▲
//! ```
//!
//! Everything but a removed key opens what it sealed; only the active one seals. Which one that is follows
//! from the times in the rows: of those of a tenant, or of everybody's, the one that was activated last. So each step
//! is a write of one row, over the version that was read, and of two that happen at once no outcome leaves a vault
//! without an active key.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::store::DataKeyRow;
use crate::time::Timestamp;

/// Where a data key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DataKeyState {
    /// Known to everybody, and used by nobody yet.
    Standby,
    /// It seals.
    Active,
    /// It was active: it opens, and seals no more.
    Opens,
    /// No row may be written with it any more.
    Retired,
    /// The key is gone, and its row keeps the id taken.
    Removed,
}

impl std::fmt::Display for DataKeyState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Standby => "standby",
            Self::Active => "active",
            Self::Opens => "opens",
            Self::Retired => "retired",
            Self::Removed => "removed",
        })
    }
}

/// Which data keys are wrapped again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrapAgain {
    /// Those that the active key-encryption key does not wrap, or that have no check value yet.
    Others,
    /// Every one: a key service may have made a new version of that key, which its name does not show.
    All,
}

/// The key that seals for a tenant, or for everybody else.
pub(super) fn active<'r>(rows: &'r [DataKeyRow], tenant: Option<&str>) -> Option<&'r DataKeyRow> {
    let own = rows.iter().filter(|row| row.tenant.as_deref() == tenant);
    own.filter(|row| may_seal(row)).max_by_key(|row| (row.activated_at, row.id))
}

/// As [`active`], for every tenant that has one, in one pass: there may be thousands.
pub(super) fn all_active(rows: &[DataKeyRow]) -> BTreeMap<Option<&str>, &DataKeyRow> {
    let mut active: BTreeMap<Option<&str>, &DataKeyRow> = BTreeMap::new();
    for row in rows.iter().filter(|row| may_seal(row)) {
        let best = active.entry(row.tenant.as_deref()).or_insert(row);
        if (row.activated_at, row.id) > (best.activated_at, best.id) {
            *best = row;
        }
    }
    active
}

fn may_seal(row: &DataKeyRow) -> bool {
    row.retired_at.is_none() && row.activated_at.is_some()
}

/// The number of the next key: none is ever given twice.
pub(super) fn next_id(rows: &[DataKeyRow]) -> u32 {
    rows.iter().map(|row| row.id).max().unwrap_or_default().saturating_add(1)
}

pub(super) fn state(row: &DataKeyRow, rows: &[DataKeyRow]) -> DataKeyState {
    let own = || active(rows, row.tenant.as_deref());
    let is_active = || own().is_some_and(|active| active.id == row.id);
    match row {
        DataKeyRow { removed_at: Some(_), .. } => DataKeyState::Removed,
        DataKeyRow { retired_at: Some(_), .. } => DataKeyState::Retired,
        DataKeyRow { activated_at: None, .. } => DataKeyState::Standby,
        _ if is_active() => DataKeyState::Active,
        _ => DataKeyState::Opens,
    }
}

/// Since when another key has sealed instead of this one; `None` if this one never did.
pub(super) fn superseded_at(row: &DataKeyRow, rows: &[DataKeyRow]) -> Option<Timestamp> {
    let own = (row.activated_at?, row.id);
    let peers = rows.iter().filter(|other| other.tenant == row.tenant);
    let activations = peers.filter_map(|other| Some((other.activated_at?, other.id)));
    activations.filter(|other| *other > own).min().map(|(activated_at, _)| activated_at)
}

/// How many data keys would be lost with a key-encryption key.
pub(super) fn wrapped_by(kek: &str, rows: &[DataKeyRow]) -> usize {
    rows.iter().filter(|row| row.removed_at.is_none() && row.wrapped_by == kek).count()
}

/// The row as it is when it is made the active one: later than all others, whatever the clock says.
pub(super) fn activated(row: DataKeyRow, rows: &[DataKeyRow], now: Timestamp) -> DataKeyRow {
    let latest = rows.iter().filter_map(|row| row.activated_at).max();
    let next = latest.map(|latest| latest.after(Duration::from_millis(1)));
    let activated_at = next.map_or(now, |next| next.max(now));
    DataKeyRow { version: row.version + 1, activated_at: Some(activated_at), ..row }
}

/// The row as it is from when nothing may be sealed with it.
pub(crate) fn retired(row: DataKeyRow, now: Timestamp) -> DataKeyRow {
    DataKeyRow { version: row.version + 1, retired_at: Some(now), ..row }
}

/// The row without its key.
pub(crate) fn removed(row: DataKeyRow, now: Timestamp) -> DataKeyRow {
    DataKeyRow { version: row.version + 1, removed_at: Some(now), wrapped: Vec::new(), ..row }
}

/// Whether the row's key is to be wrapped by this key-encryption key, again if need be.
pub(super) fn is_to_be_wrapped(kek: &str, row: &DataKeyRow, which: WrapAgain) -> bool {
    let is_done = || row.wrapped_by == kek && row.key_check.is_some();
    row.removed_at.is_none() && (which == WrapAgain::All || !is_done())
}

/// The row with its key wrapped by another.
pub(super) fn wrapped_again(
    row: &DataKeyRow,
    wrapped_by: &str,
    wrapped: Vec<u8>,
    check: [u8; 16],
) -> DataKeyRow {
    let (version, wrapped_by) = (row.version + 1, wrapped_by.to_owned());
    let row = row.clone();
    DataKeyRow { version, wrapped_by, wrapped, key_check: Some(check), ..row }
}
