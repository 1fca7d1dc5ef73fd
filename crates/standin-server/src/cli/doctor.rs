//! `standin doctor`: whether the service is well, one line for each thing that was looked at.

use std::process::ExitCode;

use super::output;
use super::source::ConfigFile;
use crate::config::Flags;
use crate::doctor::{self, Finding, Verdict};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigFile,
    /// Print the findings as a JSON array.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let findings = match args.config.load(Flags::default()) {
        Ok(config) => {
            let read = Finding::ok("configuration", args.config.path().display().to_string());
            let mut findings = vec![read];
            findings.extend(doctor::examine(config).await);
            findings
        }
        Err(error) => {
            let action =
                "mend it as the message says; every key is in docs/reference/configuration.md";
            vec![Finding::error("configuration", format!("{error:#}"), action)]
        }
    };
    if args.json {
        output::json(&findings)?;
    } else {
        findings.iter().try_for_each(print)?;
    }
    let worst = findings.iter().map(|finding| finding.verdict).max();
    Ok(if worst == Some(Verdict::Error) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(finding: &Finding) -> anyhow::Result<()> {
    let Finding { check, verdict, detail, action } = finding;
    let action = action.as_ref().map_or_else(String::new, |action| format!("; {action}"));
    output::line(&format!("{:<7}  {check:<13}  {detail}{action}", verdict.word()))
}
