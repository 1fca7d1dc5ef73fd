//! Why a configuration is refused. Each message says what is wrong, why, and what to do.

use std::path::PathBuf;

/// The reasons. None of them quotes a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or not ours to read.
    #[error("{}: cannot be read: {reason}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        reason: std::io::Error,
    },
    /// The file is not TOML, or a value has the wrong type.
    #[error("{}:{line}: {problem}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// The parser's words, without the line itself, which may hold a secret.
        problem: String,
    },
    /// A variable with our prefix that means nothing.
    #[error("environment variable {name}: {problem}")]
    Variable {
        /// Its name; never its value.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A value that cannot be, alone or beside another.
    #[error("{key}: {problem}")]
    Invalid {
        /// Which key, as `session.idle` or `provider "google": issuer`.
        key: String,
        /// What is wrong, why, and what to do.
        problem: String,
    },
}

impl ConfigError {
    pub(crate) fn invalid(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { key: key.into(), problem: problem.into() }
    }
}

/// `, did you mean "x"?` for the candidate that is close enough to be a slip.
pub(super) fn did_you_mean<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> String {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(written, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| format!(", did you mean `{candidate}`?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn suggests_a_slip_and_nothing_far_away() {
        assert_eq!(did_you_mean("listn", ["listen", "keys"]), ", did you mean `listen`?");
        assert_eq!(did_you_mean("colour", ["listen", "keys"]), "");
    }
}
