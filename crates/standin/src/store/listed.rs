//! Pages of rows of which one may be damaged: it is named, and the others are there all the same.

use super::{Result, StoreError};

/// A row of a page, or what is wrong with it.
pub type Listed<T, K> = std::result::Result<T, Damaged<K>>;

/// A row that cannot be read: somebody has changed it, or the disk has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged<K> {
    /// Its key, behind which the next page begins as behind any other.
    pub key: K,
    /// What is wrong with it.
    pub error: StoreError,
}

/// Those that are wanted of the rows that were looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, K> {
    /// In the order of their keys.
    pub rows: Vec<Listed<T, K>>,
    /// The key of the last that was looked at, behind which the next page begins. `None` if nothing is there.
    pub last: Option<K>,
}

/// The rows, if all of them can be read.
///
/// # Errors
/// What is wrong with the first that cannot be.
pub fn whole<T, K>(rows: Vec<Listed<T, K>>) -> Result<Vec<T>> {
    rows.into_iter().map(|row| row.map_err(|damaged| damaged.error)).collect()
}
