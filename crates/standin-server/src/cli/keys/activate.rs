//! `standin keys activate`: from now on this key is used. Running services follow within seconds.

use serde_json::json;
use standin::vault::KeyFile;

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
        KeyFile::change(&config.keys_file, |keys| keys.activate(kek))?;
    }
    if let Some(id) = args.id {
        let rotation = super::rotation(&config, store).await?;
        super::once_settled(|| rotation.activate(id)).await?;
    }
    if args.json {
        return output::json(&json!({ "id": args.id, "kek": args.kek, "active": true }));
    }
    let name = args.kek.or_else(|| args.id.map(|id| id.to_string())).unwrap_or_default();
    output::line(&format!("{name} is the active key; next: standin keys rewrap"))
}
