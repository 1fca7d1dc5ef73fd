//! Whether a service is well: one question after the other, each in a file of its own, none of which changes
//! anything. Services may be running meanwhile.
//!
//! ```text
//! configuration ─▶ clients, public_url ─▶ providers, clock
//!               ├▶ key file ──────────┬─▶ keys, rewrap
//!               ├▶ schema ─▶ store ───┴─▶ grants, leases, revocations
//!               ├▶ database, disk
//!               └▶ journal
//! ```
//!
//! A finding says what was found and, unless it is well, what to do. None holds a secret.

mod census;
mod clients;
mod clock;
mod database;
mod disk;
mod journal;
pub(crate) mod keys;
mod provider;
mod schema;

use std::sync::Arc;

use serde::Serialize;
use standin::store::Store;
use standin::time::{Clock as _, SystemClock, Timestamp};
use standin::vault::KeyFile;

use crate::config::Config;

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and somebody should look at it.
    Warning,
    /// It does not work, or something may be lost.
    Error,
}

impl Verdict {
    /// As it is printed.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found.
    pub detail: String,
    /// What to do, unless it is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

impl Finding {
    /// All is well.
    pub(crate) fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, detail: detail.into(), action: None }
    }

    /// It works, and somebody should do something.
    pub(crate) fn warning(
        check: &'static str,
        detail: impl Into<String>,
        action: impl Into<String>,
    ) -> Self {
        let (detail, action) = (detail.into(), Some(action.into()));
        Self { check, verdict: Verdict::Warning, detail, action }
    }

    /// It does not work.
    pub(crate) fn error(
        check: &'static str,
        detail: impl Into<String>,
        action: impl Into<String>,
    ) -> Self {
        let (detail, action) = (detail.into(), Some(action.into()));
        Self { check, verdict: Verdict::Error, detail, action }
    }
}

/// Everything that is looked at.
pub(crate) struct Patient {
    config: Config,
    keys: Option<KeyFile>,
    /// Only if its schema is this program's.
    store: Option<Arc<dyn Store>>,
    now: Timestamp,
}

/// Looks at everything that this configuration names.
pub async fn examine(config: Config) -> Vec<Finding> {
    let (keys, key_file) = keys::file(&config).await;
    let (store, schema) = schema::look(&config).await;
    let patient = Patient { config, keys, store, now: SystemClock.now() };
    let mut findings = clients::look(&patient.config);
    findings.extend(provider::look(&patient.config).await);
    findings.extend(clock::look(&patient.config).await);
    findings.extend([key_file, schema]);
    findings.extend(keys::look(&patient).await);
    findings.extend(database::look(&patient.config).await);
    findings.extend(census::look(&patient).await);
    findings.push(journal::look(&patient));
    findings.extend(disk::look(&patient.config));
    findings
}

/// A length of time as people say it.
fn spoken(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
