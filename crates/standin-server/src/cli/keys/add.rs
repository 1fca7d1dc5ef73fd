//! `standin keys add`: a new key, on standby.

use serde_json::json;
use standin::entropy::SystemEntropy;
use standin::vault::KeyFile;

use crate::cli::output;
use crate::cli::source::ConfigFile;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// A key-encryption key, into the key file. Without it: a data key, into the database.
    #[arg(long)]
    kek: bool,
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON on one line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let (config, store) = super::open(&args.config).await?;
    if args.kek {
        let id = KeyFile::change(&config.keys_file, |keys| Ok(keys.add(&SystemEntropy)))?;
        if args.json {
            return output::json(&json!({ "id": null, "kek": id }));
        }
        return output::line(&format!(
            "key-encryption key {id} is in {}; keep a copy of the file, then: standin keys activate --kek {id}",
            config.keys_file.display()
        ));
    }
    let id = super::rotation(&config, store).await?.add().await?;
    if args.json {
        return output::json(&json!({ "id": id, "kek": null }));
    }
    output::line(&format!("data key {id} is on standby; next: standin keys activate {id}"))
}
