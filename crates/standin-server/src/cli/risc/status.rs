//! `standin risc status`

use anyhow::Context as _;

use super::Manager;
use crate::cli::output;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    manager: Manager,
    /// Print the provider's answer as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let (standin, account) = args.manager.open().await?;
    let status = standin.signals().stream_status(&args.manager.provider, &account).await;
    let status = status.context("the state of the stream is not known")?;
    if args.json {
        return output::json(&status);
    }
    output::line(status["status"].as_str().context("the provider's answer holds no status")?)
}
