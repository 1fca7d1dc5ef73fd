//! A node: a clock, a disk with a journal, and the wires to the database and to the provider, all of which can fail.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use super::provider::Provider;
use crate::http::{HttpClient, HttpError, Request, Response, TOTAL_TIMEOUT};
use crate::id::GrantId;
use crate::refresh::{Journal, JournalRecord};
use crate::store::conformance::samples;
use crate::store::memory::Wire;
use crate::store::{self, StoreError};
use crate::time::{Clock, Timestamp};
use crate::vault::TraceHash;

/// When it begins, by the clock of the database.
const BEGINNING: i64 = 1_766_000_000_000;
/// How often a sleeper might be woken.
const NAP: Duration = Duration::from_secs(1);
/// How long it takes to find out that a database is away.
const NO_DATABASE: Duration = Duration::from_secs(2);

/// All that happens by chance in a run.
#[derive(Debug)]
pub(super) struct Dice(Mutex<u64>);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    /// `SplitMix64`.
    pub(super) fn roll(&self, sides: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    pub(super) fn ms(&self, most: u64) -> Duration {
        Duration::from_millis(self.roll(most + 1))
    }
}

/// What everybody shares.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) dice: Dice,
    pub(super) began: Instant,
    pub(super) provider: Provider,
    /// What happened, for whoever must find out why.
    pub(super) story: Mutex<Vec<String>>,
}

impl Ground {
    pub(super) fn say(&self, what: &str) {
        let at = self.began.elapsed().as_millis();
        self.story.lock().unwrap().push(format!("{at:>7} {what}"));
    }

    /// By a clock that is right.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(BEGINNING).after(self.began.elapsed())
    }
}

/// What may be wrong with a node.
#[derive(Debug, Default)]
struct Trouble {
    /// Counts deaths: whoever began in an earlier life is dead.
    life: u64,
    sleeps_until: Option<Instant>,
    no_database_until: Option<Instant>,
    no_provider_until: Option<Instant>,
    /// How far its clock is ahead.
    ahead_ms: i64,
    /// Answers of the database that get lost, of a hundred.
    lost_answers: u64,
    /// What the next answer of the database is lost of.
    lost_answer: Option<&'static str>,
    /// What does not reach the database the next time.
    held_up: Option<&'static str>,
    /// What it never comes to do.
    dies_before: Option<&'static str>,
}

/// The machine that lives of a node happen on.
pub(super) struct Machine {
    name: usize,
    pub(super) ground: Arc<Ground>,
    trouble: Mutex<Trouble>,
    /// What is written to its disk.
    disk: Mutex<Vec<Written>>,
}

/// A record of the journal.
struct Written {
    record: JournalRecord,
    /// Whether it would be there after the power had failed.
    is_flushed: bool,
    /// Whether it is known that its row has it, or does not need it.
    is_settled: bool,
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Machine")
    }
}

impl Machine {
    pub(super) fn new(name: usize, ground: &Arc<Ground>) -> Arc<Self> {
        Arc::new(Self {
            name,
            ground: Arc::clone(ground),
            trouble: Mutex::default(),
            disk: Mutex::default(),
        })
    }

    /// Its process dies; or the power fails, and what is not yet on the disk is torn.
    pub(super) fn die(&self, has_no_power: bool) {
        let how = if has_no_power { "loses its power" } else { "dies" };
        self.ground.say(&format!("node {} {how}", self.name));
        self.trouble.lock().unwrap().life += 1;
        if has_no_power {
            self.disk.lock().unwrap().retain(|written| written.is_flushed);
        }
    }

    /// It dies when it goes to the database for this the next time.
    pub(super) fn die_before(&self, what: &'static str) {
        self.trouble.lock().unwrap().dies_before = Some(what);
    }

    pub(super) fn sleep(&self, time: Duration) {
        self.ground.say(&format!("node {} sleeps", self.name));
        self.trouble.lock().unwrap().sleeps_until = Some(Instant::now() + time);
    }

    pub(super) fn lose_database(&self, time: Duration) {
        self.ground.say(&format!("node {} loses the database", self.name));
        self.trouble.lock().unwrap().no_database_until = Some(Instant::now() + time);
    }

    pub(super) fn lose_provider(&self, time: Duration) {
        self.ground.say(&format!("node {} loses the provider", self.name));
        self.trouble.lock().unwrap().no_provider_until = Some(Instant::now() + time);
    }

