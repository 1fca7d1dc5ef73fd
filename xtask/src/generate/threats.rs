//! Which test proves which requirement: the list of requirements beside what is found by the tests' names.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::ensure;

use super::GENERATED;
use crate::proofs::{self, Proof};
use crate::requirements::{self, Family, Requirement};

const INTRODUCTION: &str = include_str!("threats.md");

pub(super) fn page(root: &Path) -> anyhow::Result<String> {
    let (families, proofs) = (requirements::read(root)?, proofs::read(root)?);
    let open = unproved(&families, &proofs);
    ensure!(
        open.is_empty(),
        "no test proves {}: name one after it (`{}_…`), or take it out of docs/requirements.md",
        open.join(", "),
        open[0].to_lowercase().replace('-', "_"),
    );
    let mut page = format!("{GENERATED}\n{INTRODUCTION}\n{}", summary(&families, &proofs));
    for family in &families {
        page += &section(family, &proofs);
    }
    Ok(page)
}

/// Ids that no test names.
pub(crate) fn unproved(families: &[Family], proofs: &[Proof]) -> Vec<String> {
    let ids = requirements::listed(families).into_iter();
    ids.filter(|id| of(proofs, id).next().is_none()).map(str::to_owned).collect()
}

fn of<'a>(proofs: &'a [Proof], id: &str) -> impl Iterator<Item = &'a Proof> {
    proofs.iter().filter(move |proof| proof.ids.iter().any(|known| known == id))
}

fn summary(families: &[Family], proofs: &[Proof]) -> String {
    let mut table = "| family | requirements | proofs |\n|---|---|---|\n".to_owned();
    for Family { heading, requirements, .. } in families {
        let is_of = |proof: &&Proof| {
            requirements.iter().any(|requirement| proof.ids.contains(&requirement.id))
        };
        let count = proofs.iter().filter(is_of).count();
        let anchor = super::anchor(heading);
        // Writing to a String cannot fail.
        let _ = writeln!(table, "| [{heading}](#{anchor}) | {} | {count} |", requirements.len());
    }
    table
}

fn section(family: &Family, proofs: &[Proof]) -> String {
    let mut section = format!("\n## {}\n\n{}\n", family.heading, family.stops);
    for requirement in &family.requirements {
        section += &entry(requirement, proofs);
    }
    section
}

fn entry(Requirement { id, text, source }: &Requirement, proofs: &[Proof]) -> String {
    let mut entry = format!("\n### {id}\n\n{text}.\n*{source}*\n\n");
    let mut files: BTreeMap<&Path, Vec<&str>> = BTreeMap::new();
    for proof in of(proofs, id) {
        files.entry(&proof.path).or_default().push(&proof.says);
    }
    for (path, says) in files {
        let path = path.display().to_string();
        let name = path.strip_prefix("crates/").unwrap_or(&path);
        let _ = writeln!(entry, "- [{name}](../{path}): {}", says.join("; "));
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_without_a_test_is_found() {
        let families = requirements::parse("\n## X\n\n| CB-3 | once | a |\n| CB-4 | there | b |\n");
        let proof = Proof { ids: vec!["CB-4".into()], path: "a.rs".into(), says: "x".into() };
        assert_eq!(unproved(&families, &[proof]), ["CB-3"]);
    }
}
