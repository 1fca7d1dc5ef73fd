//! `standin attempts list`

use standin::store::{ReceiptFilter, ReceiptRow};
use standin::verify::ProviderId;

use super::as_json;
use crate::cli::source::ConfigFile;
use crate::cli::{output, person};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Only those that did not succeed.
    #[arg(long)]
    failed: bool,
    /// Only those at this provider.
    #[arg(long, value_name = "ID")]
    provider: Option<ProviderId>,
    /// Only those of this user: `usr_…` or `PROVIDER:SUBJECT`.
    #[arg(long)]
    user: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    config: ConfigFile,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let store = args.config.open_store().await?;
    let user = match &args.user {
        Some(user) => Some(person::find(&*store, user).await?.id),
        None => None,
    };
    let wanted =
        ReceiptFilter { failed: args.failed, provider: args.provider, user, limit: args.limit };
    let rows = store.receipts(&wanted).await?;
    if args.json {
        return output::json(&rows.iter().map(as_json).collect::<Vec<_>>());
    }
    let rows: Vec<_> = rows.iter().map(as_row).collect();
    output::table(
        ["attempt", "begun", "provider", "status", "code or offline access", "user"],
        &rows,
    )
}

fn as_row(row: &ReceiptRow) -> [String; 6] {
    let offline = row.offline.map(|offline| offline.to_string());
    [
        row.attempt.to_string(),
        row.begun_at.to_string(),
        row.provider.to_string(),
        row.kind.word().to_owned(),
        row.code.clone().or(offline).unwrap_or_default(),
        row.user.map(|user| user.to_string()).unwrap_or_default(),
    ]
}
