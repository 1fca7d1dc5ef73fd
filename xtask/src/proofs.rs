//! What proves a requirement, found by names: tests (`cb_3_…`), stories in the browser and tests of other people's
//! clients (a title that begins `CB-3: `), fuzz targets (a module doc that cites the id).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::requirements;
use crate::sources::{self, Source};

/// Where titles are.
const TOLD: [&str; 3] = ["e2e/stories", "interop/node", "interop"];
const FUZZ_TARGETS: &str = "crates/standin-fuzz/src/targets";

/// Something that fails when a requirement does not hold.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) ids: Vec<String>,
    pub(crate) path: PathBuf,
    /// What it says of itself.
    pub(crate) says: String,
}

/// Every proof in the tree, by path.
pub(crate) fn read(root: &Path) -> anyhow::Result<Vec<Proof>> {
    let mut proofs = Vec::new();
    for source in &sources::read(root)? {
        proofs.extend(tests(source));
        proofs.extend(fuzz_target(source));
    }
    for directory in TOLD {
        for source in scripts(root, Path::new(directory))? {
            proofs.extend(titles(&source));
        }
    }
    proofs.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(proofs)
}

fn scripts(root: &Path, directory: &Path) -> anyhow::Result<Vec<Source>> {
    let mut scripts = Vec::new();
    let entries =
        fs::read_dir(root.join(directory)).with_context(|| directory.display().to_string());
    for entry in entries? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "mjs") {
            let text = fs::read_to_string(&path)?;
            scripts.push(Source { path: path.strip_prefix(root)?.to_owned(), text });
        }
    }
    Ok(scripts)
}

fn tests(source: &Source) -> Vec<Proof> {
    let lines: Vec<_> = source.text.lines().map(str::trim).collect();
    let functions = lines.iter().enumerate().filter_map(|(at, line)| Some((at, function(line)?)));
    functions
        .filter(|(at, _)| is_run(&lines[..*at]))
        .map(|(_, name)| requirements::of_name(name))
        .filter(|(ids, _)| !ids.is_empty())
        .map(|(ids, says)| Proof { ids, path: source.path.clone(), says })
        .collect()
}

fn function(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
    rest.split(['(', '<']).next()
}

/// Whether the lines above a function make it a test, and one that is not skipped. What is ignored because it
/// `needs` a server `./test` runs, where it is.
fn is_run(above: &[&str]) -> bool {
    let is_comment = |line: &str| line.starts_with("//");
    let ends = |line: &str| line.is_empty() || line.ends_with(['{', '}', ';']);
    let own = above.iter().rev().take_while(|line| is_comment(line) || !ends(line));
    let attributes: Vec<_> = own.filter(|line| line.starts_with("#[")).collect();
    let has = |word: &str| attributes.iter().any(|line| line.contains(word));
    (has("#[test]") || has("::test")) && (!has("ignore") || has("ignore = \"needs "))
}

fn titles(source: &Source) -> Vec<Proof> {
    let strings = source.text.lines().filter_map(|line| line.split_once('"')?.1.rsplit_once('"'));
    strings.filter_map(|(text, _)| titled(source, text)).collect()
}

fn titled(source: &Source, text: &str) -> Option<Proof> {
    let (ids, says) = text.split_once(": ")?;
    let ids: Vec<_> = ids.split(", ").map(str::to_owned).collect();
    let is_title = ids.iter().all(|id| requirements::is_id(id));
    is_title.then(|| Proof { ids, path: source.path.clone(), says: says.to_owned() })
}

fn fuzz_target(source: &Source) -> Option<Proof> {
    let is_target = source.path.starts_with(FUZZ_TARGETS);
    let docs = source.text.lines().map_while(|line| line.strip_prefix("//!"));
    let doc = docs.map(str::trim).collect::<Vec<_>>().join(" ");
    let words = doc.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let ids: Vec<_> = words.filter(|word| requirements::is_id(word)).map(str::to_owned).collect();
    let says = doc.split_once(": ").map_or("", |(_, says)| says);
    let says = format!("any bytes: {}", says.split(['.', '(']).next().unwrap_or_default().trim());
    (is_target && !ids.is_empty()).then(|| Proof { ids, path: source.path.clone(), says })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    #[test]
    fn a_test_is_a_proof_and_a_helper_or_a_skipped_test_is_none() {
        // Taken apart, so that this file proves nothing of it.
        let text = "#[test]\n#[expect(\n    x,\n    reason = \"y\"\n)]\nfn NAME_yes() {}\n\n\
                    fn NAME_helper() {}\n\n/// Doc {\n#[tokio::test]\nasync fn NAME_too() {}\n\n\
                    #[test]\n#[ignore = \"slow\"]\nfn NAME_no() {}\n\n\
                    #[test]\n#[ignore = \"needs a server\"]\nfn NAME_there() {}\n";
        let found = tests(&source("a.rs", &text.replace("NAME", "cb_3")));
        let says: Vec<_> = found.iter().map(|proof| proof.says.as_str()).collect();
        assert_eq!(says, ["yes", "too", "there"]);
        assert_eq!(found[0].ids, ["CB-3"]);
    }

    #[test]
    fn a_story_is_a_proof_by_its_title() {
        let text = "export const title = \"OC-7, OC-6: a popup\";\nconst x = \"a: b\";\n";
        let [proof] = &titles(&source("a.mjs", text))[..] else { panic!("one") };
        assert_eq!(
            (&proof.ids[..], &*proof.says),
            (&["OC-7".to_owned(), "OC-6".to_owned()][..], "a popup")
        );
    }

    #[test]
    fn a_fuzz_target_is_a_proof_of_what_it_cites() {
        let text =
            "//! A query: read if\n//! it is one (requirements CB-1, CB-15).\n\nfn run() {}\n";
        let at = |path: &str| fuzz_target(&source(path, text));
        let proof = at("crates/standin-fuzz/src/targets/q.rs").unwrap();
        assert_eq!((proof.ids.len(), &*proof.says), (2, "any bytes: read if it is one"));
        assert!(at("crates/standin/src/q.rs").is_none());
    }
}
