//! `standin grants show`

use anyhow::Context as _;
use standin::id::GrantId;

use super::as_json;
use crate::cli::output;
use crate::cli::source::ConfigFile;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Which: `grt_…`.
    id: GrantId,
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON on one line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let store = args.config.open_store()?;
    let grant = store.grant(args.id).await?;
    let grant = as_json(&grant.with_context(|| format!("there is no grant {}", args.id))?);
    if args.json {
        return output::json(&grant);
    }
    output::line(&serde_json::to_string_pretty(&grant)?)
}
