//! `standin keys retire`: nothing is sealed with this data key any more, by no process.

use std::sync::Arc;

use serde_json::json;
use standin::vault::UnderWay;

use crate::cli::output;
use crate::cli::source::ConfigFile;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Which data key.
    id: u32,
    /// Do not wait for sign-ins that were begun under the key, ten minutes ago at most: they must be begun
    /// again.
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON on one line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let (config, store) = super::open(&args.config).await?;
    let under_way = if args.now { UnderWay::CutOff } else { UnderWay::LetFinish };
    let rotation = super::rotation(&config, Arc::clone(&store)).await?;
    super::once_settled(|| rotation.retire(args.id, under_way)).await?;
    super::record(&*store, format!("data key {} retired", args.id)).await?;
    if args.json {
        return output::json(&json!({ "id": args.id, "retired": true }));
    }
    output::line(&format!("data key {0} is retired; next: standin keys remove {0}", args.id))
}
