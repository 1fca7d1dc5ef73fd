//! `standin users show`

use serde_json::{Value, json};
use standin::store::{Store, User};

use super::as_json;
use crate::cli::source::ConfigFile;
use crate::cli::{grants, output, person};

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
    let store = args.config.open_store().await?;
    let user = person::find(&*store, &args.user).await?;
    let whole = whole(&*store, &user).await?;
    if args.json {
        return output::json(&whole);
    }
    // A tree of this depth reads best as it is.
    output::line(&serde_json::to_string_pretty(&whole)?)
}

async fn whole(store: &dyn Store, user: &User) -> anyhow::Result<Value> {
    let mut whole = as_json(user);
    whole["first_user"] = json!(store.first_user().await? == Some(user.id));
    let identities = store.identities_of(user.id).await?;
    whole["identities"] = identities
        .iter()
        .map(|identity| {
            json!({
                "provider": identity.provider,
                "issuer": identity.issuer,
                "subject": identity.subject,
            })
        })
        .collect();
    whole["grants"] = store.grants_of(user.id).await?.iter().map(grants::as_json).collect();
    let sessions = store.sessions_of(user.id).await?;
    whole["sessions"] = sessions
        .iter()
        .map(|session| {
            json!({
                "id": session.id,
                "created_at": session.created_at,
                "last_seen_at": session.last_seen_at,
                "expires_at": session.expires_at,
            })
        })
        .collect();
    Ok(whole)
}
