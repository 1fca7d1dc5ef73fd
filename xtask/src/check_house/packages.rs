//! What may be in the tree at all, of every feature of every crate.

use cargo_metadata::Metadata;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Each with the reason.
const BANNED: [(&str, &str); 9] = [
    ("rsa", "leaks keys through timing (RUSTSEC-2023-0071); aws-lc-rs verifies"),
    ("openssl", "TLS is rustls on aws-lc-rs"),
    ("openssl-sys", "TLS is rustls on aws-lc-rs"),
    ("native-tls", "TLS is rustls on aws-lc-rs"),
    ("rustls-pemfile", "unmaintained (RUSTSEC-2025-0134)"),
    ("serde_yml", "unsound (RUSTSEC-2025-0068)"),
    ("dotenv", "unmaintained (RUSTSEC-2021-0141)"),
    ("atty", "unsound (RUSTSEC-2021-0145)"),
    ("instant", "unmaintained (RUSTSEC-2024-0384)"),
];

/// A package of the resolved graph.
#[derive(Debug)]
pub(super) struct Package {
    name: String,
    /// Where it comes from; nothing for a path.
    source: Option<String>,
    is_of_workspace: bool,
}

pub(super) fn of(metadata: &Metadata) -> Vec<Package> {
    metadata
        .packages
        .iter()
        .map(|package| Package {
            name: package.name.to_string(),
            source: package.source.as_ref().map(|source| source.repr.clone()),
            is_of_workspace: metadata.workspace_members.contains(&package.id),
        })
        .collect()
}

pub(super) fn violations(packages: &[Package]) -> Vec<String> {
    packages.iter().filter_map(banned).chain(packages.iter().filter_map(strange)).collect()
}

fn banned(package: &Package) -> Option<String> {
    BANNED
        .iter()
        .find(|(name, _)| *name == package.name)
        .map(|(name, reason)| format!("{name} is in the dependency tree: {reason}"))
}

fn strange(package: &Package) -> Option<String> {
    let is_known = match &package.source {
        Some(source) => source == CRATES_IO,
        None => package.is_of_workspace,
    };
    (!is_known).then(|| {
        let source = package.source.as_deref().unwrap_or("a path outside of the workspace");
        format!("{} comes from {source}, not from crates.io", package.name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, source: Option<&str>, is_of_workspace: bool) -> Package {
        Package { name: name.into(), source: source.map(str::to_owned), is_of_workspace }
    }

    #[test]
    fn finds_what_is_banned() {
        for (name, _) in BANNED {
            assert_eq!(violations(&[package(name, Some(CRATES_IO), false)]).len(), 1, "{name}");
        }
    }

    #[test]
    fn finds_what_comes_from_elsewhere() {
        let wrong = [
            package("a", Some("git+https://github.com/a/a#0"), false),
            package("b", Some("registry+https://example.com/index"), false),
            package("c", None, false),
        ];
        assert_eq!(violations(&wrong).len(), wrong.len());
    }

    #[test]
    fn ours_and_theirs_are_fine() {
        let right = [package("standin", None, true), package("serde", Some(CRATES_IO), false)];
        assert_eq!(violations(&right), [""; 0]);
    }
}
