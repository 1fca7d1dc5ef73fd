//! `standin keys activate`: from now on this key is used. Running services follow within seconds.

use std::sync::Arc;

use serde_json::json;
use standin::vault::KeyFile;

use super::Which;
use crate::cli::output;
use crate::cli::source::ConfigFile;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON on one line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let (config, store) = super::open(&args.config).await?;
    if let Some(kek) = &args.which.kek {
        KeyFile::change(super::file(&config)?, |keys| keys.activate(kek))?;
    }
    if let Some(id) = args.which.id {
        let rotation = super::rotation(&config, Arc::clone(&store)).await?;
        super::once_settled(|| rotation.activate(id)).await?;
    }
    super::record(&*store, format!("{} activated", args.which.named())).await?;
    if args.json {
        return output::json(
            &json!({ "id": args.which.id, "kek": args.which.kek, "active": true }),
        );
    }
    let name = args.which.name();
    output::line(&format!("{name} is the active key; next: standin keys rewrap"))
}
