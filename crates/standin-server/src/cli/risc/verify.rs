//! `standin risc verify`

use anyhow::Context as _;

use super::Manager;
use crate::cli::output;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// A word that the event repeats, so that it can be found.
    #[arg(long, default_value = "standin risc verify")]
    state: String,
    #[command(flatten)]
    manager: Manager,
    /// Print the provider's answer as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let (standin, account) = args.manager.open().await?;
    let provider = &args.manager.provider;
    let asked = standin.signals().request_verification(provider, &account, &args.state).await;
    let answer = asked.context("no trial event was asked for")?;
    if args.json {
        return output::json(&answer);
    }
    output::line(&format!("{provider} will send an event that repeats \"{}\"", args.state))
}
