//! The command line, as `--help` shows it.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _};
use standin_server::cli::Cli;

use super::GENERATED;

pub(super) fn reference() -> String {
    let mut page = format!(
        "{GENERATED}\n# Command line\n\n\
         Data goes to stdout, logs and warnings to stderr. Exit codes: 0 it is done, 1 it failed, 2 the\n\
         command line was wrong.\n"
    );
    let mut command = Cli::command().term_width(100);
    command.build();
    describe(&command, &mut page);
    page
}

fn describe(command: &Command, page: &mut String) {
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        if inner.has_subcommands() {
            describe(inner, page);
            continue;
        }
        let mut inner = inner.clone();
        let name = inner.get_bin_name().unwrap_or_default().to_owned();
        let help = inner.render_long_help().to_string();
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        // Writing to a String cannot fail.
        let _ = write!(page, "\n## `{name}`\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
    }
}
