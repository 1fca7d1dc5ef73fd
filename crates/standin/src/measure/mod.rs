//! What is counted and measured, through the facade of the crate `metrics`: whoever embeds the library installs a
//! recorder, or does not, and then nothing is kept.
//!
//! Install it before the first token is asked for, best before [`Standin`](crate::Standin) is built: the counters of
//! vends and of lookups in memory are looked up in the recorder once, and one that is installed later never sees them.
//!
//! ```text
//! what happens ─▶ counter, histogram ─┐
//!                                     ├─▶ the recorder of the process ─▶ GET /metrics
//! Standin::observe ─▶ gauges ─────────┘
//! ```
//!
//! A label holds a provider of the configuration or a word of ours and nothing that a stranger chooses, so that the
//! number of series is bounded (requirement HH-11). No user, grant, client or address is in any of them.

mod observe;
mod vends;

pub(crate) use observe::Observer;
pub(crate) use vends::{Lookups, Vends};

use std::collections::BTreeSet;
use std::time::Duration;

use crate::core::Core;
use crate::error::Error;
use crate::provider::{OAuthError, TokenError, TokenResponse};
use crate::refresh::Why;
use crate::vault::ReauthReason;
use crate::verify::ProviderId;

/// One metric, as it is described to a recorder and in `docs/metrics.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name, with its unit at the end.
    pub name: &'static str,
    /// What it can do.
    pub kind: Kind,
    /// Its labels, in their order.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// What a metric can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It grows, from 0 at the start of the process.
    Counter,
    /// It is what it is.
    Gauge,
    /// It counts values by their size.
    Histogram,
}

impl Metric {
    /// A counter.
    #[must_use]
    pub const fn counter(
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, kind: Kind::Counter, labels, help }
    }

    /// A gauge.
    #[must_use]
    pub const fn gauge(
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, kind: Kind::Gauge, labels, help }
    }

    /// A histogram.
    #[must_use]
    pub const fn histogram(
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, kind: Kind::Histogram, labels, help }
    }

    /// Says to the recorder what it is.
    pub fn describe(&self) {
        match self.kind {
            Kind::Counter => metrics::describe_counter!(self.name, self.help),
            Kind::Gauge => metrics::describe_gauge!(self.name, self.help),
            Kind::Histogram => metrics::describe_histogram!(self.name, self.help),
        }
    }
}

pub(crate) const SIGN_INS: Metric = Metric::counter(
    "standin_sign_ins_total",
    &["provider", "result"],
    "Attempts to sign in that came to an end: `ok`, or the code of the error.",
);
pub(crate) const VENDS: Metric = Metric::counter(
    "standin_vends_total",
    &["provider", "result"],
    "Requests for an access token: `ok`, or the code of the error.",
);
pub(crate) const LOOKUPS: Metric = Metric::counter(
    "standin_live_lookups_total",
    &["result"],
    "Requests of jobs that were looked up among the live tokens in memory: `hit`, or `miss`: read from rows.",
);
pub(crate) const REFRESHES: Metric = Metric::counter(
    "standin_refreshes_total",
    &["provider", "outcome"],
    "Refresh tokens that were sent to a provider, by what it answered.",
);
pub(crate) const REFRESH_SECONDS: Metric = Metric::histogram(
    "standin_refresh_duration_seconds",
    &["provider"],
    "How long a provider took to answer a refresh, or to leave it unanswered.",
);
pub(crate) const DEATHS: Metric = Metric::counter(
    "standin_grant_deaths_total",
    &["provider", "reason"],
    "Grants whose provider, when it was asked, had ended them, by the reason that is recorded.",
);
pub(crate) const BREAKERS: Metric = Metric::gauge(
    "standin_breaker_open",
    &["provider", "reason"],
    "1 from when this process left a provider alone, for this reason, until the provider has answered it again.",
);
pub(crate) const TAKEOVERS: Metric = Metric::counter(
    "standin_lease_takeovers_total",
    &[],
    "Leases that were taken over from a refresh that never ended.",
);
pub(crate) const FENCED: Metric = Metric::counter(
    "standin_fenced_writes_total",
    &[],
    "Answers that were not written, because their refresh had lost its lease.",
);
pub(crate) const JOURNAL_FAILURES: Metric = Metric::counter(
    "standin_journal_failures_total",
    &[],
    "Rotated refresh tokens that could not be put into the journal.",
);
pub(crate) const GRANTS: Metric =
    Metric::gauge("standin_grants", &["state"], "Grants, by where they stand.");
