//! `cargo xtask check-house`: the rules of the house, each one small function that lists its violations.
//!
//! It needs nothing but cargo. A rule without a test that feeds it a violation would be worth nothing.

mod arrows;
mod fail_points;
mod ignored;
mod packages;
mod requirements;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use cargo_metadata::{CargoOpt, MetadataCommand};

use crate::{proofs, say, sources};

pub(crate) fn run(root: &Path) -> anyhow::Result<ExitCode> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .exec()
        .context("cargo metadata")?;
    let mut violations = arrows::violations(&arrows::of(&metadata));
    violations.extend(fail_points::violations(&fail_points::tree(root)?));
    violations.extend(packages::violations(&packages::of(&metadata)));
    let sources = sources::read(root)?;
    violations.extend(sources::violations(&sources));
    let script = fs::read_to_string(root.join("test")).context("test")?;
    violations.extend(ignored::violations(&sources, &script));
    let families = crate::requirements::read(root)?;
    violations.extend(requirements::violations(&sources, &families, &proofs::read(root)?));
    if !is_committed(root, "Cargo.lock") {
        violations.push("Cargo.lock is not committed: builds would not be the same twice".into());
    }
    for violation in &violations {
        say(violation);
    }
    say(&format!("check-house: {} violations", violations.len()));
    Ok(if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_committed(root: &Path, file: &str) -> bool {
    Command::new("git")
        .args(["ls-files", "--error-unmatch", file])
        .current_dir(root)
        .output()
        .is_ok_and(|output| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::is_committed;

    #[test]
    fn a_file_that_is_not_there_is_not_committed() {
        let root = crate::root().unwrap();
        assert!(!is_committed(&root, "Cargo.lock.of.nobody"));
    }
}
