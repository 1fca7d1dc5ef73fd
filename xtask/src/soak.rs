//! `cargo xtask soak`: what `./test` does a hundred times, thousands of times. The service is killed at every point
//! and at any time, and whole clusters are simulated.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use clap::ValueEnum;

use crate::say;

/// What is killed with a grace of the provider, and what without.
const TESTS: [&str; 2] = [
    "crash::rf_9_whenever_a_service_is_killed_no_token_is_lost",
    "crash::rf_9_what_a_kill_loses_without_a_grace_says_that_it_was_lost",
];

/// How long, and with which dice.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How often the service is killed; two thirds of them with a provider that has a grace.
    #[arg(long, default_value_t = 3_000)]
    kills: u64,
    /// The seed. It does not decide how the machine schedules processes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the rows are.
    #[arg(long, default_value = "sqlite")]
    database: Database,
    /// How many clusters are simulated for each plan; a seed always gives the same one.
    #[arg(long, default_value_t = 0)]
    simulations: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
}

pub(crate) fn run(root: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut good = arguments.simulations == 0 || simulate(root, arguments.simulations)?;
    let with_grace = arguments.kills.div_ceil(3) * 2;
    for (test, kills) in
        TESTS.into_iter().zip([with_grace, arguments.kills.saturating_sub(with_grace)])
    {
        good &= kills == 0 || kill(root, test, kills, arguments)?;
    }
    say(if good { "soak: no violations" } else { "soak: FAILED" });
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn simulate(root: &Path, simulations: u64) -> anyhow::Result<bool> {
    let mut cargo = cargo(root, &["--package", "standin", "--lib", "refresh::simulation"]);
    cargo.env("STANDIN_SEEDS", simulations.to_string());
    Ok(cargo.status().context("cannot run cargo")?.success())
}

fn kill(root: &Path, test: &str, kills: u64, arguments: &Arguments) -> anyhow::Result<bool> {
    let place = match arguments.database {
        Database::Sqlite => "",
        Database::Postgres => "_on_postgresql",
    };
    let test = format!("{test}{place}");
    let how = ["--", "--exact", "--include-ignored", "--nocapture"];
    let mut cargo = cargo(root, &["--package", "standin-server", "--test", "it", &test]);
    cargo.args(how).env("STANDIN_KILLS", kills.to_string());
    cargo.env("STANDIN_KILLS_SEED", arguments.seed.to_string());
    Ok(cargo.status().context("cannot run cargo")?.success())
}

fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--locked", "--quiet"]).args(arguments).current_dir(root);
    cargo
}
