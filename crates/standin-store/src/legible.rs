//! Rows that make sense, where one that does not must not be in the way of the others.

use standin::store::{Result, StoreError};

/// Those that could be read; the operator is told of the others. Any other error ends it.
pub(crate) fn legible<T>(rows: Vec<Result<T>>) -> Result<Vec<T>> {
    let told = |row: Result<T>| match row {
        Err(error @ StoreError::Inconsistent { .. }) => {
            tracing::error!(%error, "a row is passed over until somebody has mended it");
            None
        }
        row => Some(row),
    };
    rows.into_iter().filter_map(told).collect()
}