    pub(super) fn set_clock(&self, ahead_ms: i64) {
        self.ground.say(&format!("node {} has another clock", self.name));
        self.trouble.lock().unwrap().ahead_ms = ahead_ms;
    }

    pub(super) fn lose_answers(&self, of_a_hundred: u64) {
        self.ground.say(&format!("node {} loses answers", self.name));
        self.trouble.lock().unwrap().lost_answers = of_a_hundred;
    }

    pub(super) fn lose_answer_to(&self, what: &'static str) {
        self.trouble.lock().unwrap().lost_answer = Some(what);
    }

    /// So many answers are in its journal, of which nothing is left to do.
    pub(super) fn has_kept(&self, records: u64) {
        let record = |number| JournalRecord {
            attempt: samples::refresh_id(number),
            grant: samples::grant_id(0),
            generation: 0,
            question: 1,
            asked_at: self.ground.now(),
            spent: None,
            body: Vec::new(),
        };
        let written =
            |number| Written { record: record(number), is_flushed: true, is_settled: true };
        self.disk.lock().unwrap().extend((0..records).map(written));
    }

    /// It was killed before it noted that any answer is in its row. One is of a grant that nobody has any more.
    pub(super) fn has_settled_nothing(&self) {
        self.has_kept(1);
        let mut disk = self.disk.lock().unwrap();
        disk.iter_mut().for_each(|written| written.is_settled = false);
        if let Some(written) = disk.last_mut() {
            written.record.grant = samples::grant_id(99);
        }
    }

    /// What is on another one's disk is on its own.
    pub(super) fn takes_over(&self, other: &Self) {
        self.disk.lock().unwrap().append(&mut other.disk.lock().unwrap());
    }

    pub(super) fn loses_its_journal(&self) {
        self.disk.lock().unwrap().clear();
    }

    /// Answers of which it does not know that they are in a row.
    pub(super) fn waiting(&self) -> usize {
        self.disk.lock().unwrap().iter().filter(|written| !written.is_settled).count()
    }

    pub(super) fn hold_up(&self, what: &'static str) {
        self.trouble.lock().unwrap().held_up = Some(what);
    }

    fn is_held_up(&self, what: &'static str) -> bool {
        self.trouble.lock().unwrap().held_up.take_if(|held_up| *held_up == what).is_some()
    }

    fn is_lost(&self, what: &'static str) -> bool {
        self.trouble.lock().unwrap().lost_answer.take_if(|lost| *lost == what).is_some()
    }

    fn dies_now(&self, what: &'static str) -> bool {
        self.trouble.lock().unwrap().dies_before.take_if(|it| *it == what).is_some()
    }

    /// One more life on it.
    pub(super) fn begin(self: &Arc<Self>) -> Life {
        let number = self.trouble.lock().unwrap().life;
        Life { machine: Arc::clone(self), number }
    }
}

/// A node from its start to its death.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) machine: Arc<Machine>,
    number: u64,
}

impl Life {
    fn dice(&self) -> &Dice {
        &self.machine.ground.dice
    }

    fn trouble<T>(&self, look: impl FnOnce(&Trouble) -> T) -> T {
        look(&self.machine.trouble.lock().unwrap())
    }

    /// Some time passes. The dead never come back from here, and who sleeps comes late.
    async fn pass(&self, time: Duration) {
        sleep(time).await;
        while self.is_under(|trouble| trouble.sleeps_until) {
            sleep(NAP).await;
        }
        if self.trouble(|trouble| trouble.life) != self.number {
            std::future::pending::<()>().await;
        }
    }

    fn say(&self, what: &str, happens: &str) {
        let Self { machine, number } = self;
        machine.ground.say(&format!("node {}.{number}: {what} {happens}", machine.name));
    }

    fn is_under(&self, until: impl FnOnce(&Trouble) -> Option<Instant>) -> bool {
        self.trouble(until).is_some_and(|until| until > Instant::now())
    }
}

#[async_trait]
impl Wire for Life {
    async fn there(&self, what: &'static str) -> store::Result<()> {
        if self.machine.dies_now(what) {
            self.machine.die(false);
        }
        let is_held_up = self.machine.is_held_up(what);
        // A node that cannot read its keys does not start, and is started again: nothing of that is played.
        if what == "keys" && !is_held_up {
            return Ok(());
        }
        self.pass(self.dice().ms(8)).await;
        if is_held_up || self.is_under(|trouble| trouble.no_database_until) {
            self.say(what, "does not reach the database");
            self.pass(NO_DATABASE).await;
            return Err(StoreError::Unavailable("cut off".to_owned()));
        }
        Ok(())
    }

