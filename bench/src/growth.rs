//! What ten thousand grants cost beside a million and ten million: vending, room on the disk, starting, memory.
//!
//! Each vend is for another one of [`ASKED`] people, who stand all over the file: so many are asked for in each, and what
//! differs is how many are stored. They are asked for of a service as it is by itself, which remembers so many, and of one
//! that remembers nobody and reads every row. The databases are there all at once and the services are started on one after
//! the other, in turns.

use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::Result;
use rusqlite::Connection;
use standin::id::UserId;

use crate::child::Running;
use crate::cost::Cost;
use crate::load::each_once;
use crate::plot::{Panel, svg};
use crate::population;
use crate::provider::Provider;
use crate::report::{Row, save};
use crate::strangers::{Setting, Strangers, listens};

/// How many grants there are.
pub(crate) const SIZES: [u32; 3] = [10_000, 1_000_000, 10_000_000];
const TURNS: usize = 3;
const VENDS: u32 = 100_000;
const ASKED: usize = 10_000;
/// Before the clock runs, so that it finds what a service finds that has run for a while.
const WARM_UP: usize = 5 * ASKED;
/// Steps through those who are known, so that no two neighbours are asked for one after the other.
const STRIDE: usize = 7_919;
/// An access token that lives through all of it.
const LIFE: u32 = 2 * 24 * 3600;
/// The person who is copied.
const PERSON: &str = "110248495921238986420";

/// Up to so many grants; the plots go into `bench/results/`.
pub(crate) async fn up_to(binary: &Path, most: u32) -> Result<Vec<Row>> {
    let provider = Provider::start().await?;
    let mut houses = Vec::new();
    for grants in SIZES.into_iter().filter(|size| *size <= most) {
        houses.push(House::build(binary, &provider, grants).await?);
    }
    let mut points: Vec<_> = houses.iter().map(House::room).collect::<Result<_>>()?;
    for _ in 0..TURNS {
        for (house, point) in houses.iter().zip(&mut points) {
            house.turn(binary, point)?;
        }
    }
    save("growth.svg", &svg("What more grants cost (SQLite, one process)", &panels(&points)))?;
    Ok(rows(&points))
}

/// A database with so many grants, and some of those whose they are.
pub(crate) struct House {
    pub(crate) strangers: Strangers,
    people: Vec<UserId>,
    grants: u32,
}

impl House {
    /// Somebody signs in, and is copied.
    pub(crate) async fn build(binary: &Path, provider: &Provider, grants: u32) -> Result<Self> {
        let providers: &[_] = &[("google", provider)];
        let setting = Setting { providers, kind: "google", database: None };
        let strangers = Strangers::with(&setting)?;
        let service = strangers.serve(binary)?;
        let person = std::iter::once(PERSON.to_owned());
        let callbacks = strangers.callbacks(&service, ("google", provider), person, LIFE)?;
        each_once(listens(&service)?, &callbacks, 303)?;
        drop(service);
        let copied = u64::from(grants) - 1;
        let people = population::fill(&strangers, ("google", PERSON), copied).await?;
        Ok(Self { strangers, people, grants })
    }

    /// Requests for so many people, from the `first` one on.
    pub(crate) fn vends(&self, first: usize, count: usize) -> Vec<Vec<u8>> {
        self.vends_of(self.people.len(), first, count)
    }

    /// So many requests for `asked` people over and over, from the `first` request on.
    fn vends_of(&self, asked: usize, first: usize, count: usize) -> Vec<Vec<u8>> {
        let person = |number: usize| &self.people[number % asked * STRIDE % self.people.len()];
        (first..first + count)
            .map(|number| self.strangers.vend_for("google", &person(number).to_string()))
            .collect()
    }

    /// What a grant takes on the disk: its table and what is indexed of it, and everything that belongs to its person.
    fn room(&self) -> Result<Point> {
        let path = self.strangers.path("standin.db");
        let database = Connection::open(&path)?;
        let of_grants = "SELECT sum(pgsize) FROM dbstat JOIN sqlite_schema USING (name) WHERE tbl_name = 'grants'";
        let of_grants: f64 = database.query_row(of_grants, [], |row| row.get(0))?;
        let grants = f64::from(self.grants);
        #[expect(clippy::cast_precision_loss, reason = "bytes of a file")]
        let whole = std::fs::metadata(path)?.len() as f64;
        let (grant_bytes, person_bytes) = (of_grants / grants, whole / grants);
        Ok(Point { grants, grant_bytes, person_bytes, ..Point::WORST })
    }

    /// Starts, lies idle, and vends; what was better than before is kept.
    fn turn(&self, binary: &Path, point: &mut Point) -> Result<()> {
        self.is_read()?;
        let service = self.strangers.serve(binary)?;
        point.start_ms = point.start_ms.min(service.took);
        service.settles()?;
        point.idle_mib = point.idle_mib.min(service.resident_mib()?);
        point.vend.improve(self.vending(&service)?);
        point.busy_mib = point.busy_mib.min(service.resident_mib()?);
        point.own_mib = point.own_mib.min(service.own_mib()?);
        drop(service);
        let service = self.strangers.serve_by_rows(binary)?;
        point.by_row.improve(self.vending(&service)?);
        Ok(())
    }

