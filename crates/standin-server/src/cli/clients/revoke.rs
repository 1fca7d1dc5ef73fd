//! `standin clients revoke`

use anyhow::ensure;
use serde_json::json;
use standin::id::ClientId;
use standin::time::{Clock as _, SystemClock};

use crate::cli::output;
use crate::cli::source::ConfigFile;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Which: `cli_…`.
    id: ClientId,
    #[command(flatten)]
    config: ConfigFile,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let store = args.config.open_store().await?;
    let revoked = store.revoke_client(args.id, SystemClock.now()).await?;
    ensure!(revoked, "there is no client {}, or it was revoked before", args.id);
    if args.json {
        return output::json(&json!({"id": args.id, "revoked": true}));
    }
    output::line(&format!("{} is revoked", args.id))
}
