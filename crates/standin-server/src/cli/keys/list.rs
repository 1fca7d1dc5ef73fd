//! `standin keys list`

use serde_json::{Value, json};
use standin::vault::{DataKey, KeyFile, Rotation};

use crate::cli::output;
use crate::cli::source::ConfigFile;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON on one line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let (config, store) = super::open(&args.config).await?;
    let file = config.keys.read()?;
    let keys = Rotation::list(&*store).await?;
    if args.json {
        return output::json(&json!({
            "data_keys": keys.iter().map(data_key_as_json).collect::<Vec<_>>(),
            "key_encryption_keys": file.ids().map(|id| kek_as_json(id, &file, &keys)).collect::<Vec<_>>(),
        }));
    }
    let rows: Vec<_> = keys.iter().map(data_key_as_row).collect();
    let head = ["data key", "state", "tenant", "grants", "revocations", "wrapped by", "created"];
    output::table(head, &rows)?;
    output::line("")?;
    let rows: Vec<_> = file.ids().map(|id| kek_as_row(id, &file, &keys)).collect();
    output::table(["key-encryption key", "state", "wraps"], &rows)
}

fn data_key_as_json(key: &DataKey) -> Value {
    json!({
        "id": key.row.id, "state": key.state, "tenant": key.row.tenant, "grants": key.grants, "revocations": key.revocations,
        "wrapped_by": key.row.wrapped_by, "created_at": key.row.created_at,
        "activated_at": key.row.activated_at, "retired_at": key.row.retired_at,
        "removed_at": key.row.removed_at,
    })
}

fn data_key_as_row(key: &DataKey) -> [String; 7] {
    [
        key.row.id.to_string(),
        key.state.to_string(),
        key.row.tenant.clone().unwrap_or_else(|| "-".to_owned()),
        key.grants.to_string(),
        key.revocations.to_string(),
        key.row.wrapped_by.clone(),
        key.row.created_at.to_string(),
    ]
}

fn kek_as_json(id: &str, file: &KeyFile, keys: &[DataKey]) -> Value {
    json!({ "id": id, "state": kek_state(id, file), "wraps": DataKey::wrapped_by(id, keys) })
}

fn kek_as_row(id: &str, file: &KeyFile, keys: &[DataKey]) -> [String; 3] {
    [id.to_owned(), kek_state(id, file).to_owned(), DataKey::wrapped_by(id, keys).to_string()]
}

fn kek_state(id: &str, file: &KeyFile) -> &'static str {
    if file.active() == id { "active" } else { "opens" }
}
