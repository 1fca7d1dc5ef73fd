//! The demo: an app, the service and an emulated Google in one process.

use crate::cli::demo::Args;

/// Why the demo does not run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// It is not part of this build.
    #[error("the demo is not part of this build")]
    Missing,
}

/// Runs until it is told to stop.
#[expect(clippy::unused_async, reason = "what it will run is asynchronous")]
pub async fn run(_args: Args) -> Result<(), DemoError> {
    Err(DemoError::Missing)
}
