//! `standin keys retire`: nothing is sealed with this data key any more, by no process.

use serde_json::json;
use standin::time::SystemClock;
use standin::vault::{Rotation, UnderWay};

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
    let (_, store) = super::open(&args.config).await?;
    let under_way = if args.now { UnderWay::CutOff } else { UnderWay::LetFinish };
    let retire = || Rotation::retire(&*store, &SystemClock, args.id, under_way);
    super::once_settled(retire).await?;
    super::record(&*store, format!("data key {} retired", args.id)).await?;
    if args.json {
        return output::json(&json!({ "id": args.id, "retired": true }));
    }
    output::line(&format!("data key {0} is retired; next: standin keys remove {0}", args.id))
}