    /// Reads the file once, so that the system has it in memory. Some take out what is not asked for within half a minute,
    /// and then a disk would be measured.
    fn is_read(&self) -> Result<()> {
        let mut file = File::open(self.strangers.path("standin.db"))?;
        io::copy(&mut file, &mut io::sink()).map(drop)?;
        Ok(())
    }

    fn vending(&self, service: &Running) -> Result<Cost> {
        let address = listens(service)?;
        let vends = |first, count| self.vends_of(ASKED, first, count);
        each_once(address, &vends(0, WARM_UP), 200)?;
        let vends = vends(WARM_UP, VENDS as usize);
        Cost::of(service, VENDS, || each_once(address, &vends, 200))
    }
}

/// Of a vend, in microseconds.
struct Vending {
    wall_us: f64,
    cpu_us: f64,
}

impl Vending {
    const WORST: Self = Self { wall_us: f64::INFINITY, cpu_us: f64::INFINITY };

    fn improve(&mut self, cost: Cost) {
        self.wall_us = self.wall_us.min(1e6 / cost.per_second);
        self.cpu_us = self.cpu_us.min(1e3 * cost.cpu_ms);
    }

    fn row(&self, work: String, least: &Self) -> Row {
        let (slower, dearer) = (self.wall_us / least.wall_us, self.cpu_us / least.cpu_us);
        Row {
            work,
            ours: format!("{:.1} µs, {:.1} of the processor", self.wall_us, self.cpu_us),
            beside: format!("the fewest {:.1} µs, {:.1}", least.wall_us, least.cpu_us),
            result: format!("{slower:.2}x, {dearer:.2}x"),
            goal: "≤ 1.3x",
            is_reached: slower <= 1.3,
        }
    }
}

/// What was measured of one size.
struct Point {
    grants: f64,
    vend: Vending,
    by_row: Vending,
    grant_bytes: f64,
    person_bytes: f64,
    start_ms: f64,
    idle_mib: f64,
    busy_mib: f64,
    own_mib: f64,
}

impl Point {
    const WORST: Self = Self {
        grants: 0.0,
        vend: Vending::WORST,
        by_row: Vending::WORST,
        grant_bytes: f64::INFINITY,
        person_bytes: f64::INFINITY,
        start_ms: f64::INFINITY,
        idle_mib: f64::INFINITY,
        busy_mib: f64::INFINITY,
        own_mib: f64::INFINITY,
    };

    fn size(&self) -> String {
        if self.grants < 1e6 {
            format!("{:.0} thousand", self.grants / 1e3)
        } else {
            format!("{:.0} million", self.grants / 1e6)
        }
    }
}

fn rows(points: &[Point]) -> Vec<Row> {
    points.iter().flat_map(|point| rows_of(point, &points[0])).collect()
}

fn rows_of(point: &Point, least: &Point) -> [Row; 5] {
    let size = point.size();
    let row = |work: &str, ours, beside, result, goal, is_reached| Row {
        work: format!("{size} grants: {work}"),
        ours,
        beside,
        result,
        goal,
        is_reached,
    };
    let Point { grant_bytes, person_bytes, start_ms, idle_mib, busy_mib, own_mib, .. } = *point;
    [
        point.vend.row(format!("{size} grants: a vend, of 32 at a time"), &least.vend),
        point.by_row.row(format!("{size} grants: the same by its row"), &least.by_row),
        row(
            "a grant on the disk, with its indexes",
            format!("{grant_bytes:.0} B"),
            format!("all of a person {person_bytes:.0} B"),
            format!("{grant_bytes:.0} B"),
            "≤ 900 B",
            grant_bytes <= 900.0,
        ),
        row(
            "start to ready",
            format!("{start_ms:.1} ms"),
            format!("{} {:.1} ms", least.size(), least.start_ms),
            format!("{start_ms:.1} ms"),
            "≤ 50 ms",
            start_ms <= 50.0,
        ),
        row(
            "resident memory, idle",
            format!("{idle_mib:.1} MiB"),
            format!("after load {busy_mib:.0} MiB, {own_mib:.0} of it no page of a file"),
            format!("{idle_mib:.1} MiB"),
            "≤ 20 MiB",
            idle_mib <= 20.0,
        ),
    ]
}

fn panels(points: &[Point]) -> Vec<Panel> {
    let panel = |title: &str, value: fn(&Point) -> f64, limit| Panel {
        title: title.to_owned(),
        points: points.iter().map(|point| (point.grants.log10(), value(point))).collect(),
        ticks: points.iter().map(|point| (point.grants.log10(), point.size())).collect(),
        limit,
        shaded: None,
        is_marked: true,
    };
    let by_row = Some(1.3 * points[0].by_row.wall_us);
    vec![
        panel("a vend, µs", |point| point.vend.wall_us, Some(1.3 * points[0].vend.wall_us)),
        panel("the same by its row, µs", |point| point.by_row.wall_us, by_row),
        panel("a grant on the disk, bytes", |point| point.grant_bytes, Some(900.0)),
        panel("start to ready, ms", |point| point.start_ms, Some(50.0)),
        panel("idle memory, MiB", |point| point.idle_mib, Some(20.0)),
    ]
}
