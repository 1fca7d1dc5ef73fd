//! `standin keys shred`: a tenant's data, gone for good.

use anyhow::{Context as _, ensure};
use serde_json::json;
use standin::vault::Rotation;

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
    let keys = Rotation::list(standin.store()).await?;
    let is_own = |row: &standin::store::DataKeyRow| row.tenant.as_deref() == Some(tenant);
    let own: Vec<_> =
        keys.iter().filter(|key| is_own(&key.row) && key.row.removed_at.is_none()).collect();
    let unknown =
        || format!("tenant `{tenant}` has no data key: `standin keys list` names those that have");
    ensure!(!own.is_empty(), unknown());
    let grants: u64 = own.iter().map(|key| key.grants).sum();
    ensure!(
        args.yes,
        "this takes back {grants} grants of tenant `{tenant}`, and destroys {} data keys: nothing that they sealed opens \
         again. If that is meant, say it with --yes",
        own.len()
    );
    let shredded = standin.revocations().shred(tenant).await?.with_context(unknown)?;
    if args.json {
        return output::json(&json!({
            "tenant": tenant, "keys": shredded.keys, "grants": shredded.grants,
            "unconfirmed": shredded.unconfirmed,
        }));
    }
    output::line(&format!(
        "{} data keys of tenant `{tenant}` are destroyed, {} grants are taken back; of {} the provider has not confirmed \
         yet that it has revoked the tokens",
        shredded.keys, shredded.grants, shredded.unconfirmed
    ))
}
