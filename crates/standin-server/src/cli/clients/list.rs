//! `standin clients list`

use serde_json::{Value, json};
use standin::store::ClientRow;

use crate::cli::output;
use crate::cli::source::ConfigFile;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    config: ConfigFile,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let clients = args.config.open_store().await?.clients().await?;
    if args.json {
        return output::json(&clients.iter().map(as_json).collect::<Vec<_>>());
    }
    let rows: Vec<_> = clients.iter().map(as_row).collect();
    output::table(["id", "name", "allow", "created"], &rows)
}

fn as_json(client: &ClientRow) -> Value {
    json!({
        "id": client.id, "name": client.name, "allow": client.policy,
        "created_at": client.created_at,
    })
}

fn as_row(client: &ClientRow) -> [String; 4] {
    let rules: Vec<String> = client.policy.0.iter().map(ToString::to_string).collect();
    [client.id.to_string(), client.name.clone(), rules.join(" "), client.created_at.to_string()]
}
