//! What the emulator emulates, from the table that its tests walk.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use standin_emulator::support::{AREAS, Area, How, Row, Source};

use super::{GENERATED, anchor};

/// Links from `docs/` to the sources of the tests.
const TESTS: &str = "../crates/standin-emulator/tests/it";
const INTRODUCTION: &str = include_str!("emulator.md");

pub(super) fn page() -> String {
    let mut page = format!("{GENERATED}\n{INTRODUCTION}\n{}", summary());
    for area in &AREAS {
        page += &table(area);
    }
    page
}

fn summary() -> String {
    let rows = || AREAS.iter().flat_map(|area| area.rows);
    let count = |wanted: fn(&How) -> bool| rows().filter(|row| wanted(&row.how)).count();
    let mut lines = format!(
        "{} things are emulated as Google does them, {} with a difference that is named, {} are not, with \
         the reason.\n\n",
        count(|how| *how == How::Emulated),
        count(|how| matches!(how, How::Partly(_))),
        count(|how| matches!(how, How::Not(_))),
    );
    for Area { name, .. } in &AREAS {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "- [{name}](#{})", anchor(name));
    }
    lines
}

fn table(area: &Area) -> String {
    let mut table = format!(
        "\n## {}\n\n| | where | here | as in | proved by |\n|---|---|---|---|---|\n",
        area.name
    );
    for row in area.rows {
        let cells =
            [row.feature.to_owned(), places(row), state(&row.how), sources(row), proofs(row)];
        let _ = writeln!(table, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
    table
}

/// Each path once, with all of its methods.
fn places(row: &Row) -> String {
    let mut places: Vec<(&str, Vec<&str>)> = Vec::new();
    for (method, path) in row.paths.iter().filter_map(|path| path.split_once(' ')) {
        match places.iter_mut().find(|(known, _)| *known == path) {
            Some((_, methods)) => methods.push(method),
            None => places.push((path, vec![method])),
        }
    }
    let paths =
        places.into_iter().map(|(path, methods)| format!("`{} {path}`", methods.join(", ")));
    let ignored = row.ignored.iter().map(|name| format!("`{name}`"));
    paths.chain(ignored).collect::<Vec<_>>().join("<br>")
}

fn state(how: &How) -> String {
    match how {
        How::Emulated => "yes".to_owned(),
        How::Partly(difference) => format!("**partly**: {difference}"),
        How::Not(reason) => format!("**no**: {reason}"),
    }
}

fn sources(row: &Row) -> String {
    let link = |Source { name, url }: &Source| match url {
        Some(url) => format!("[{name}]({url})"),
        None => (*name).to_owned(),
    };
    row.sources.iter().map(link).collect::<Vec<_>>().join(", ")
}

/// Links to the files of the tests, each once; a row without tests is proved by its probes.
fn proofs(row: &Row) -> String {
    let links: BTreeSet<String> = row.proof.iter().filter_map(|proof| link(proof)).collect();
    if links.is_empty() {
        return format!("[probe]({TESTS}/support_table.rs)");
    }
    links.into_iter().collect::<Vec<_>>().join(", ")
}

fn link(proof: &str) -> Option<String> {
    if let Some(story) = proof.strip_prefix("e2e:") {
        return Some(format!("[{story}](../e2e/stories/{story}.mjs)"));
    }
    if let Some((file, _)) = proof.strip_prefix("interop:").and_then(|rest| rest.split_once(' ')) {
        return Some(format!("[{file}](../interop/{file})"));
    }
    let (module, _) = proof.strip_prefix("it::")?.split_once("::")?;
    Some(format!("[{module}]({TESTS}/{module}.rs)"))
}