    async fn back(&self, what: &'static str) -> store::Result<()> {
        if what == "keys" {
            return Ok(());
        }
        if !["read", "overdue", "timeline"].contains(&what) {
            self.say(what, "is done");
        }
        self.pass(self.dice().ms(8)).await;
        let is_lost = self.dice().roll(100) < self.trouble(|trouble| trouble.lost_answers)
            || self.machine.is_lost(what);
        if is_lost || self.is_under(|trouble| trouble.no_database_until) {
            self.say(what, "has no answer");
            self.pass(NO_DATABASE).await;
            return Err(StoreError::Unknown("the answer is lost".to_owned()));
        }
        Ok(())
    }

    fn now(&self) -> Timestamp {
        self.machine.ground.now()
    }
}

impl Clock for Life {
    fn now(&self) -> Timestamp {
        let ahead = self.trouble(|trouble| trouble.ahead_ms);
        Timestamp::from_unix_ms(self.machine.ground.now().unix_ms() + ahead)
    }
}

#[async_trait]
impl HttpClient for Life {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.pass(self.dice().ms(200)).await;
        if self.is_under(|trouble| trouble.no_provider_until) {
            self.say("a question", "is not sent");
            return Err(HttpError::Unsent);
        }
        let response = self.machine.ground.provider.serve(&request);
        self.say("a question", &format!("with {} has {}", spent(&request), response.status));
        self.pass(self.dice().ms(1_500)).await;
        if self.is_under(|trouble| trouble.no_provider_until) {
            self.say("an answer", "is lost");
            self.pass(TOTAL_TIMEOUT).await;
            return Err(HttpError::Ambiguous);
        }
        Ok(response)
    }
}

/// The refresh token of a question.
fn spent(request: &Request) -> String {
    let mut form = form_urlencoded::parse(&request.body);
    let token = form.find(|(name, _)| name == "refresh_token");
    token.map(|(_, token)| token.into_owned()).unwrap_or_default()
}

#[async_trait]
impl Journal for Life {
    async fn append(&self, record: JournalRecord) -> std::io::Result<()> {
        self.pass(self.dice().ms(3)).await;
        self.say("the journal", &format!("has an answer of generation {}", record.generation));
        let attempt = record.attempt;
        self.machine.disk.lock().unwrap().push(Written {
            record,
            is_flushed: false,
            is_settled: false,
        });
        self.pass(self.dice().ms(3)).await;
        let mut disk = self.machine.disk.lock().unwrap();
        let ours = disk.iter_mut().filter(|written| written.record.attempt == attempt);
        ours.for_each(|written| written.is_flushed = true);
        Ok(())
    }

    async fn settle(&self, grant: GrantId, generation: u64) {
        let mut disk = self.machine.disk.lock().unwrap();
        let is_it =
            |record: &JournalRecord| record.grant == grant && record.generation < generation;
        let of_it = disk.iter_mut().filter(|written| is_it(&written.record));
        of_it.for_each(|written| written.is_settled = true);
    }

    async fn outdate(&self, grant: GrantId, since: Timestamp, stands: Option<TraceHash>) {
        let mut disk = self.machine.disk.lock().unwrap();
        let is_it =
            |record: &JournalRecord| record.grant == grant && record.is_outdated(since, stands);
        let of_it = disk.iter_mut().filter(|written| is_it(&written.record));
        of_it.for_each(|written| written.is_settled = true);
    }

    fn find(&self, grant: GrantId, generation: u64) -> Vec<JournalRecord> {
        let disk = self.machine.disk.lock().unwrap();
        let records = disk.iter().rev().map(|written| &written.record);
        let found =
            records.filter(|record| record.grant == grant && record.generation >= generation);
        found.cloned().collect()
    }

    fn waiting_for(&self) -> BTreeSet<GrantId> {
        let disk = self.machine.disk.lock().unwrap();
        let waiting = disk.iter().filter(|written| !written.is_settled);
        waiting.map(|written| written.record.grant).collect()
    }

    fn kept(&self) -> Vec<JournalRecord> {
        let disk = self.machine.disk.lock().unwrap();
        disk.iter().map(|written| written.record.clone()).collect()
    }
}
