//! `standin clients …`: jobs and services that may ask for tokens.

mod add;
mod list;
mod revoke;

/// The commands.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add a client and print its key, this once.
    Add(add::Args),
    /// Print the clients that have not been revoked.
    List(list::Args),
    /// Make a client's key worthless.
    Revoke(revoke::Args),
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add(args) => add::run(args).await,
        Command::List(args) => list::run(args).await,
        Command::Revoke(args) => revoke::run(args).await,
    }
}
