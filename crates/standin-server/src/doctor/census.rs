//! Grants by state, refreshes that were left behind, revocations that wait.

use std::time::Duration;

use standin::store::{Tally, Waiting};
use standin::time::Timestamp;
use standin::vault::GrantState;

use super::{Finding, Patient, spoken};

const GRANTS: &str = "grants";
const LEASES: &str = "leases";
const REVOCATIONS: &str = "revocations";
/// A service looks for them every two seconds, and a question to a provider takes eight at most.
const LEASE_OVERDUE: Duration = Duration::from_mins(1);
/// Tried after a minute, then after two, four and so on: after an hour it has failed five times.
const REVOCATION_WAITS: Duration = Duration::from_hours(1);
/// So many dead grants are no accident, if they are more than one in so many.
const MANY_DEAD: u64 = 20;
const ONE_IN: u64 = 5;

pub(super) async fn look(patient: &Patient) -> Vec<Finding> {
    let Some(store) = &patient.store else { return Vec::new() };
    match store.census(patient.now).await {
        Ok(tally) => judge(&tally, patient.now),
        Err(error) => {
            let action = "make the database usable";
            vec![Finding::error(GRANTS, format!("the rows cannot be counted: {error}"), action)]
        }
    }
}

fn judge(tally: &Tally, now: Timestamp) -> Vec<Finding> {
    vec![grants(tally), leases(tally.overdue_leases, now), revocations(tally.revocations, now)]
}

fn grants(tally: &Tally) -> Finding {
    let words: Vec<_> =
        tally.grants.iter().map(|(state, count)| format!("{count} {}", state.as_str())).collect();
    let of = |wanted| {
        let found = tally.grants.iter().find(|(state, _)| *state == wanted);
        found.map_or(0, |(_, count)| *count)
    };
    let (active, dead) = (of(GrantState::Active), of(GrantState::Reauth));
    let detail = words.join(", ");
    if dead >= MANY_DEAD && dead * ONE_IN > active + dead {
        let action = "see what their `reason` says (`standin grants list`): revoked by many at once is mostly a wrong client, a consent screen in Testing, or a restored backup";
        return Finding::warning(GRANTS, detail, action);
    }
    Finding::ok(GRANTS, detail)
}

fn leases(overdue: Waiting, now: Timestamp) -> Finding {
    let since = waited(overdue, now);
    if since < LEASE_OVERDUE {
        return Finding::ok(LEASES, "no refresh was left behind");
    }
    let detail = format!(
        "{} refreshes have not ended, the oldest for {}",
        overdue.count,
        spoken(since.as_secs())
    );
    let action = "start `standin serve`: it takes them over at once, before a provider's grace is over; if it is running, look at its log";
    Finding::warning(LEASES, detail, action)
}

fn revocations(waiting: Waiting, now: Timestamp) -> Finding {
    let since = waited(waiting, now);
    let detail = match waiting.count {
        0 => "none waits".to_owned(),
        count => format!("{count} wait, the oldest for {}", spoken(since.as_secs())),
    };
    if since < REVOCATION_WAITS {
        return Finding::ok(REVOCATIONS, detail);
    }
    let action = "tokens that users took back still work at their provider: see whether it can be reached from here, and what the log says of it";
    Finding::warning(REVOCATIONS, detail, action)
}

fn waited(waiting: Waiting, now: Timestamp) -> Duration {
    waiting.oldest.map_or(Duration::ZERO, |oldest| now.remaining(oldest))
}
