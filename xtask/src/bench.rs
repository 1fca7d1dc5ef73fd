//! `cargo xtask bench`: the measurements, of the service as a release builds it.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context as _;

pub(crate) fn run(root: &Path, arguments: &[String]) -> anyhow::Result<ExitCode> {
    let packages = ["--package", "standin-server", "--package", "standin-bench"];
    if !cargo(root, &["build", "--release"], &packages)? {
        return Ok(ExitCode::FAILURE);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = ["run", "--release", "--quiet", "--package", "standin-bench", "--"];
    Ok(if cargo(root, &run, &arguments)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn cargo(root: &Path, command: &[&str], arguments: &[&str]) -> anyhow::Result<bool> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(command).args(arguments).current_dir(root);
    Ok(cargo.status().context("cannot run cargo")?.success())
}
