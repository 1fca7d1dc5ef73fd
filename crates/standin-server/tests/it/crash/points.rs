//! The service dies at each fail point, one after the other, and is started again.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use standin::fail_point::FailPoint;
use tokio::time::Instant;

use super::house::{House, Person, Process, Vended, busy};
use super::oracle::{Fate, Ledger, fate, grant_of, vault_of};

/// A lease, a look of the sweeper, and a machine with much else to do.
pub(super) const SETTLED_WITHIN: Duration = Duration::from_mins(1);

/// How the service comes to a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// A refresh that nothing goes wrong with.
    Refresh,
    /// The provider is busy.
    Busy,
    /// The provider's answer is lost.
    LostAnswer,
    /// A service that died has left a lease.
    Leased,
    /// The user has taken it back at the provider.
    RevokedThere,
    /// It is taken back here while the answer is on its way.
    TakenBack,
    /// A service that died has left an answer in its journal.
    Journal,
    /// A service that died has left a lease, and its time is over.
    Overdue,
}

/// What must have become of the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    /// Lost, unless the provider has a grace.
    Lost,
    Dead,
}

/// A point, the way to it, and so many refresh tokens the provider may have given meanwhile.
type Case = (FailPoint, Way, usize, End);

pub(super) const CASES: &[Case] = &[
    (FailPoint::RefreshRead, Way::Refresh, 0, End::Whole),
    (FailPoint::RefreshHasRead, Way::Refresh, 0, End::Whole),
    (FailPoint::RefreshClaim, Way::Refresh, 0, End::Whole),
    (FailPoint::JournalHasWritten, Way::Refresh, 1, End::Whole),
    (FailPoint::JournalHasSynced, Way::Refresh, 1, End::Whole),
    (FailPoint::RefreshHasKept, Way::Refresh, 1, End::Whole),
    (FailPoint::RefreshCommit, Way::Refresh, 1, End::Whole),
    (FailPoint::DatabaseFenced, Way::Refresh, 1, End::Whole),
    (FailPoint::DatabaseRefreshed, Way::Refresh, 1, End::Whole),
    (FailPoint::RefreshHasCommitted, Way::Refresh, 1, End::Whole),
    (FailPoint::JournalSettle, Way::Refresh, 1, End::Whole),
    (FailPoint::RefreshHasReleased, Way::Busy, 0, End::Whole),
    (FailPoint::RefreshReplay, Way::Journal, 1, End::Whole),
    (FailPoint::JournalBegin, Way::Journal, 1, End::Whole),
    (FailPoint::JournalHasBegun, Way::Journal, 1, End::Whole),
    (FailPoint::RefreshDiscard, Way::TakenBack, 1, End::Dead),
    (FailPoint::RefreshHasDiscarded, Way::TakenBack, 1, End::Dead),
    (FailPoint::RefreshHasBuried, Way::RevokedThere, 0, End::Dead),
    (FailPoint::RefreshHasYielded, Way::LostAnswer, 2, End::Lost),
    (FailPoint::RefreshHasClaimed, Way::Refresh, 1, End::Whole),
    (FailPoint::RefreshAsk, Way::Refresh, 1, End::Whole),
    (FailPoint::RefreshHasAnswer, Way::Refresh, 2, End::Lost),
    (FailPoint::RefreshHasAsked, Way::Refresh, 2, End::Lost),
    (FailPoint::RefreshKeep, Way::Refresh, 2, End::Lost),
    (FailPoint::JournalAppend, Way::Refresh, 2, End::Lost),
    (FailPoint::RefreshRelease, Way::Busy, 1, End::Whole),
    (FailPoint::RefreshYield, Way::LostAnswer, 2, End::Lost),
    (FailPoint::RefreshRecall, Way::RevokedThere, 0, End::Dead),
    (FailPoint::RefreshHasRecalled, Way::RevokedThere, 0, End::Dead),
    (FailPoint::RefreshBury, Way::RevokedThere, 0, End::Dead),
    (FailPoint::RefreshWait, Way::Leased, 1, End::Whole),
    (FailPoint::RefreshHasWaited, Way::Leased, 1, End::Whole),
    (FailPoint::RefreshSweep, Way::Overdue, 1, End::Whole),
];

/// Longer than a lease and a look of the sweeper.
const A_LIFE: Duration = Duration::from_secs(18);

/// `point=return(kill)`.
pub(super) fn deadly(point: FailPoint) -> String {
    format!("{}=return(kill)", point.name())
}

