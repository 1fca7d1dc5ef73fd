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
    let mut log = path.clone().into_os_string();
    log.push("-wal");
    let size = |path: &Path| fs::metadata(path).map(|found| found.len());
    let bytes =
        size(&path).map_err(|source| OpenError::CannotOpen { path: path.clone(), source })?;
    Ok(FileFacts { bytes, log_bytes: size(Path::new(&log)).unwrap_or(0), path })
}