pub(crate) const REVOCATIONS: Metric = Metric::gauge(
    "standin_revocations_waiting",
    &[],
    "Tokens that wait to be revoked at their provider.",
);
pub(crate) const OLDEST_REVOCATION: Metric = Metric::gauge(
    "standin_oldest_revocation_seconds",
    &[],
    "How long the oldest of them has waited.",
);
pub(crate) const OVERDUE: Metric = Metric::gauge(
    "standin_leases_overdue",
    &[],
    "Refreshes that have not ended in their time, and whose lease nobody has taken over.",
);
pub(crate) const OLDEST_OVERDUE: Metric = Metric::gauge(
    "standin_oldest_overdue_lease_seconds",
    &[],
    "Since when the oldest of them has been overdue.",
);
pub(crate) const COUNT_AGE: Metric = Metric::gauge(
    "standin_count_age_seconds",
    &[],
    "How old the numbers are that are counted from the rows.",
);
pub(crate) const JOURNAL: Metric = Metric::gauge(
    "standin_journal_waiting",
    &[],
    "Rotated refresh tokens in this node's journal of which it is not known that their row has them.",
);
pub(crate) const OLDEST_IN_JOURNAL: Metric = Metric::gauge(
    "standin_journal_oldest_seconds",
    &[],
    "How long ago the oldest of them was asked for.",
);
pub(crate) const RECORD: Metric = Metric::gauge(
    "standin_record_waiting",
    &[],
    "Vends and refusals, equal ones counted as one, that are not on the record yet.",
);
pub(crate) const RECORD_CUT: Metric = Metric::counter(
    "standin_record_cut_total",
    &[],
    "Vends and refusals that are on the record as numbers only, because too many were waiting.",
);
pub(crate) const CONNECTIONS: Metric = Metric::gauge(
    "standin_database_connections",
    &["state"],
    "Connections of this process to the database: `open`, and of these `busy`.",
);
pub(crate) const MOST_CONNECTIONS: Metric = Metric::gauge(
    "standin_database_connections_max",
    &[],
    "How many connections this process opens at most.",
);
pub(crate) const DATABASE_WAITING: Metric = Metric::gauge(
    "standin_database_waiting",
    &[],
    "What waits for a connection, or with SQLite for its turn to write.",
);

/// Every metric of the library. A recorder that is installed after the first vend misses some ([why](self)).
pub const ALL: &[Metric] = &[
    SIGN_INS,
    VENDS,
    LOOKUPS,
    REFRESHES,
    REFRESH_SECONDS,
    DEATHS,
    BREAKERS,
    TAKEOVERS,
    FENCED,
    JOURNAL_FAILURES,
    GRANTS,
    REVOCATIONS,
    OLDEST_REVOCATION,
    OVERDUE,
    OLDEST_OVERDUE,
    COUNT_AGE,
    JOURNAL,
    OLDEST_IN_JOURNAL,
    RECORD,
    RECORD_CUT,
    CONNECTIONS,
    MOST_CONNECTIONS,
    DATABASE_WAITING,
];

/// A provider of the configuration, or the word for all others: whoever asks may name any.
fn provider_label(core: &Core, provider: &ProviderId) -> String {
    let known = core.providers.contains_key(provider);
    if known { provider.to_string() } else { "unknown".to_owned() }
}

