//! `standin grants list`

use standin::id::GrantId;
use standin::vault::Grant;

use super::as_json;
use crate::cli::source::ConfigFile;
use crate::cli::{output, person};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Only those of this user: `usr_…` or `PROVIDER:SUBJECT`.
    #[arg(long, conflicts_with_all = ["after"])]
    user: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Only those after this one: the last of the page before.
    #[arg(long, value_name = "GRANT")]
    after: Option<GrantId>,
    #[command(flatten)]
    config: ConfigFile,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let store = args.config.open_store().await?;
    let mut grants = match &args.user {
        Some(user) => store.grants_of(person::find(&*store, user).await?.id).await?,
        None => store.grants(args.after, args.limit).await?,
    };
    grants.truncate(args.limit);
    if args.json {
        return output::json(&grants.iter().map(as_json).collect::<Vec<_>>());
    }
    let rows: Vec<_> = grants.iter().map(as_row).collect();
    output::table(["id", "user", "provider", "state", "offline", "scopes"], &rows)
}

fn as_row(grant: &Grant) -> [String; 6] {
    let state = as_json(grant)["state"].as_str().unwrap_or_default().to_owned();
    let reason = grant.reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    [
        grant.id.to_string(),
        grant.user.to_string(),
        grant.identity.provider.to_string(),
        format!("{state}{reason}"),
        if grant.is_offline() { "yes" } else { "no" }.to_owned(),
        grant.scopes.to_string(),
    ]
}
