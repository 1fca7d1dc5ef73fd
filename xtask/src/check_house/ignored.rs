//! Tests that need what a machine may lack are ignored unless `./test` asks for them, and it leaves them out by words in their
//! names where that is not there. One whose name has none of these words would fail there.

use std::collections::BTreeSet;
use std::path::Path;

use crate::sources::Source;

pub(super) fn violations(sources: &[Source], script: &str) -> Vec<String> {
    let words = words(script);
    let tests = sources.iter().flat_map(ignored);
    tests
        .filter(|name| !words.iter().any(|word| name.contains(word)))
        .map(|name| {
            let words = words.join(", ");
            format!("{name} is ignored, and `./test` does not know when to leave it out: name it by one of {words}")
        })
        .collect()
}

/// What a test that is left out somewhere has in its name: `absent+=(postgres failover::)`.
fn words(script: &str) -> Vec<&str> {
    let lists = script.split("absent+=(").skip(1).filter_map(|rest| rest.split(')').next());
    let words: BTreeSet<_> = lists.flat_map(str::split_whitespace).collect();
    words.into_iter().collect()
}

/// The ignored tests of a file, as the runner names them: modules and function.
fn ignored(source: &Source) -> Vec<String> {
    let lines: Vec<_> = source.text.lines().map(str::trim).collect();
    let marked = lines.iter().enumerate().filter(|(_, line)| line.starts_with("#[ignore"));
    let functions = marked.filter_map(|(at, _)| lines[at..].iter().find_map(|line| function(line)));
    functions.map(|name| format!("{}{name}", module_of(&source.path))).collect()
}

fn function(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
    rest.split(['(', '<']).next()
}

fn module_of(path: &Path) -> String {
    let parts: Vec<_> = path.iter().filter_map(|part| part.to_str()).collect();
    let root = parts.iter().position(|part| ["it", "src"].contains(part)).map_or(0, |at| at + 1);
    let parts = parts[root..].iter().map(|part| part.trim_end_matches(".rs"));
    let modules = parts.filter(|part| !["mod", "main", "lib"].contains(part));
    modules.flat_map(|part| [part, "::"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "    absent+=(postgres failover::)\nabsent+=(d20_)\n";

    fn source(path: &str) -> Source {
        let text = "#[test]\n#[ignore = \"needs it\"]\n#[expect(x)]\nfn d20_it_holds() {}\n\n\
                    #[tokio::test]\n#[ignore = \"needs it\"]\nasync fn it_goes_on() {}\n\n#[test]\nfn x() {}\n";
        Source { path: path.into(), text: text.into() }
    }

    #[test]
    fn an_ignored_test_whose_name_says_nothing_of_what_it_needs_is_found() {
        let found = violations(&[source("crates/a/tests/it/faults/mod.rs")], SCRIPT);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("faults::it_goes_on is ignored"), "{found:?}");
    }

    #[test]
    fn its_module_may_say_it() {
        let [file, folder] = ["it/faults/failover.rs", "it/postgres/laws.rs"];
        let found = violations(&[source(file), source(folder)], SCRIPT);
        assert_eq!(found, [""; 0]);
    }
}
