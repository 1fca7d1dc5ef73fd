//! `standin users delete`: revokes everything a user gave, and forgets them.
//!
//! Whoever is deleted may sign in anew as somebody new does: lists and `[users] sign_up` decide. The place of the first user is free again
//! only when nobody is left.

use serde_json::json;

use crate::cli::source::ConfigFile;
use crate::cli::{output, person};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Who: `usr_…` or `PROVIDER:SUBJECT`.
    user: String,
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON on one line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let standin = args.config.open_services().await?;
    let user = person::find(standin.store(), &args.user).await?;
    let deleted = standin.revocations().delete_user(user.id, None).await?;
    if args.json {
        return output::json(&json!({ "id": user.id, "deleted": deleted }));
    }
    output::line(&format!("{} is deleted, with identities, grants and sessions", user.id))
}
