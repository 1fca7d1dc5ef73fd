//! `standin migrate`: brings the database's tables up to date, as `serve` does when it starts.

use serde_json::json;

use super::output;
use super::source::ConfigFile;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigFile,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    args.config.open_store().await?.ping().await?;
    if args.json {
        return output::json(&json!({"migrated": true}));
    }
    output::line("The database's tables are up to date.")
}
