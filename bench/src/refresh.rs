//! Refreshes, with a provider that answers at once: how many a second there can be, and what one costs.
//!
//! Of two kinds, on both databases. Google's refresh tokens stay, so a refresh is one commit. One that rotates is
//! claimed, kept in the journal and committed: three writes, each on the disk before the next, so that nothing that
//! dies in between loses it. Beside them stand raw commits of the same database, and the signature that a provider
//! puts under the ID token of its answer.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use standin_store::postgres::testing::{Database, is_installed};

use crate::child::Running;
use crate::commits;
use crate::cost::Cost;
use crate::emulator::signing;
use crate::load::each_once;
use crate::provider::Provider;
use crate::report::{Row, fastest};
use crate::strangers::{Setting, Strangers, listens};

const TURNS: usize = 3;
const REFRESHES: u32 = 1000;
/// The access token of a sign-in lives so many seconds: too short to be handed out.
const LIFE: u32 = 1;

/// Whose refresh tokens.
#[derive(Clone, Copy)]
enum Tokens {
    Stay,
    Rotate,
}

pub(crate) async fn both_databases(binary: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for tokens in [Tokens::Stay, Tokens::Rotate] {
        rows.extend(measure(binary, tokens, None).await?);
        if is_installed() {
            rows.extend(measure(binary, tokens, Some(&Database::fresh())).await?);
        }
    }
    Ok(rows)
}

async fn measure(binary: &Path, tokens: Tokens, database: Option<&Database>) -> Result<[Row; 2]> {
    let provider = Provider::start().await?;
    let kind = match tokens {
        Tokens::Stay => "google",
        Tokens::Rotate => {
            provider.rotate();
            "oidc"
        }
    };
    let url = database.map(Database::url);
    let providers: &[_] = &[("a", &provider)];
    let setting = Setting { providers, kind, database: url.as_deref() };
    let strangers = Strangers::with(&setting)?;
    let service = strangers.serve(binary)?;
    let key = KeyPair::generate(KeySize::Rsa2048)?;
    let bare = database.map(|_| Database::fresh());
    let (mut ours, mut raw, mut signatures) = (Vec::new(), Vec::new(), Vec::new());
    // The first turn warms up what is fetched and compiled once.
    for turn in 0..=TURNS {
        let cost = turn_of(&strangers, &service, &provider, turn)?;
        if turn > 0 {
            ours.push(cost);
            raw.push(raw_commits(bare.as_ref())?);
            signatures.push(signing(&key)?);
        }
    }
    let (ours, raw) = (Cost::best(&ours), Cost::best(&raw));
    let named = name(tokens, database.is_some());
    Ok(rows(&named, &ours, &raw, fastest(&signatures)))
}

/// Everybody's token has died: each is asked for once.
fn turn_of(
    strangers: &Strangers,
    service: &Running,
    provider: &Provider,
    turn: usize,
) -> Result<Cost> {
    let (address, people) = (listens(service)?, (0..REFRESHES).map(|one| format!("p{turn}-{one}")));
    let callbacks = strangers.callbacks(service, ("a", provider), people.clone(), LIFE)?;
    each_once(address, &callbacks, 303)?;
    let vends: Vec<_> = people.map(|person| strangers.vend("a", &person)).collect();
    std::thread::sleep(Duration::from_secs(LIFE.into()));
    let before = provider.refreshes();
    let cost = Cost::of(service, REFRESHES, || each_once(address, &vends, 200))?;
    let asked = provider.refreshes() - before;
    ensure!(asked == u64::from(REFRESHES), "the provider was asked {asked} times");
    Ok(cost)
}

fn raw_commits(database: Option<&Database>) -> Result<Cost> {
    let Some(database) = database else { return commits::raw(REFRESHES) };
    commits::measured(&["postgres-commits", &database.url(), &REFRESHES.to_string()])
}

fn name(tokens: Tokens, is_postgres: bool) -> String {
    let tokens = match tokens {
        Tokens::Stay => "refresh tokens stay",
        Tokens::Rotate => "refresh tokens rotate",
    };
    format!("refreshes, {}, {tokens}", if is_postgres { "PostgreSQL" } else { "SQLite" })
}

fn rows(name: &str, ours: &Cost, raw: &Cost, signatures: f64) -> [Row; 2] {
    let share = |limit: f64| 100.0 * ours.per_second / limit;
    let row = |work, ours, beside, result| Row {
        work,
        ours,
        beside,
        result,
        goal: "(no goal)",
        is_reached: true,
    };
    [
        row(
            name.to_owned(),
            format!("{:.0}/s", ours.per_second),
            format!("raw commits {:.0}/s, raw RS256 signing {signatures:.0}/s", raw.per_second),
            format!("{:.0} %, {:.0} %", share(raw.per_second), share(signatures)),
        ),
        row(
            "the same: the service's own processor time".to_owned(),
            format!("{:.3} ms", ours.cpu_ms),
            format!("a raw commit {:.3} ms", raw.cpu_ms),
            // The client of a database server has next to nothing to do.
            if raw.cpu_ms < 0.01 {
                "–".to_owned()
            } else {
                format!("{:.1}x", ours.cpu_ms / raw.cpu_ms)
            },
        ),
    ]
}
