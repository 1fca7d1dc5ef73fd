//! A whole sign-in, from the provider's answer to a session: how many a second, and what one costs.
//!
//! The provider signs beforehand and answers at once, and the service's processor time is its own alone. Beside
//! it stand what it cannot do without: two commits (the attempt is consumed, then everything is written) and two
//! requests (the browser's, and the one that redeems the code).

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::child::Running;
use crate::commits;
use crate::cost::Cost;
use crate::http::request;
use crate::load::each_once;
use crate::provider::Provider;
use crate::report::Row;
use crate::seal;
use crate::strangers::{Strangers, listens};
use crate::verify;

const ROUNDS: usize = 5;
const SIGN_INS: u32 = 2000;
const COMMITS_EACH: u32 = 2;
const BARE_TIME: Duration = Duration::from_secs(1);
/// The length of the callback's answer does not matter: it has next to no body.
const BARE_BODY: &str = "{}";

pub(crate) async fn whole(binary: &Path) -> Result<Vec<Row>> {
    let provider = Provider::start().await?;
    let strangers = Strangers::new(&[("a", &provider)])?;
    let service = strangers.serve(binary)?;
    let (mut ours, mut commits, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    // The first round warms up what is fetched and compiled once.
    for round in 0..=ROUNDS {
        let cost = sign_ins(&strangers, &service, &provider, round)?;
        if round > 0 {
            ours.push(cost);
            commits.push(commits::raw(COMMITS_EACH * SIGN_INS)?);
            bare.push(bare_requests(&strangers.host())?);
        }
    }
    let (ours, commits, bare) = (Cost::middle(&ours), Cost::middle(&commits), Cost::middle(&bare));
    let proving = verify::ms_each()? + seal::ms_each().await?;
    Ok(rows(&ours, &commits, &bare, proving))
}

fn rows(ours: &Cost, commits: &Cost, bare: &Cost, proving: f64) -> Vec<Row> {
    let limit = commits.per_second / f64::from(COMMITS_EACH);
    let written = commits.cpu_ms * f64::from(COMMITS_EACH);
    let share = proving / ours.cpu_ms;
    vec![
        Row {
            work: "sign-ins completed, callback to session".to_owned(),
            ours: format!("{:.0}/s", ours.per_second),
            beside: format!("two raw FULL commits each {limit:.0}/s"),
            result: format!("{:.0} %", 100.0 * ours.per_second / limit),
            goal: "(commits of several share an fsync: no goal)",
            is_reached: true,
        },
        Row {
            work: "the same: the service's own processor time".to_owned(),
            ours: format!("{:.3} ms", ours.cpu_ms),
            beside: format!(
                "two raw commits {written:.3} ms, two bare requests {:.3} ms",
                2.0 * bare.cpu_ms
            ),
            result: format!("{:.3} ms", ours.cpu_ms),
            goal: "≤ 0.4 ms",
            is_reached: ours.cpu_ms <= 0.4,
        },
        Row {
            work: "of that: verifying the ID token and sealing".to_owned(),
            ours: format!("{proving:.3} ms"),
            beside: format!("a sign-in {:.3} ms", ours.cpu_ms),
            result: format!("{:.0} %", 100.0 * share),
            goal: "≤ 10 %",
            is_reached: share <= 0.1,
        },
    ]
}

fn sign_ins(
    strangers: &Strangers,
    service: &Running,
    provider: &Provider,
    round: usize,
) -> Result<Cost> {
    let people = (0..SIGN_INS).map(|person| format!("p{round}-{person}"));
    let callbacks = strangers.callbacks(service, ("a", provider), people, 3600)?;
    Cost::of(service, SIGN_INS, || each_once(listens(service)?, &callbacks, 303))
}

fn bare_requests(host: &str) -> Result<Cost> {
    let bare = Running::start(&std::env::current_exe()?, &["bare", BARE_BODY])?;
    let asked = request("GET", "/", host, &[]);
    Cost::of_answers(&bare, &asked, 200, BARE_TIME)
}
