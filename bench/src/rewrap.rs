//! A new data key while the service goes on: how many rows a second are sealed again, and what a vend feels of it.
//!
//! `standin keys rewrap` runs on the second core and the service on the first; one job asks for one token after the
//! other, each of another person and each by its row.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::child::pinned;
use crate::commits;
use crate::growth::House;
use crate::load::Connection;
use crate::plot::{Panel, svg};
use crate::provider::Provider;
use crate::report::{Row, save};
use crate::strangers::listens;
use crate::world::run;

/// How many rows share a transaction by default (`standin keys rewrap --batch`).
const BATCH: u32 = 200;
const RAW_BATCHES: u32 = 500;
/// As long as it is looked at before and afterwards, in seconds.
const QUIET: f64 = 10.0;
const PEOPLE: usize = 50_000;
const SECOND: &str = "1";

pub(crate) async fn while_vending(binary: &Path, grants: u32) -> Result<Vec<Row>> {
    let provider = Provider::start().await?;
    let house = House::build(binary, &provider, grants).await?;
    let service = house.strangers.serve_by_rows(binary)?;
    service.settles()?;
    let config = house.strangers.path("standin.toml");
    next_key(&config)?;
    let vends = house.vends(0, PEOPLE);
    let mut job = Job::new(Connection::open(listens(&service)?)?, &vends);
    job.works_for(QUIET)?;
    let began = job.now();
    let rewrap = rewrap(binary, &config)?;
    while !rewrap.is_finished() {
        job.works_for(0.1)?;
    }
    let ended = job.now();
    let rows = rewrap.join().ok().context("the rewrap panicked")??;
    job.works_for(QUIET)?;
    ensure!(rows == u64::from(grants), "{rows} rows were sealed again");
    let raw = commits::raw_batches(RAW_BATCHES, BATCH)?.per_second * f64::from(BATCH);
    let (before, during) = (job.p99(0.0, began), job.p99(began, ended));
    save("rewrap.svg", &plot(&job, (began, ended), 2.0 * before))?;
    let per_second = f64::from(grants) / (ended - began);
    Ok(table(grants, per_second, raw, (before, during)))
}

/// A key that every process knows, and that seals from now on.
fn next_key(config: &str) -> Result<()> {
    let added = run(&["keys", "add", "--json", "--config", config])?;
    let added: Value = serde_json::from_str(&added)?;
    run(&["keys", "activate", &added["id"].to_string(), "--config", config]).map(drop)
}

/// How many rows it has sealed again, once it is over.
fn rewrap(binary: &Path, config: &str) -> Result<thread::JoinHandle<Result<u64>>> {
    let mut command: Command = pinned(binary, SECOND);
    command.args(["keys", "rewrap", "--json", "--config", config]).stderr(Stdio::null());
    let work = move || {
        let output = command.output()?;
        ensure!(output.status.success(), "the rewrap failed");
        let said: Value = serde_json::from_slice(&output.stdout)?;
        said["rows"].as_u64().context("how many rows")
    };
    Ok(thread::Builder::new().name("rewrap".to_owned()).spawn(work)?)
}

/// Asks for one token after the other, and keeps when each came and how long it took.
struct Job<'a> {
    connection: Connection,
    vends: std::iter::Cycle<std::slice::Iter<'a, Vec<u8>>>,
    start: Instant,
    /// Seconds since the start, and microseconds.
    took: Vec<(f64, f64)>,
}

impl<'a> Job<'a> {
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
    fn new(connection: Connection, vends: &'a [Vec<u8>]) -> Self {
        Self { connection, vends: vends.iter().cycle(), start: Instant::now(), took: Vec::new() }
    }

    fn now(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    fn works_for(&mut self, seconds: f64) -> Result<()> {
        let until = self.now() + seconds;
        loop {
            let before = self.now();
            if before >= until {
                return Ok(());
            }
            let vend = self.vends.next().context("somebody")?;
            ensure!(self.connection.ask(vend)? == 200, "a vend was refused");
            let after = self.now();
            self.took.push((after, (after - before) * 1e6));
        }
    }

    /// Microseconds that all but one in a hundred stay below, of those between two instants.
    fn p99(&self, from: f64, to: f64) -> f64 {
        let within = self.took.iter().filter(|(at, _)| (from..to).contains(at));
        let mut times: Vec<f64> = within.map(|(_, took)| *took).collect();
        times.sort_by(f64::total_cmp);
        times.get(times.len() * 99 / 100).copied().unwrap_or_default()
    }
}

fn table(grants: u32, per_second: f64, raw: f64, (before, during): (f64, f64)) -> Vec<Row> {
    let (share, slower) = (100.0 * per_second / raw, during / before);
    vec![
        Row {
            work: format!("rewrap of {grants} grants, beside a service that vends"),
            ours: format!("{per_second:.0} rows/s"),
            beside: format!("raw inserts, {BATCH} to a commit, {raw:.0} rows/s"),
            result: format!("{share:.0} %"),
            goal: "(no goal)",
            is_reached: true,
        },
        Row {
            work: "a vend by its row meanwhile, p99".to_owned(),
            ours: format!("{during:.0} µs"),
            beside: format!("before {before:.0} µs"),
            result: format!("{slower:.2}x"),
            goal: "≤ 2x",
            is_reached: slower <= 2.0,
        },
    ]
}

/// The p99 of every stretch, of which there are a hundred.
fn plot(job: &Job<'_>, shaded: (f64, f64), limit: f64) -> String {
    let end = job.took.last().map_or(0.0, |(at, _)| *at);
    let stretch = end / 100.0;
    let point = |number: u32| {
        let from = f64::from(number) * stretch;
        (from + stretch / 2.0, job.p99(from, from + stretch))
    };
    let tick = |number: u32| {
        let at = end * f64::from(number) / 4.0;
        (at, format!("{at:.0} s"))
    };
    let panel = Panel {
        title: "p99 of a vend by its row, µs; shaded: the rewrap; dashed: twice the p99 before"
            .to_owned(),
        points: (0..100).map(point).collect(),
        ticks: (0..=4).map(tick).collect(),
        limit: Some(limit),
        shaded: Some(shaded),
        is_marked: false,
    };
    svg("A new data key while vending (SQLite)", &[panel])
}
