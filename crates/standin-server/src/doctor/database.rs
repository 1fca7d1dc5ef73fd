//! Whether the database keeps what it has acknowledged.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use standin_store::{Facts, FileFacts, ServerFacts, inspect};

use super::{Finding, spoken};
use crate::config::Config;

const CHECK: &str = "database";
/// A checkpoint empties the log; one that grows on and on is held open by a reader that does not end.
const LARGE_LOG: u64 = 256 << 20;
/// Leases go by the clock of the database; when a token ends, and how long failures are counted, by that of this machine.
const MOST_SKEW: Duration = Duration::from_secs(5);

pub(super) async fn look(config: &Config) -> Vec<Finding> {
    match inspect(config.database_url.expose_secret()).await {
        Ok(Facts::File(facts)) => vec![file(&facts)],
        Ok(Facts::Server(facts)) => server(&facts),
        Err(error) => {
            let action = "make the database usable as the message says";
            vec![Finding::error(CHECK, error.to_string(), action)]
        }
    }
}

fn file(facts: &FileFacts) -> Finding {
    let detail = format!(
        "{} ({} MiB, log {} MiB) takes WAL and synchronous=FULL: what was acknowledged is on the disk",
        facts.path.display(),
        facts.bytes >> 20,
        facts.log_bytes >> 20
    );
    if facts.log_bytes < LARGE_LOG {
        return Finding::ok(CHECK, detail);
    }
    let action = "something holds the database open and keeps its log from being emptied: end copies and shells that read it";
    Finding::warning(CHECK, detail, action)
}

fn server(facts: &ServerFacts) -> Vec<Finding> {
    let mut findings = vec![disk(facts), standbys(facts), commits(facts)];
    findings.extend(skew(facts));
    findings.extend(between(facts));
    findings
}

fn disk(facts: &ServerFacts) -> Finding {
    let ServerFacts { name, version, .. } = facts;
    let off = |is_on: bool, what: &'static str| (!is_on).then_some(what);
    let off = [off(facts.fsync, "fsync"), off(facts.full_page_writes, "full_page_writes")];
    let off: Vec<_> = off.into_iter().flatten().collect();
    if off.is_empty() {
        let detail = format!("{name} (PostgreSQL {version}) is the primary and writes to its disk");
        return Finding::ok(CHECK, detail);
    }
    let detail = format!("{name} (PostgreSQL {version}) runs with {} off", off.join(" and "));
    let action = "turn it on: after a crash of that machine acknowledged grants are lost, or the whole database";
    Finding::error(CHECK, detail, action)
}

/// Honest about what a failover forgets.
fn standbys(facts: &ServerFacts) -> Finding {
    let ServerFacts { standbys, synchronous_standby_names: names, .. } = facts;
    match (*standbys, names.is_empty(), facts.synchronous_standbys) {
        (0, true, _) => {
            let action = "if that machine is lost, so is what was written since the last backup: add a synchronous standby, or live with backups";
            Finding::warning(CHECK, "no standby follows the server", action)
        }
        (0, false, _) => {
            let detail = format!("commits wait for `{names}`, and no standby is there");
            let action = "bring the standby back: every write waits for it meanwhile";
            Finding::error(CHECK, detail, action)
        }
        (count, true, _) => {
            let detail = format!("{count} standbys follow asynchronously");
            let action = "a failover forgets what they have not received yet; zero loss needs a synchronous one (synchronous_standby_names)";
            Finding::warning(CHECK, detail, action)
        }
        (count, false, Some(0)) => {
            let detail = format!(
                "commits should wait for `{names}`; {count} standbys follow, and none of them in step"
            );
            let action = "compare the standbys' application_name with synchronous_standby_names";
            Finding::error(CHECK, detail, action)
        }
        (count, false, Some(in_step)) => {
            let detail = format!(
                "{in_step} of {count} standbys are synchronous (`{names}`): a failover to one of them loses nothing"
            );
            Finding::ok(CHECK, detail)
        }
        (count, false, None) => {
            let detail = format!(
                "{count} standbys follow, and commits wait for `{names}`; which of them are in step this user may not see (pg_read_all_stats)"
            );
            Finding::ok(CHECK, detail)
        }
    }
}

fn commits(facts: &ServerFacts) -> Finding {
    let word = &facts.synchronous_commit;
    let detail =
        format!("synchronous_commit is {word} by default; Standin's own transactions set it to on");
    if matches!(word.as_str(), "on" | "remote_apply") {
        return Finding::ok(CHECK, detail);
    }
    let action = "nothing of Standin's depends on it; another program on this server may lose what it has committed";
    Finding::warning(CHECK, detail, action)
}

fn skew(facts: &ServerFacts) -> Option<Finding> {
    let (ours, theirs) = (facts.asked_at, facts.now);
    let skew = ours.remaining(theirs).max(theirs.remaining(ours));
    (skew > MOST_SKEW).then(|| {
        let detail = format!("its clock is {} away from this machine's", spoken(skew.as_secs()));
        let action = "let both clocks be set (NTP): when tokens end is judged by this machine's";
        Finding::warning(CHECK, detail, action)
    })
}

/// A way in between has another port, mostly. One with the same port on another machine is not seen.
fn between(facts: &ServerFacts) -> Option<Finding> {
    (!facts.asked_ports.contains(&facts.port)).then(|| {
        let detail = format!(
            "the server listens at port {}, and is reached at another: a pooler (PgBouncer) or a mapped port stands in between",
            facts.port
        );
        Finding::ok(CHECK, format!("{detail}; in transaction mode that is supported"))
    })
}
