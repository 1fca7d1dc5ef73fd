//! `standin grants show`

use anyhow::Context as _;
use serde_json::json;
use standin::id::GrantId;

use super::{as_json, scope_as_json};
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
    let store = args.config.open_store().await?;
    let grant = store.grant(args.id).await?;
    let grant = grant.with_context(|| format!("there is no grant {}", args.id))?;
    let ledger = store.scope_ledger(args.id).await?;
    let mut shown = as_json(&grant);
    shown["missing_scopes"] = json!(grant.missing_scopes());
    shown["scope_ledger"] = ledger.iter().map(|record| scope_as_json(&grant, record)).collect();
    if args.json {
        return output::json(&shown);
    }
    output::line(&serde_json::to_string_pretty(&shown)?)
}
