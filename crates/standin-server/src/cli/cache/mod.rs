//! `standin cache …`: what running processes keep in memory.

mod clear;

/// The commands.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make every running process forget the live tokens that it keeps, for whoever has changed rows by hand.
    Clear(clear::Args),
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Clear(args) => clear::run(args).await,
    }
}
