//! Every requirement that code or a test cites can be looked up in `docs/requirements.md`; every one that is
//! listed there says what it stops and has a test.

use std::collections::BTreeSet;

use crate::generate::unproved;
use crate::proofs::Proof;
use crate::requirements::{self, Family};
use crate::sources::Source;

pub(super) fn violations(sources: &[Source], families: &[Family], proofs: &[Proof]) -> Vec<String> {
    let mut violations = unlisted(sources, families, proofs);
    violations.extend(unproved(families, proofs).into_iter().map(|id| {
        let name = id.to_lowercase().replace('-', "_");
        format!("no test proves {id}: name one `{name}_…`, or take it out of docs/requirements.md")
    }));
    let silent = families.iter().filter(|family| !family.stops.starts_with("Stops"));
    violations.extend(silent.map(|family| {
        format!(
            "docs/requirements.md: \"{}\" does not say what it stops (\"Stops …\")",
            family.heading
        )
    }));
    violations
}

/// The ids that are cited and not listed.
fn unlisted(sources: &[Source], families: &[Family], proofs: &[Proof]) -> Vec<String> {
    let listed = requirements::listed(families);
    let in_text = sources.iter().flat_map(|source| {
        cited(&source.text).into_iter().map(move |id| (&source.path, id.to_owned()))
    });
    let in_names =
        proofs.iter().flat_map(|proof| proof.ids.iter().map(|id| (&proof.path, id.clone())));
    let cited: BTreeSet<_> = in_text.chain(in_names).collect();
    cited
        .into_iter()
        .filter(|(_, id)| !listed.contains(id.as_str()))
        .map(|(path, id)| {
            format!("{} cites {id}, which docs/requirements.md does not list", path.display())
        })
        .collect()
}

fn cited(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    words.filter(|word| requirements::is_id(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> Vec<Family> {
        requirements::parse("\n## CB: x\n\nStops it.\n\n| CB-3 | once | RFC 1 |\n")
    }

    fn proof(id: &str) -> Proof {
        Proof { ids: vec![id.into()], path: "b.rs".into(), says: "x".into() }
    }

    #[test]
    fn an_id_that_is_not_listed_is_found_in_comments_and_names() {
        // Put together here, so that this file does not cite what nobody lists.
        let text = format!("/// (requirement CB-3) and {}-98", "CB");
        let source = Source { path: "a.rs".into(), text };
        let found = violations(&[source], &list(), &[proof("CB-3"), proof("D99")]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("98") && found[1].contains("D99"), "{found:?}");
    }

    #[test]
    fn a_requirement_without_a_test_is_found_with_what_to_do() {
        let found = violations(&[], &list(), &[]);
        assert!(found[0].contains("CB-3") && found[0].contains("`cb_3_…`"), "{found:?}");
    }

    #[test]
    fn a_family_that_stops_nothing_is_found() {
        let silent = requirements::parse("\n## CB: x\n\n| CB-3 | once | RFC 1 |\n");
        assert!(violations(&[], &silent, &[proof("CB-3")])[0].contains("Stops"));
    }
}
