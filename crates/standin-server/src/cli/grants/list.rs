//! `standin grants list`

use anyhow::ensure;
use standin::id::GrantId;
use standin::store::Damaged;
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
    let mut damaged = Vec::new();
    let mut grants = if let Some(user) = &args.user {
        store.grants_of(person::find(&*store, user).await?.id).await?
    } else {
        let listed = store.list_grants(args.after, args.limit).await?.into_iter();
        listed.filter_map(|grant| grant.map_err(|row| damaged.push(row)).ok()).collect()
    };
    grants.truncate(args.limit);
    if args.json {
        output::json(&grants.iter().map(as_json).collect::<Vec<_>>())?;
    } else {
        let rows: Vec<_> = grants.iter().map(as_row).collect();
        output::table(["id", "user", "provider", "state", "offline", "scopes"], &rows)?;
    }
    for Damaged { key, error } in &damaged {
        output::complain(&format!("grant {key} cannot be read: {error}"));
    }
    ensure!(
        damaged.is_empty(),
        "not every grant can be read: rows were changed by somebody else than Standin, or are damaged; \
         mend those that are named above, or take them from a backup. The others go on"
    );
    Ok(())
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
