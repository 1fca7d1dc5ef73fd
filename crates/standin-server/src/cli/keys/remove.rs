//! `standin keys remove`: the key is gone. What backups hold under it needs the key file of that time.

use serde_json::json;
use standin::time::SystemClock;
use standin::vault::Rotation;

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
        Rotation::remove_kek(super::file(&config)?, &*store, kek).await?;
    }
    if let Some(id) = args.which.id {
        super::once_settled(|| Rotation::remove(&*store, &SystemClock, id)).await?;
    }
    super::record(&*store, format!("{} removed", args.which.named())).await?;
    if args.json {
        return output::json(
            &json!({ "id": args.which.id, "kek": args.which.kek, "removed": true }),
        );
    }
    let name = args.which.name();
    output::line(&format!("{name} is removed"))
}
