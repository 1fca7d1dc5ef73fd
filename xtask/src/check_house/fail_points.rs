//! What somebody runs has no fail points: the crate behind them is in the tree of the tests only.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

/// The packages that the service is built from, one on a line, with the features of a build that is no test's.
pub(super) fn tree(root: &Path) -> anyhow::Result<String> {
    let arguments =
        ["tree", "--package", "standin-server", "--edges", "normal", "--prefix", "none"];
    let mut cargo = Command::new(env!("CARGO"));
    let printed = cargo.args(arguments).arg("--locked").current_dir(root).output();
    let printed = printed.context("cannot run cargo tree")?;
    anyhow::ensure!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    Ok(String::from_utf8_lossy(&printed.stdout).into_owned())
}

pub(super) fn violations(tree: &str) -> Vec<String> {
    let is_it = |line: &&str| line.starts_with("fail v");
    let found = tree.lines().find(is_it).into_iter();
    found
        .map(|line| {
            format!("{line} is in the service: a build that somebody runs has no fail points")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{tree, violations};

    #[test]
    fn the_crate_of_fail_points_is_found() {
        assert_eq!(violations("standin-server v0.1.0\nfail v0.5.1\n").len(), 1);
        assert!(violations("standin-server v0.1.0\nfailure v0.1.8\n").is_empty());
    }

    #[test]
    fn the_service_is_built_without_fail_points() {
        let tree = tree(&crate::root().unwrap()).unwrap();
        assert!(tree.contains("standin-server v"), "{tree}");
        assert!(violations(&tree).is_empty());
    }
}
