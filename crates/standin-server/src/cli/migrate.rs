//! `standin migrate`: brings the database's tables up to date, as `serve` does when it starts.

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::output;
use super::source::ConfigFile;
use crate::config::Flags;

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
    let config = args.config.load(Flags::default())?;
    let applied = standin_store::migrate(config.database_url.expose_secret()).await?;
    if args.json {
        return output::json(&json!({"applied": applied}));
    }
    applied.iter().try_for_each(|name| output::line(&format!("applied {name}")))?;
    output::line("The database's tables are up to date.")
}