/// Each case has a person of its own.
pub(super) fn walk(house: &House, grace: bool) {
    let mut ledger = Ledger::default();
    ledger.look(house);
    let before: Vec<_> = house.people.iter().map(|person| ledger.refreshed(person)).collect();
    for (case, person) in CASES.iter().zip(&house.people) {
        die(house, *case, person);
        // Whoever follows it up must not be killed at the point of the next case.
        house.leases_are_over();
        settle(house).stop();
    }
    let process = settle(house);
    ledger.look(house);
    let vault = vault_of(house);
    for ((case, person), before) in CASES.iter().zip(&house.people).zip(before) {
        let (point, _, allowed, end) = *case;
        let stored = &vault[&person.email];
        let fate = fate(&ledger, person, stored);
        let wanted = match end {
            // Somebody who was refused and died before it was written cannot know more than that.
            End::Dead => [Fate::Dead, Fate::SaysLost],
            End::Lost if !grace => [Fate::SaysLost; 2],
            End::Lost | End::Whole => [Fate::Whole; 2],
        };
        assert!(wanted.contains(&fate), "{point:?}: {fate:?}: {stored:?}\n{}", house.log());
        let given = ledger.refreshed(person) - before;
        assert!(given <= allowed, "{point:?}: the provider gave {given} refresh tokens");
        let vended = house.vend(&process, person);
        let is_token = vended == Vended::Token;
        assert_eq!(is_token, fate == Fate::Whole, "{point:?}: {vended:?}");
    }
}

/// Starts the service and waits until nothing is open. One process does not believe more than nineteen refusals in a
/// minute (requirement RF-18); where more is lost, the next one goes on.
pub(super) fn settle(house: &House) -> Process {
    let deadline = Instant::now() + SETTLED_WITHIN;
    loop {
        let process = house.start("").expect("a service that lives");
        let next = Instant::now() + A_LIFE;
        while Instant::now() < next {
            if vault_of(house).values().all(|stored| !stored.is_leased) {
                return process;
            }
            thread::sleep(Duration::from_millis(100));
        }
        assert!(Instant::now() < deadline, "leases are left\n{}", house.log());
    }
}

fn die(house: &House, (point, way, ..): Case, person: &Person) {
    match way {
        Way::Refresh => vend_and_die(house, &deadly(point), person),
        Way::Busy => {
            house.fault(&busy());
            vend_and_die(house, &deadly(point), person);
        }
        Way::LostAnswer => {
            house.fault(&json!({ "endpoint": "token", "fault": "drop_after" }));
            vend_and_die(house, &deadly(point), person);
        }
        Way::Leased => {
            vend_and_die(house, &deadly(FailPoint::RefreshHasClaimed), person);
            vend_and_die(house, &deadly(point), person);
        }
        Way::RevokedThere => {
            house.control("POST", &format!("users/{}/revoke", person.email), &Value::Null);
            vend_and_die(house, &deadly(point), person);
        }
        Way::TakenBack => {
            let (mut process, vended) = taken_back(house, &deadly(point), person);
            assert_eq!(vended, Vended::Nothing);
            assert!(process.death(SETTLED_WITHIN).is_some(), "{point:?} was not reached");
        }
        Way::Journal => {
            vend_and_die(house, &deadly(FailPoint::RefreshHasKept), person);
            dies_by_itself(house, point);
        }
        Way::Overdue => {
            vend_and_die(house, &deadly(FailPoint::RefreshHasClaimed), person);
            dies_by_itself(house, point);
        }
    }
}

pub(super) fn vend_and_die(house: &House, points: &str, person: &Person) {
    let Some(mut process) = house.start(points) else { return };
    assert_eq!(house.vend(&process, person), Vended::Nothing, "{points}");
    assert!(process.death(SETTLED_WITHIN).is_some(), "{points} was not reached");
}

fn dies_by_itself(house: &House, point: FailPoint) {
    let process = house.start(&deadly(point));
    let death = process.map(|mut process| process.death(SETTLED_WITHIN));
    assert_ne!(death, Some(None), "{point:?} was not reached");
}

/// The answer is held up until the grant is taken back. What the job is told then.
pub(super) fn taken_back(house: &House, points: &str, person: &Person) -> (Process, Vended) {
    // What the journal keeps for another grant that was taken back would be thrown away at this point, in its place.
    house.forget_answers();
    let held_up = format!("{}=1*return(delay:3000);{points}", FailPoint::RefreshHasAsked.name());
    let process = house.start(&held_up).expect("a service that lives");
    let grant = house.runtime.block_on(async {
        let store = standin_store::open(&house.database_url).await.unwrap();
        grant_of(&*store, person).await.id
    });
    let mut ledger = Ledger::default();
    ledger.look(house);
    let before = ledger.refreshed(person);
    let vended = thread::scope(|scope| {
        let vend = scope.spawn(|| house.vend(&process, person));
        while ledger.refreshed(person) == before {
            assert!(!vend.is_finished(), "{points} was reached too early\n{}", house.log());
            thread::sleep(Duration::from_millis(5));
            ledger.look(house);
        }
        house.standin(&["grants", "revoke", &grant.to_string()]);
        vend.join().unwrap()
    });
    (process, vended)
}
