//! How our sources are written: sizes, module docs, and exceptions to lints with their reasons.
//!
//! The text is read line by line, as rustfmt leaves it; that is exact enough for counting.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

const FILE_CAP: usize = 600;
const FUNCTION_CAP: usize = 80;
/// Where sources of ours are.
const ROOTS: [&str; 5] = ["crates", "fuzz", "xtask", "bench", "examples"];

/// A source file.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// Every Rust source of ours.
pub(crate) fn read(root: &Path) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for directory in ROOTS.map(|name| root.join(name)).iter().filter(|path| path.is_dir()) {
        collect(root, directory, &mut sources)?;
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn collect(root: &Path, directory: &Path, sources: &mut Vec<Source>) -> anyhow::Result<()> {
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !["target", "node_modules"].contains(&name) {
            collect(root, &path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)?;
            let path = path.strip_prefix(root)?.to_owned();
            sources.push(Source { path, text });
        }
    }
    Ok(())
}

pub(crate) fn violations(sources: &[Source]) -> Vec<String> {
    let rules = [file_too_long, function_too_long, lint_allowed, no_reason, no_module_doc];
    sources.iter().flat_map(|source| rules.iter().flat_map(move |rule| rule(source))).collect()
}

impl Source {
    fn is_test(&self) -> bool {
        self.path.iter().any(|part| part == "tests" || part == "tests.rs")
    }

    /// The lines before the unit tests; none of a file of tests.
    fn code(&self) -> Vec<&str> {
        let lines: Vec<&str> = self.text.lines().collect();
        let tests = lines.windows(2).position(|pair| {
            pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
        });
        match (self.is_test(), tests) {
            (true, _) => Vec::new(),
            (false, Some(end)) => lines[..end].to_vec(),
            (false, None) => lines,
        }
    }

    fn complain(&self, line: usize, what: impl AsRef<str>) -> String {
        format!("{}:{line}: {}", self.path.display(), what.as_ref())
    }
}

fn file_too_long(source: &Source) -> Vec<String> {
    let length = source.code().len();
    if length <= FILE_CAP {
        return Vec::new();
    }
    vec![source.complain(1, format!("{length} lines; the cap is {FILE_CAP}"))]
}

fn function_too_long(source: &Source) -> Vec<String> {
    let code = source.code();
    let starts = code.iter().enumerate().filter(|(_, line)| begins_function(line));
    starts
        .map(|(start, line)| (start, 1 + length_after(&code[start..], indent(line))))
        .filter(|(_, length)| *length > FUNCTION_CAP)
        .map(|(start, length)| {
            let what = format!("a function of {length} lines; the cap is {FUNCTION_CAP}");
            source.complain(start + 1, what)
        })
        .collect()
}

/// rustfmt puts the closing brace under the first letter; a declaration without body ends with `;` there.
fn length_after(lines: &[&str], depth: usize) -> usize {
    let ends = |line: &&str| {
        indent(line) == depth
            && (line.trim_start().starts_with('}') || line.ends_with(';') || line.ends_with('}'))
    };
    lines.iter().position(ends).unwrap_or(lines.len().saturating_sub(1))
}

fn begins_function(line: &str) -> bool {
    const BEFORE: [&str; 4] = ["pub", "const", "async", "unsafe"];
    let mut words = line.split_whitespace();
    let first = words.find(|word| !BEFORE.contains(word) && !word.starts_with("pub("));
    first == Some("fn") || first == Some("in") && line.contains(" fn ")
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn lint_allowed(source: &Source) -> Vec<String> {
    // Written in two pieces, or it would find itself.
    attribute(source, &[concat!("#[", "allow("), concat!("#![", "allow(")])
        .map(|(line, _)| source.complain(line, "use `expect` with a reason instead of `allow`"))
        .collect()
}

fn no_reason(source: &Source) -> Vec<String> {
    attribute(source, &[concat!("#[", "expect("), concat!("#![", "expect(")])
        .filter(|(_, text)| !text.contains("reason ="))
        .map(|(line, _)| source.complain(line, "an exception to a lint needs its reason"))
        .collect()
}

/// Where lines begin with one of these, with the text up to the closing bracket.
fn attribute<'a>(
    source: &'a Source,
    beginnings: &'a [&str],
) -> impl Iterator<Item = (usize, &'a str)> {
    let mut offset = 0;
    let lines = source.text.split_inclusive('\n').enumerate().map(move |(number, line)| {
        offset += line.len();
        (number + 1, line, offset - line.len())
    });
    lines
        .filter(|(_, line, _)| beginnings.iter().any(|text| line.trim_start().starts_with(text)))
        .map(|(number, _, start)| {
            let rest = &source.text[start..];
            (number, rest.split(")]").next().unwrap_or(rest))
        })
}

fn no_module_doc(source: &Source) -> Vec<String> {
    // A file of unit tests is described by what it tests.
    if source.is_test() || source.text.starts_with("//!") {
        return Vec::new();
    }
    vec![source.complain(1, "a file opens with `//!`: what it is, how data comes through")]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    fn function(lines: usize) -> String {
        format!(
            "//! Doc.\n\n    pub(crate) async fn f(\n    ) {{\n{}    }}\n",
            "        x();\n".repeat(lines - 3)
        )
    }

    #[test]
    fn finds_a_file_that_is_too_long() {
        let long = format!("//! Doc.\n{}", "x\n".repeat(FILE_CAP));
        assert_eq!(file_too_long(&source("a.rs", &long)).len(), 1);
        let with_tests = long.replacen("x\nx\n", "#[cfg(test)]\nmod tests {\n", 1);
        assert_eq!(file_too_long(&source("a.rs", &with_tests)), [""; 0]);
        assert_eq!(file_too_long(&source("c/tests/it/a.rs", &long)), [""; 0]);
    }

    #[test]
    fn finds_a_function_that_is_too_long() {
        let too_long = function(FUNCTION_CAP + 1);
        assert_eq!(
            function_too_long(&source("a.rs", &too_long)),
            ["a.rs:3: a function of 81 lines; the cap is 80"]
        );
        assert_eq!(function_too_long(&source("a.rs", &function(FUNCTION_CAP))), [""; 0]);
        let declared = format!("trait T {{\n    fn f();\n{}}}\n", "    // x\n".repeat(100));
        assert_eq!(function_too_long(&source("a.rs", &declared)), [""; 0]);
    }

    #[test]
    fn finds_a_lint_that_is_switched_off() {
        let off = concat!("//! Doc.\n    #[", "allow(dead_code, reason = \"x\")]\n");
        assert_eq!(lint_allowed(&source("a.rs", off)).len(), 1);
    }

    #[test]
    fn finds_an_exception_without_a_reason() {
        let bare = concat!("#[", "expect(\n    dead_code\n)]\nfn f() { reason = 1 }\n");
        assert_eq!(no_reason(&source("a.rs", bare)).len(), 1);
        let reasoned = concat!("#[", "expect(\n    dead_code,\n    reason = \"why\"\n)]\n");
        assert_eq!(no_reason(&source("a.rs", reasoned)), [""; 0]);
    }

    #[test]
    fn finds_a_file_without_a_word_about_itself() {
        assert_eq!(no_module_doc(&source("a.rs", "use x;\n")).len(), 1);
        assert_eq!(no_module_doc(&source("a.rs", "//! It is.\n")), [""; 0]);
    }
}
