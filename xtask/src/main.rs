//! The house's own tools: `cargo xtask check-house | generate [--check] | bench | fuzz | soak`.

mod bench;
mod check_house;
mod fuzz;
mod generate;
mod proofs;
mod requirements;
mod soak;
mod sources;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;

/// Tools of the workspace.
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Command {
    /// Check the rules that no compiler knows: who may depend on whom, what may be in the tree, sizes.
    CheckHouse,
    /// Write the reference pages that come from the code.
    Generate {
        /// Write nothing; fail if a page is not what it would be.
        #[arg(long)]
        check: bool,
    },
    /// Run the side-by-side measurements in release mode.
    Bench {
        /// Passed on.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Try the doors for strangers' bytes under libFuzzer; fail if one breaks.
    Fuzz {
        /// How long each is tried.
        #[arg(long, default_value_t = 30)]
        seconds: u32,
        /// How many are tried at a time.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
        jobs: u32,
    },
    /// Kill the service thousands of times, and simulate clusters; fail if a refresh token is lost unsaid.
    Soak(soak::Arguments),
}

fn main() -> anyhow::Result<ExitCode> {
    let root = root()?;
    match Command::parse() {
        Command::CheckHouse => check_house::run(&root),
        Command::Generate { check } => generate::run(&root, check),
        Command::Bench { arguments } => bench::run(&root, &arguments),
        Command::Fuzz { seconds, jobs } => fuzz::run(&root, seconds, jobs),
        Command::Soak(arguments) => soak::run(&root, &arguments),
    }
}

/// The workspace: the directory above this package.
fn root() -> anyhow::Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_owned)
        .context("xtask stands in a workspace")
}

#[expect(clippy::print_stdout, reason = "the output of a tool for people")]
fn say(text: &str) {
    println!("{text}");
}
