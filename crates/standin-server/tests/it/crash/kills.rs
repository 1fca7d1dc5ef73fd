//! The service is killed again and again, wherever it happens to be, while jobs ask for tokens.
//!
//! Half of the kills are blind, by the clock; the others are at a fail point that it comes to for the n-th time.
//! After each the vault is compared with the provider.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use standin_store::postgres::testing::Database;

use super::house::{House, Person, Process, Vended, busy};
use super::oracle::{Fate, Ledger, Stored, fate, vault_of};
use super::points::{CASES, settle};

/// Enough that the few whose leases a kill leaves behind are not missed.
const PEOPLE: usize = 60;
const JOBS: u64 = 3;
/// As long as some real providers give: whoever follows is killed as well, now and then, and comes a lease later.
const GRACE_SECONDS: u32 = 600;
/// A blind kill comes within so many milliseconds, one at a point after so many at the latest.
const BLIND: u64 = 120;
const AT_A_POINT: u64 = 200;

/// How often, and by which dice. What a machine does in which order, dice do not say.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    kills: usize,
    seed: u64,
}

impl Plan {
    /// As `cargo xtask soak` says in the environment; few kills otherwise.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a test goes on is not the service's matter"
    )]
    pub(super) fn of_environment(kills: usize) -> Self {
        let number = |name| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
        Self {
            kills: number("STANDIN_KILLS")
                .map_or(kills, |kills: u64| usize::try_from(kills).unwrap()),
            seed: number("STANDIN_KILLS_SEED").unwrap_or(1),
        }
    }
}

/// `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// What came of it all.
#[derive(Default)]
pub(super) struct Tally {
    seed: u64,
    kills: BTreeMap<String, usize>,
    vended: BTreeMap<String, usize>,
    refreshes: usize,
    refused: usize,
    /// By the place of the first kill after which its lease was seen.
    lost: BTreeMap<String, usize>,
    /// Leases that a kill has left.
    open: usize,
    dropped: usize,
    /// How far the generations in the vault have come.
    stored: u64,
    pub(super) violations: Vec<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = |counts: &BTreeMap<String, usize>| counts.values().sum::<usize>();
        let list = |f: &mut fmt::Formatter<'_>, counts: &BTreeMap<String, usize>| {
            counts.iter().try_for_each(|(name, count)| writeln!(f, "    {count:>6} {name}"))
        };
        writeln!(f, "{} kills, seed {}", sum(&self.kills), self.seed)?;
        list(f, &self.kills)?;
        writeln!(f, "  {} requests of jobs", sum(&self.vended))?;
        list(f, &self.vended)?;
        writeln!(
            f,
            "  {} refreshes at the provider, {} of them in the vault; {} refused; {} answers dropped on purpose",
            self.refreshes, self.stored, self.refused, self.dropped
        )?;
        writeln!(f, "  {} leases left behind by kills", self.open)?;
        writeln!(f, "  {} times rotation_lost", sum(&self.lost))?;
        list(f, &self.lost)?;
        write!(f, "  {} violations", self.violations.len())
    }
}

/// A house whose service is killed by a plan.
struct Soak {
    house: House,
    grace: bool,
    dice: Dice,
    ledger: Ledger,
    tally: Tally,
    /// After which kill somebody's lease was first seen.
    opened: HashMap<String, String>,
    /// Whose loss is counted.
    lost: HashSet<String>,
    last_place: String,
    /// Refresh tokens that were given and that no kill explains.
    excess: usize,
    vault: HashMap<String, Stored>,
}

pub(super) fn soak(plan: Plan, grace: bool, database: Option<Database>) -> Tally {
    let house = House::of(PEOPLE, if grace { GRACE_SECONDS } else { 0 }, database);
    let mut soak = Soak {
        vault: vault_of(&house),
        house,
        grace,
        dice: Dice(plan.seed),
        ledger: Ledger::default(),
        tally: Tally { seed: plan.seed, ..Tally::default() },
        opened: HashMap::new(),
        lost: HashSet::new(),
        last_place: String::new(),
        excess: 0,
    };
    soak.ledger.look(&soak.house);
    let before = soak.generations();
    let refreshes = soak.ledger.refreshes();
    for _ in 0..plan.kills {
        soak.one_life();
        soak.look();
        soak.welcome_back();
    }
    soak.end();
    soak.tally.stored = soak.generations() - before;
    soak.tally.refreshes = soak.ledger.refreshes() - refreshes;
    soak.tally.refused = soak.ledger.refused;
    soak.judge_numbers();
    soak.tally
}

impl Soak {
    fn generations(&self) -> u64 {
        self.vault.values().map(|stored| stored.generation).sum()
    }

    fn one_life(&mut self) {
        let (place, points, time) = self.next_death();
        self.trouble();
        let place = match self.house.start(&points) {
            Some(process) => self.under_load(process, place, time),
            None => place,
        };
        *self.tally.kills.entry(place.clone()).or_default() += 1;
        self.last_place = place;
    }

    /// Jobs ask until the service dies. Where that was.
    fn under_load(&mut self, mut process: Process, place: String, time: Duration) -> String {
        let is_over = AtomicBool::new(false);
        let free: Vec<&Person> =
            self.house.people.iter().filter(|person| self.is_free(person)).collect();
        let answers = Mutex::new(BTreeMap::<String, usize>::new());
        let seeds: Vec<u64> = (0..JOBS).map(|_| self.dice.roll(u64::MAX)).collect();
        let place = thread::scope(|scope| {
            for seed in seeds {
                let (house, address) = (&self.house, process.address.clone());
                let (free, answers, is_over) = (&free, &answers, &is_over);
                scope.spawn(move || {
                    let mut dice = Dice(seed);
                    while !is_over.load(Ordering::Relaxed) && !free.is_empty() {
                        let one = usize::try_from(dice.roll(free.len() as u64)).unwrap();
                        let vended = house.vend_at(&address, free[one]);
                        *answers.lock().unwrap().entry(vended.to_string()).or_default() += 1;
                        if vended == Vended::Nothing {
                            break;
                        }
                    }
                });
            }
            let place = if process.death(time).is_some() { place } else { "any time".to_owned() };
            is_over.store(true, Ordering::Relaxed);
            process.kill();
            place
        });
        for (answer, count) in answers.into_inner().unwrap() {
            *self.tally.vended.entry(answer).or_default() += count;
        }
        place
    }

