//! `standin attempts show`

use anyhow::Context as _;
use serde_json::json;
use standin::id::AttemptId;
use standin::receipt::{Step, conclusion};

use super::{as_json, printed};
use crate::cli::output;
use crate::cli::source::ConfigFile;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Which: `att_…`, as the page of a failed sign-in names it.
    id: AttemptId,
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON on one line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let store = args.config.open_store().await?;
    let row = store.receipt(args.id).await?.with_context(|| {
        format!(
            "there is no receipt of {}: it never came back, or it is older than `attempts.keep`",
            args.id
        )
    })?;
    let steps: Vec<Step> =
        serde_json::from_str(&row.steps).context("the steps of this receipt cannot be read")?;
    let conclusion = conclusion(&row, &steps);
    if args.json {
        let mut shown = as_json(&row);
        shown["steps"] = json!(steps);
        shown["conclusion"] = json!(conclusion);
        return output::json(&shown);
    }
    output::line(&printed::receipt(&row, &steps, &conclusion))
}
