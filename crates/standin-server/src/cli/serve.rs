//! `standin serve`: the service itself.

use anyhow::Context as _;
use serde_json::json;

use super::output;
use super::source::ConfigFile;
use crate::config::{Config, Flags};
use crate::lifecycle::{self, Listeners};
use crate::{app, telemetry};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    flags: Flags,
    /// Say that it is ready as one line of JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let config = args.config.load(args.flags)?;
    telemetry::init(config.log.format, &config.log.level);
    let app = app::build(&config).await.context("the service cannot start")?;
    let listeners = Listeners::bind(&config).await?;
    say_ready(&config, &listeners, args.json)?;
    Ok(lifecycle::run(&config, app, listeners).await?)
}

fn say_ready(config: &Config, listeners: &Listeners, as_json: bool) -> anyhow::Result<()> {
    let public_url = config.public_url.origin().ascii_serialization();
    let public = format!("http://{}", listeners.public_address);
    let operator = format!("http://{}", listeners.operator_address);
    if as_json {
        return output::json(
            &json!({"public": public, "operator": operator, "public_url": public_url}),
        );
    }
    output::line(&format!(
        "Standin is ready for {public_url}\n  browsers and jobs  {public}\n  operators          {operator}"
    ))
}
