//! The modules of the OpenID Foundation's relying party tests, from the rows that our tests run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

use super::GENERATED;

const INTRODUCTION: &str = include_str!("conformance.md");
const TABLE: &str = "crates/standin-axum/tests/conformance.toml";
const TESTS: &str = "../crates/standin-axum/tests/it/conformance.rs";

/// The rows, as far as a reader wants them; how they are run is for the tests.
#[derive(Deserialize)]
struct Table {
    tests: BTreeMap<String, String>,
    module: Vec<Module>,
}

#[derive(Deserialize)]
struct Module {
    name: String,
    plans: Vec<String>,
    #[serde(default)]
    provider: String,
    run: Option<String>,
    refused: Option<String>,
    #[serde(default)]
    userinfo: bool,
    out_of_scope: Option<String>,
}

pub(super) fn page(root: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(root.join(TABLE)).context(TABLE)?;
    let table: Table = toml::from_str(&text).context(TABLE)?;
    let mut page = format!("{GENERATED}\n{INTRODUCTION}");
    page +=
        "\n| module | plans | the provider | what comes of it | test |\n|---|---|---|---|---|\n";
    for module in table.module.iter().filter(|module| module.out_of_scope.is_none()) {
        page += &run(module, &table.tests)?;
    }
    page += "\n## Not run\n\n| module | plans | why |\n|---|---|---|\n";
    for module in &table.module {
        if let Some(reason) = &module.out_of_scope {
            // Writing to a String cannot fail.
            let _ = writeln!(page, "| `{}` | {} | {reason} |", module.name, plans(module));
        }
    }
    Ok(page)
}

fn run(module: &Module, tests: &BTreeMap<String, String>) -> anyhow::Result<String> {
    let Module { name, provider, .. } = module;
    let run = module.run.as_deref().unwrap_or_default();
    let test = tests.get(run).with_context(|| format!("{name}: no test runs `{run}`"))?;
    let (plans, outcome) = (plans(module), outcome(module, run));
    Ok(format!("| `{name}` | {plans} | {provider} | {outcome} | [`{test}`]({TESTS}) |\n"))
}

fn plans(module: &Module) -> String {
    module.plans.join(", ")
}

fn outcome(module: &Module, run: &str) -> String {
    match (&module.refused, run) {
        (None, "refresh") => "a new token is vended".to_owned(),
        (None, "events") => "202 for each".to_owned(),
        (None, "events_verified") => "202, and its `state` is on record".to_owned(),
        (None, "events_unasked") => "202; on record, and nothing ends".to_owned(),
        (None, "events_twice") => "202 again, and it acts once".to_owned(),
        (None, "events_invalid") => "400; sessions go on".to_owned(),
        (None, "logout") => "200, and the session is over".to_owned(),
        (None, "provider_logout") => "signed out; the browser is where it wanted to go".to_owned(),
        (None, "provider_logout_crossed") => {
            "signed out; a page of ours, and nowhere else".to_owned()
        }
        (None, _) => "signed in; userinfo is read".to_owned(),
        (Some(code), "refresh") => format!("`{code}`; nothing of the answer is used"),
        (Some(code), "logout") => format!("400 `{code}`; the session goes on"),
        (Some(code), "posted_error") => format!("`{code}` on a page of ours; the attempt is over"),
        (Some(code), "begin") => format!("`{code}`; nobody is sent there"),
        (Some(code), _) if module.userinfo => format!("`{code}`; nobody is signed in"),
        (Some(code), _) => format!("`{code}`; no userinfo call, nobody is signed in"),
    }
}