/// An attempt to sign in has come to its end.
pub(crate) fn signed_in(core: &Core, provider: &ProviderId, result: Result<(), &Error>) {
    let (provider, result) = (provider_label(core, provider), word(result));
    metrics::counter!(SIGN_INS.name, "provider" => provider, "result" => result).increment(1);
}

/// It is written that a grant is dead.
pub(crate) fn died(core: &Core, provider: &ProviderId, reason: ReauthReason) {
    let (provider, reason) = (provider_label(core, provider), reason.to_string());
    metrics::counter!(DEATHS.name, "provider" => provider, "reason" => reason).increment(1);
}

/// Lets what alarms look for begin at 0: whoever reads a series that is born with 1 sees no increase.
pub(crate) fn begin(core: &Core) {
    for metric in [TAKEOVERS, FENCED, JOURNAL_FAILURES, RECORD_CUT] {
        metrics::counter!(metric.name).increment(0);
    }
    for provider in core.providers.keys() {
        let provider = provider.to_string();
        for reason in ReauthReason::ALL {
            let labels = [("provider", provider.clone()), ("reason", reason.to_string())];
            metrics::counter!(DEATHS.name, &labels).increment(0);
        }
        for outcome in OUTCOMES {
            let labels = [("provider", provider.clone()), ("outcome", outcome.to_owned())];
            metrics::counter!(REFRESHES.name, &labels).increment(0);
        }
    }
}

/// Which providers of the configuration are left alone, and why.
pub(crate) fn breakers(core: &Core, open: &BTreeSet<(ProviderId, Why)>) {
    for provider in core.providers.keys() {
        for why in Why::ALL {
            let is_open = open.contains(&(provider.clone(), why));
            metrics::gauge!(BREAKERS.name, "provider" => provider.to_string(), "reason" => why.word())
                .set(f64::from(u8::from(is_open)));
        }
    }
}

/// A refresh token was sent. `provider` is one of the configuration.
pub(crate) fn refreshed(
    provider: &ProviderId,
    took: Duration,
    answer: &Result<TokenResponse, TokenError>,
) {
    let provider = provider.to_string();
    metrics::histogram!(REFRESH_SECONDS.name, "provider" => provider.clone())
        .record(took.as_secs_f64());
    metrics::counter!(REFRESHES.name, "provider" => provider, "outcome" => outcome(answer))
        .increment(1);
}

/// Something of which there is nothing more to say.
pub(crate) fn count(metric: &Metric) {
    metrics::counter!(metric.name).increment(1);
}

/// What is said where nothing went wrong.
const OK: &str = "ok";

fn word(result: Result<(), &Error>) -> &'static str {
    result.map_or_else(Error::code, |()| OK)
}

/// What [`outcome`] says.
const OUTCOMES: [&str; 10] = [
    "address_refused",
    "invalid_client",
    "invalid_grant",
    "malformed",
    "no_answer",
    "ok",
    "refused",
    "rotated",
    "throttled",
    "unavailable",
];

fn outcome(answer: &Result<TokenResponse, TokenError>) -> &'static str {
    match answer {
        Ok(tokens) if tokens.refresh_token.is_some() => "rotated",
        Ok(_) => "ok",
        Err(TokenError::AddressRefused(_)) => "address_refused",
        Err(TokenError::Ambiguous { .. }) => "no_answer",
        Err(TokenError::Malformed(_) | TokenError::Unreadable(_)) => "malformed",
        Err(TokenError::Refused(OAuthError::InvalidGrant)) => "invalid_grant",
        Err(TokenError::Refused(OAuthError::InvalidClient | OAuthError::UnauthorizedClient)) => {
            "invalid_client"
        }
        Err(TokenError::Refused(_)) => "refused",
        Err(TokenError::Throttled { .. }) => "throttled",
        Err(TokenError::Unavailable { .. }) => "unavailable",
    }
}
