//! Every requirement that code or a test cites can be looked up in `docs/requirements.md`.

use std::collections::BTreeSet;

use super::sources::Source;

/// The families of ids (`CB-3` in a comment, `cb_3_…` in a test's name).
const FAMILIES: [&str; 17] = [
    "AD", "AR", "CB", "EM", "FA", "HH", "ID", "LS", "OC", "RD", "RF", "RI", "SC", "ST", "SU", "TV",
    "VC",
];

/// The ids that are cited and not listed.
pub(super) fn violations(sources: &[Source], list: &str) -> Vec<String> {
    let listed = listed(list);
    let mut violations = Vec::new();
    for source in sources {
        for id in cited(&source.text).difference(&listed) {
            let path = source.path.display();
            violations.push(format!("{path} cites {id}, which docs/requirements.md does not list"));
        }
    }
    violations
}

/// The first cells of the tables.
fn listed(list: &str) -> BTreeSet<String> {
    let cell = |line: &str| Some(line.strip_prefix("| ")?.split(" |").next()?.to_owned());
    list.lines().filter_map(cell).collect()
}

fn cited(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    words.filter_map(|word| in_comment(word).or_else(|| in_name(word))).collect()
}

fn in_comment(word: &str) -> Option<String> {
    let (family, number) = word.split_once('-')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (FAMILIES.contains(&family) && is_number).then(|| word.to_owned())
}

fn in_name(word: &str) -> Option<String> {
    let mut parts = word.splitn(3, '_');
    let (family, number, _rest) = (parts.next()?, parts.next()?, parts.next()?);
    let is_lower = family.bytes().all(|byte| byte.is_ascii_lowercase());
    is_lower.then(|| in_comment(&format!("{}-{number}", family.to_ascii_uppercase()))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_not_listed_is_found_in_comments_and_names() {
        // Put together here, so that this file does not cite what nobody lists.
        let text = format!(
            "/// (requirement CB-3) and {0}-98\nfn cb_3_once() {{}}\nfn {1}_99_never()",
            "CB", "cb"
        );
        let source = Source { path: "a.rs".into(), text };
        let found = violations(&[source], "| id | requirement |\n| CB-3 | once |\n");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("98") && found[1].contains("99"), "{found:?}");
    }

    #[test]
    fn what_only_looks_like_an_id_is_none() {
        let text = "UTF-8 SHA-256 AR-1a id_token_hint x-AR-1 ar_one_two";
        assert_eq!(cited(text), BTreeSet::new());
    }
}
