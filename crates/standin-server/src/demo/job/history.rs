//! What was done for one person, as the page lists it.

use std::collections::VecDeque;

use serde::Serialize;
use standin::time::Timestamp;

use super::access::Failure;
use super::backup::Written;

const KEPT: usize = 50;

/// One run, or several in a row that failed alike.
#[derive(Clone, Debug, Serialize)]
pub(in crate::demo) struct Run {
    /// When it ran; of several, the last time.
    pub(in crate::demo) at: Timestamp,
    /// How many runs this stands for.
    times: u32,
    /// What was written.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    written: Option<Written>,
    /// What kind of token opened Google's door.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'static str>,
    /// Why nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::demo) error: Option<Failure>,
}

/// The last runs of one person.
#[derive(Debug, Default)]
pub(super) struct History {
    runs: VecDeque<Run>,
    /// SHA-256 of the last token, to tell a new one.
    token: Option<[u8; 32]>,
}

impl History {
    pub(super) fn add(&mut self, at: Timestamp, done: Result<Written, Failure>) -> Run {
        let run = match done {
            Ok(written) => self.success(at, written),
            Err(failure) => self.failure(at, failure),
        };
        self.runs.push_front(run.clone());
        self.runs.truncate(KEPT);
        run
    }

    fn success(&mut self, at: Timestamp, written: Written) -> Run {
        let is_new = self.token.replace(written.token_sha256) != Some(written.token_sha256);
        let token = match (written.renewed, is_new) {
            (true, _) => "renewed",
            (false, true) => "new",
            (false, false) => "kept",
        };
        Run { at, times: 1, written: Some(written), token: Some(token), error: None }
    }

    /// A job that fails the same way all night is one line.
    fn failure(&mut self, at: Timestamp, failure: Failure) -> Run {
        let before = self.runs.pop_front_if(|run| run.error.as_ref() == Some(&failure));
        Run {
            at,
            times: before.map_or(1, |run| run.times + 1),
            written: None,
            token: None,
            error: Some(failure),
        }
    }

    pub(super) fn newest_first(&self) -> Vec<Run> {
        self.runs.iter().cloned().collect()
    }

    pub(super) fn last_at(&self) -> Option<Timestamp> {
        self.runs.front().map(|run| run.at)
    }

    /// Whether the last run did its work.
    pub(super) fn is_well(&self) -> bool {
        self.runs.front().is_some_and(|run| run.error.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: &str) -> Failure {
        Failure { code: code.to_owned(), detail: String::new(), reconnect_url: None }
    }

    #[test]
    fn a_night_of_the_same_failure_is_one_line() {
        let mut history = History::default();
        let at = Timestamp::from_unix_seconds;
        for second in 0..3 {
            history.add(at(second), Err(failure("reauth_required")));
        }
        history.add(at(3), Err(failure("no_grant")));
        let runs = history.newest_first();
        assert_eq!(runs.iter().map(|run| run.times).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(runs[1].at, at(2));
        assert!(!history.is_well());
    }
}
