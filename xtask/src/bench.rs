//! `cargo xtask bench`: the measurements, of the service as a release builds it.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context as _;

pub(crate) fn run(root: &Path, arguments: &[String]) -> anyhow::Result<ExitCode> {
    install_peers(root)?;
    let packages = ["--package", "standin-server", "--package", "standin-bench"];
    if !cargo(root, &["build", "--release"], &packages)? {
        return Ok(ExitCode::FAILURE);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = ["run", "--release", "--quiet", "--package", "standin-bench", "--"];
    Ok(if cargo(root, &run, &arguments)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Other emulators come from npm. Without it the table says that they were not measured.
fn install_peers(root: &Path) -> anyhow::Result<()> {
    let peers = root.join("bench/peers");
    if peers.join("node_modules").exists() {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(peers);
    match npm.status() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        ran => ran.map(drop).context("cannot run npm"),
    }
}

fn cargo(root: &Path, command: &[&str], arguments: &[&str]) -> anyhow::Result<bool> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(command).args(arguments).current_dir(root);
    Ok(cargo.status().context("cannot run cargo")?.success())
}
