//! `standin keys remove`: the key is gone. What backups hold under it needs the key file of that time.

use serde_json::json;
use standin::vault::Rotation;

use crate::cli::output;
use crate::cli::source::ConfigFile;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Which data key.
    #[arg(value_name = "ID", required_unless_present = "kek")]
    id: Option<u32>,
    /// A key-encryption key of the key file instead, by its name.
    #[arg(long, value_name = "NAME", conflicts_with = "id")]
    kek: Option<String>,
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON on one line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let (config, store) = super::open(&args.config)?;
    if let Some(kek) = &args.kek {
        Rotation::remove_kek(&config.keys_file, &*store, kek).await?;
    }
    if let Some(id) = args.id {
        let rotation = super::rotation(&config, store).await?;
        super::once_settled(|| rotation.remove(id)).await?;
    }
    if args.json {
        return output::json(&json!({ "id": args.id, "kek": args.kek, "removed": true }));
    }
    let name = args.kek.or_else(|| args.id.map(|id| id.to_string())).unwrap_or_default();
    output::line(&format!("{name} is removed"))
}
