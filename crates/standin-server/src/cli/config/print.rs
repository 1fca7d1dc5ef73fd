//! `standin config print`: file, variables and defaults together, every secret a `***`.

use crate::cli::output;
use crate::cli::source::ConfigFile;
use crate::config::{Flags, shown};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON instead of TOML.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let shown = shown(&args.config.load(Flags::default())?);
    if args.json {
        return output::json(&shown);
    }
    output::line(toml::to_string_pretty(&shown)?.trim_end())
}
