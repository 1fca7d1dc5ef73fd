//! `cargo xtask fuzz`: every program of `fuzz/` under libFuzzer, one after the other.
//!
//! Without a sanitizer: there is no `unsafe` of ours for it to look at, and so the pinned toolchain will do.
//! What a program finds on the way stays in `fuzz/corpus/`, what breaks it in `fuzz/artifacts/`.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::Context as _;

use crate::say;

/// More than any input that is not refused for its length, several times over.
const MAX_LENGTH: u32 = 64 * 1024;

pub(crate) fn run(root: &Path, seconds: u32) -> anyhow::Result<ExitCode> {
    if !is_installed() {
        say("fuzz: nothing was run: cargo-fuzz is missing (cargo install cargo-fuzz --locked)");
        return Ok(ExitCode::FAILURE);
    }
    if !cargo_fuzz(root, &["build", "--sanitizer", "none"])? {
        say("fuzz: nothing was run: the programs do not build; they need a C++ compiler");
        return Ok(ExitCode::FAILURE);
    }
    let targets = targets(root)?;
    let mut broken = Vec::new();
    for target in &targets {
        if !survives(root, target, seconds)? {
            broken.push(target.as_str());
        }
    }
    say(&format!("fuzz: {} targets, {} broken {}", targets.len(), broken.len(), broken.join(" ")));
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_installed() -> bool {
    let mut version = Command::new(env!("CARGO"));
    version.args(["fuzz", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}

/// Whoever has seeds is a target.
fn targets(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join("fuzz/seeds"))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// New inputs are written into the first folder; the seeds stay as they are.
fn survives(root: &Path, target: &str, seconds: u32) -> anyhow::Result<bool> {
    let corpus = format!("fuzz/corpus/{target}");
    fs::create_dir_all(root.join(&corpus))?;
    let (seeds, time) = (format!("fuzz/seeds/{target}"), format!("-max_total_time={seconds}"));
    let length = format!("-max_len={MAX_LENGTH}");
    let program = ["run", "--sanitizer", "none", target, &corpus, &seeds];
    cargo_fuzz(root, &[&program[..], &["--", &time, &length]].concat())
}

fn cargo_fuzz(root: &Path, arguments: &[&str]) -> anyhow::Result<bool> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.arg("fuzz").args(arguments).current_dir(root);
    Ok(cargo.status().context("cannot run cargo")?.success())
}
