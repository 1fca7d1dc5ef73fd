//! `cargo xtask fuzz`: every program of `fuzz/` under libFuzzer, some of them at the same time.
//!
//! Without a sanitizer: there is no `unsafe` of ours for it to look at, and so the pinned toolchain will do.
//! What a program finds on the way stays in `fuzz/corpus/`, what breaks it in `fuzz/artifacts/`.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;

use crate::say;

/// More than any input that is not refused for its length, several times over.
const MAX_LENGTH: u32 = 64 * 1024;
/// How libFuzzer says in the end how often a program was run.
const EXECUTED: &str = "stat::number_of_executed_units:";

pub(crate) fn run(root: &Path, seconds: u32, jobs: u32) -> anyhow::Result<ExitCode> {
    if !is_installed() {
        say("fuzz: nothing was run: cargo-fuzz is missing (cargo install cargo-fuzz --locked)");
        return Ok(ExitCode::FAILURE);
    }
    if !is_locked(root)? {
        say("fuzz: nothing was run: fuzz/Cargo.lock does not fit what the library depends on \
             (cargo update --workspace --manifest-path fuzz/Cargo.toml)");
        return Ok(ExitCode::FAILURE);
    }
    let built = cargo_fuzz(root, &["build", "--sanitizer", "none"]).status();
    if !built.context("cannot run cargo")?.success() {
        say("fuzz: nothing was run: the programs do not build; they need a C++ compiler");
        return Ok(ExitCode::FAILURE);
    }
    let targets = targets(root)?;
    let broken = all(root, &targets, seconds, jobs)?;
    say(&format!("fuzz: {} targets, {} broken {}", targets.len(), broken.len(), broken.join(" ")));
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_installed() -> bool {
    let mut version = Command::new(env!("CARGO"));
    version.args(["fuzz", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}

/// cargo-fuzz would mend the lock in passing, and nobody would see that it had drifted.
fn is_locked(root: &Path) -> anyhow::Result<bool> {
    let mut metadata = Command::new(env!("CARGO"));
    metadata.args(["metadata", "--locked", "--format-version", "1"]);
    metadata.arg("--manifest-path").arg(root.join("fuzz/Cargo.toml")).stdout(Stdio::null());
    Ok(metadata.status().context("cannot run cargo")?.success())
}

/// Whoever has seeds is a target.
fn targets(root: &Path) -> anyhow::Result<VecDeque<String>> {
    let mut names = VecDeque::new();
    for entry in fs::read_dir(root.join("fuzz/seeds"))? {
        names.push_back(entry?.file_name().to_string_lossy().into_owned());
    }
    names.make_contiguous().sort();
    Ok(names)
}

/// Those that did not hold, of so many at a time.
fn all(
    root: &Path,
    targets: &VecDeque<String>,
    seconds: u32,
    jobs: u32,
) -> anyhow::Result<Vec<String>> {
    let waiting = Mutex::new(targets.clone());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = || {
        let mut broken = Vec::new();
        while let Some(target) = next() {
            if !holds(root, &target, seconds)? {
                broken.push(target);
            }
        }
        anyhow::Ok(broken)
    };
    let found = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended.collect::<Result<Vec<_>, _>>()
    });
    let found = found.map_err(|_panicked| anyhow::anyhow!("a worker broke"))?;
    let mut broken = Vec::new();
    for of_worker in found {
        broken.extend(of_worker?);
    }
    broken.sort();
    Ok(broken)
}

/// New inputs are written into the first folder; the seeds stay as they are.
fn holds(root: &Path, target: &str, seconds: u32) -> anyhow::Result<bool> {
    let corpus = format!("fuzz/corpus/{target}");
    fs::create_dir_all(root.join(&corpus))?;
    let (seeds, time) = (format!("fuzz/seeds/{target}"), format!("-max_total_time={seconds}"));
    let length = format!("-max_len={MAX_LENGTH}");
    let program = ["run", "--sanitizer", "none", target, &corpus, &seeds, "--"];
    let options = [time.as_str(), &length, "-print_final_stats=1"];
    let ran = cargo_fuzz(root, &[&program[..], &options].concat()).output();
    let ran = ran.context("cannot run cargo")?;
    let told = String::from_utf8_lossy(&ran.stderr);
    let runs = told.lines().find_map(|line| line.strip_prefix(EXECUTED)).unwrap_or("?").trim();
    if ran.status.success() {
        say(&format!("fuzz: {target} held, {runs} inputs"));
    } else {
        say(&format!("{told}\nfuzz: {target} did not hold"));
    }
    Ok(ran.status.success())
}

fn cargo_fuzz(root: &Path, arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.arg("fuzz").args(arguments).current_dir(root);
    cargo
}
