//! Which of our crates may depend on which: the arrows of the architecture.

use cargo_metadata::{DependencyKind, Metadata};

const EMULATOR: &str = "standin-emulator";

/// What each crate may use of ours. A crate that is not here may use nothing of ours.
const ALLOWED: [(&str, &[&str]); 9] = [
    ("standin", &[]),
    ("standin-store", &["standin"]),
    ("standin-client", &[]),
    ("standin-axum", &["standin", "standin-client"]),
    (EMULATOR, &[]),
    ("standin-server", &["standin", "standin-store", "standin-axum", "standin-client", EMULATOR]),
    ("xtask", &["standin-server", "standin-axum", EMULATOR]),
    (
        "standin-bench",
        &["standin", "standin-store", "standin-axum", "standin-client", "standin-server", EMULATOR],
    ),
    ("standin-fuzz", &["standin"]),
];

/// One crate of ours needs another.
#[derive(Debug)]
pub(super) struct Arrow {
    from: String,
    to: String,
    is_for_tests: bool,
}

pub(super) fn of(metadata: &Metadata) -> Vec<Arrow> {
    let ours = metadata.workspace_packages();
    let is_ours = |name: &str| ours.iter().any(|package| package.name.as_str() == name);
    ours.iter()
        .flat_map(|package| package.dependencies.iter().map(move |needed| (package, needed)))
        .filter(|(_, needed)| is_ours(&needed.name))
        .map(|(package, needed)| Arrow {
            from: package.name.to_string(),
            to: needed.name.clone(),
            is_for_tests: needed.kind == DependencyKind::Development,
        })
        .collect()
}

pub(super) fn violations(arrows: &[Arrow]) -> Vec<String> {
    arrows
        .iter()
        .filter(|arrow| !is_allowed(arrow))
        .map(|Arrow { from, to, .. }| {
            format!("{from} depends on {to}: an arrow that the architecture does not have")
        })
        .collect()
}

/// Tests may use what they like, but the emulator's: an oracle shares no code with the accused.
fn is_allowed(arrow: &Arrow) -> bool {
    let may_use = |from: &str| {
        let allowed = ALLOWED.iter().find(|(name, _)| *name == from);
        allowed.is_some_and(|(_, targets)| targets.contains(&arrow.to.as_str()))
    };
    may_use(&arrow.from) || arrow.is_for_tests && arrow.from != EMULATOR
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(from: &str, to: &str, is_for_tests: bool) -> Arrow {
        Arrow { from: from.into(), to: to.into(), is_for_tests }
    }

    #[test]
    fn finds_arrows_that_are_not_drawn() {
        let wrong = [
            arrow("standin", "standin-store", false),
            arrow("standin-store", "standin-axum", false),
            arrow("standin-axum", "standin-store", false),
            arrow(EMULATOR, "standin", false),
            arrow(EMULATOR, "standin", true),
            arrow("newcomer", "standin", false),
        ];
        assert_eq!(violations(&wrong).len(), wrong.len());
    }

    #[test]
    fn tests_may_use_the_emulator() {
        let right =
            [arrow("standin", EMULATOR, true), arrow("standin-server", "standin-store", false)];
        assert_eq!(violations(&right), [""; 0]);
    }
}
