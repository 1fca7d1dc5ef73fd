//! `standin users list`

use standin::id::UserId;

use super::as_json;
use crate::cli::output;
use crate::cli::source::ConfigFile;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// At most this many.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Only those after this one: the last of the page before.
    #[arg(long, value_name = "USER")]
    after: Option<UserId>,
    #[command(flatten)]
    config: ConfigFile,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let store = args.config.open_store().await?;
    let users = store.users(args.after, args.limit).await?;
    if args.json {
        return output::json(&users.iter().map(as_json).collect::<Vec<_>>());
    }
    let rows: Vec<_> = users
        .into_iter()
        .map(|user| {
            [
                user.id.to_string(),
                user.profile.email.unwrap_or_default(),
                user.profile.name.unwrap_or_default(),
                user.created_at.to_string(),
            ]
        })
        .collect();
    output::table(["id", "email", "name", "created"], &rows)
}
