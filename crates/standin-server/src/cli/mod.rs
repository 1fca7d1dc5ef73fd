//! The command line: one file per command. Data goes to stdout, everything else to stderr.
//!
//! Exit codes: 0 it is done, 1 it failed, 2 the command line was wrong.

mod attempts;
mod backup;
mod cache;
mod check;
mod clients;
mod config;
#[cfg(feature = "demo")]
pub mod demo;
mod doctor;
#[cfg(feature = "demo")]
mod emulator;
mod grants;
mod healthcheck;
mod init;
mod keys;
mod login;
mod migrate;
pub mod output;
mod person;
mod restore;
mod risc;
mod serve;
mod source;
mod token;
mod users;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::telemetry::{self, Format};

/// Sign in once; it stands in for you while you are away.
#[derive(Debug, Parser)]
#[command(name = "standin", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything at once, with a provider of its own: no account needed.
    #[cfg(feature = "demo")]
    Demo(demo::Args),
    /// Run the service.
    Serve(serve::Args),
    /// Run a Google-compatible provider for tests.
    #[cfg(feature = "demo")]
    Emulator(emulator::Args),
    /// Write a first configuration and a new key file.
    Init(init::Args),
    /// Check whether the service could start: configuration, key file, database, vault.
    Check(check::Args),
    /// Check whether the service is well, while it runs or not: what is wrong, and what to do.
    Doctor(doctor::Args),
    /// Bring the database's tables up to date.
    Migrate(migrate::Args),
    /// Ask a running service whether it can work, for container probes.
    Healthcheck(healthcheck::Args),
    /// Copy the database while the service goes on.
    Backup(backup::Args),
    /// Put a copy where no database is.
    Restore(restore::Args),
    /// The configuration in force.
    #[command(subcommand)]
    Config(config::Command),
    /// The vault's keys: look at them, and change them while the service runs.
    #[command(subcommand)]
    Keys(keys::Command),
    /// What was done and checked when somebody tried to sign in.
    #[command(subcommand)]
    Attempts(attempts::Command),
    /// Jobs and services that may ask for tokens.
    #[command(subcommand)]
    Clients(clients::Command),
    /// People who have signed in.
    #[command(subcommand)]
    Users(users::Command),
    /// What people gave us at their providers.
    #[command(subcommand)]
    Grants(grants::Command),
    /// What running processes keep in memory.
    #[command(subcommand)]
    Cache(cache::Command),
    /// The security events that a provider sends to this service.
    #[command(subcommand)]
    Risc(risc::Command),
    /// Give this service access to your own account, from a terminal; for developers.
    Login(login::Args),
    /// Get an access token of a user, for scripts.
    Token(token::Args),
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    /// Whatever went wrong, in words for the person at the terminal.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        // Commands that run long say so themselves, with the format that is configured.
        if !matches!(self.command, Command::Serve(_)) {
            telemetry::init(Format::Text, "warn");
        }
        match self.command {
            #[cfg(feature = "demo")]
            Command::Demo(args) => demo::run(args).await.map(done),
            Command::Serve(args) => serve::run(args).await.map(done),
            #[cfg(feature = "demo")]
            Command::Emulator(args) => emulator::run(args).await.map(done),
            Command::Init(args) => init::run(&args).map(done),
            Command::Check(args) => check::run(args).await,
            Command::Doctor(args) => doctor::run(args).await,
            Command::Migrate(args) => migrate::run(args).await.map(done),
            Command::Healthcheck(args) => healthcheck::run(args).await.map(done),
            Command::Backup(args) => backup::run(args).await.map(done),
            Command::Restore(args) => restore::run(args).await.map(done),
            Command::Config(command) => config::run(command).map(done),
            Command::Keys(command) => keys::run(command).await.map(done),
            Command::Attempts(command) => attempts::run(command).await.map(done),
            Command::Clients(command) => clients::run(command).await.map(done),
            Command::Users(command) => users::run(command).await.map(done),
            Command::Grants(command) => grants::run(command).await.map(done),
            Command::Cache(command) => cache::run(command).await.map(done),
            Command::Risc(command) => risc::run(command).await.map(done),
            Command::Login(args) => login::run(args).await.map(done),
            Command::Token(args) => token::run(args).await.map(done),
        }
    }
}

fn done((): ()) -> ExitCode {
    ExitCode::SUCCESS
}
