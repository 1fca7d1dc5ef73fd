//! `standin keys shred`: a tenant's data, gone for good.

use anyhow::{Context as _, ensure};
use serde_json::json;
use standin::Shredded;

use crate::cli::output;
use crate::cli::source::ConfigFile;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The tenant, as `standin keys list` names it.
    tenant: String,
    /// Do it. Without this it is only said what would be destroyed.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON on one line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let standin = args.config.open_services().await?;
    let tenant = &args.tenant;
    let revocations = standin.revocations();
    let shredded = if args.yes {
        revocations.shred(tenant).await?
    } else {
        revocations.would_shred(tenant).await?
    };
    let Shredded { keys, grants, unconfirmed, unreadable } = shredded.with_context(|| {
        format!("tenant `{tenant}` has no data key: `standin keys list` names those that have")
    })?;
    if args.json {
        output::json(&json!({
            "tenant": tenant, "done": args.yes, "keys": keys, "grants": grants,
            "unconfirmed": unconfirmed, "unreadable": unreadable,
        }))?;
    } else if args.yes {
        output::line(&format!(
            "{keys} data keys of tenant `{tenant}` are destroyed, and {grants} grants are taken back; {unconfirmed} of the \
             revocations are not confirmed by the provider: `standin grants list` and the log say more"
        ))?;
    } else {
        output::line(&format!(
            "this would take back {grants} grants of tenant `{tenant}`, and destroy {keys} data keys: nothing that they \
             sealed opens again. Nothing was done; if that is meant, say it with --yes"
        ))?;
    }
    ensure!(
        unreadable == 0,
        "{unreadable} rows of grants cannot be read, so nobody can say whether they are the tenant's: the log above names each; mend it, and revoke it if it is"
    );
    Ok(())
}
