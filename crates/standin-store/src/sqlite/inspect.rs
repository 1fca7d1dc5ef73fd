//! A file, as whoever looks after it sees it.

use std::fs;
use std::path::Path;

use super::connection::open_writer;
use super::file;
use crate::OpenError;
use crate::inspect::FileFacts;

/// Opens the file with the settings that the promises rest on, each of which is read back, and writes nothing.
pub(crate) fn look(path: &Path) -> Result<FileFacts, OpenError> {
    let path = file::existing_private(path)?;
    drop(open_writer(&path)?);
    let size = |path: &Path| fs::metadata(path).map(|found| found.len());
    let bytes =
        size(&path).map_err(|source| OpenError::CannotOpen { path: path.clone(), source })?;
    Ok(FileFacts { bytes, log_bytes: size(&file::beside(&path, "-wal")).unwrap_or(0), path })
}