    fn next_death(&mut self) -> (String, String, Duration) {
        if self.dice.roll(2) == 0 {
            let time = Duration::from_millis(1 + self.dice.roll(BLIND));
            return ("any time".to_owned(), String::new(), time);
        }
        let point = CASES[usize::try_from(self.dice.roll(CASES.len() as u64)).unwrap()].0;
        let spared = self.dice.roll(12);
        let points = format!("{}={spared}*off->return(kill)", point.name());
        (point.name().to_owned(), points, Duration::from_millis(AT_A_POINT))
    }

    /// Now and then the provider is slow, busy, or breaks off.
    fn trouble(&mut self) {
        let fault = match self.dice.roll(8) {
            0 => busy(),
            1 => json!({ "endpoint": "token", "fault": "delay", "delay_ms": 40 }),
            2 => json!({ "endpoint": "token", "fault": "drop_before" }),
            3 if self.grace => {
                self.tally.dropped += 1;
                json!({ "endpoint": "token", "fault": "drop_after" })
            }
            _ => return,
        };
        self.house.fault(&fault);
    }

    fn is_free(&self, person: &Person) -> bool {
        let stored = &self.vault[&person.email];
        !stored.is_leased && fate(&self.ledger, person, stored) == Fate::Whole
    }

    /// Nobody lives: compares.
    fn look(&mut self) {
        let (before, given) = (self.vault.clone(), self.given());
        self.ledger.look(&self.house);
        self.vault = vault_of(&self.house);
        self.count(&before, &given);
        for person in &self.house.people {
            let (email, stored) = (&person.email, &self.vault[&person.email]);
            match fate(&self.ledger, person, stored) {
                Fate::Open => {
                    let place = self.opened.entry(email.clone());
                    place.or_insert_with(|| {
                        self.tally.open += 1;
                        self.last_place.clone()
                    });
                }
                Fate::Whole => {
                    self.opened.remove(email);
                    self.lost.remove(email);
                }
                Fate::SaysLost if self.lost.contains(email) => {}
                // What no kill has left behind is not lost by a kill.
                Fate::SaysLost if !self.grace && self.opened.contains_key(email) => {
                    let place = self.opened.remove(email).unwrap();
                    *self.tally.lost.entry(place).or_default() += 1;
                    self.lost.insert(email.clone());
                }
                fate @ (Fate::SaysLost | Fate::Dead | Fate::Torn) => {
                    let words = format!("{email}: {fate:?}: {stored:?}");
                    self.tally.violations.push(words);
                }
            }
        }
    }

    fn given(&self) -> Vec<usize> {
        self.house.people.iter().map(|person| self.ledger.refreshed(person)).collect()
    }

    /// A refresh token that was given and is not in the vault was lost with a lease: with the one that was there before
    /// this life, or with the one that is there now. Beyond that there are the answers that were dropped on purpose, in
    /// whichever life that came to be.
    fn count(&mut self, before: &HashMap<String, Stored>, given: &[usize]) {
        for (person, given) in self.house.people.iter().zip(given) {
            let (was, is) = (&before[&person.email], &self.vault[&person.email]);
            let given = self.ledger.refreshed(person) - given;
            let stored = usize::try_from(is.generation - was.generation).unwrap();
            let allowed = stored + usize::from(was.is_leased) + usize::from(is.is_leased);
            self.excess += given.saturating_sub(allowed);
        }
    }

    /// Those whose grants are lost sign in again, when they have become many.
    fn welcome_back(&mut self) {
        let is_lost = |person: &&Person| {
            fate(&self.ledger, person, &self.vault[&person.email]) == Fate::SaysLost
        };
        let lost: Vec<&Person> = self.house.people.iter().filter(is_lost).collect();
        if lost.len() * 4 < self.house.people.len() {
            return;
        }
        // What was to go wrong was meant for others.
        self.house.control("DELETE", "faults", &Value::Null);
        let mut process = self.house.start("").expect("a service that lives");
        for person in lost {
            self.house.arrives(&person.email);
            assert!(self.house.sign_in(&process).is_some(), "{}", self.house.log());
        }
        process.kill();
        self.ledger.look(&self.house);
        self.vault = vault_of(&self.house);
    }

    fn end(&mut self) {
        self.house.control("DELETE", "faults", &Value::Null);
        let mut process = settle(&self.house);
        self.look();
        let whole = self.house.people.iter().filter(|person| self.is_free(person));
        let vended = whole.map(|person| (&person.email, self.house.vend(&process, person)));
        let refused = vended.filter(|(_, vended)| *vended != Vended::Token);
        let refused = refused.map(|(email, vended)| format!("{email}: {vended} at the end"));
        self.tally.violations.extend(refused.collect::<Vec<_>>());
        process.kill();
        self.look();
    }

    fn judge_numbers(&mut self) {
        let tally = &mut self.tally;
        if self.grace && tally.refused > 0 {
            tally.violations.push(format!("{} refresh tokens were refused", tally.refused));
        }
        if self.excess > tally.dropped {
            tally.violations.push(format!("{} refreshes that nothing explains", self.excess));
        }
    }
}
