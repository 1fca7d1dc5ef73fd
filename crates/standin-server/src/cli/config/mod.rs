//! `standin config …`

mod print;

/// The commands.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print the configuration in force, with secrets masked.
    Print(print::Args),
}

pub(super) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Print(args) => print::run(&args),
    }
}
