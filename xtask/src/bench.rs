//! `cargo xtask bench`: the measurements, built as a release is.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context as _;

pub(crate) fn run(root: &Path, arguments: &[String]) -> anyhow::Result<ExitCode> {
    let status = Command::new(env!("CARGO"))
        .args(["run", "--release", "--package", "standin-bench", "--"])
        .args(arguments)
        .current_dir(root)
        .status()
        .context("cannot run cargo")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
