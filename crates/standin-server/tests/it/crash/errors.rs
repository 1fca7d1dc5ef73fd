//! Each fail point fails once, and the service lives on: what it had begun comes to its end, by the same process.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use standin::fail_point::FailPoint;
use tokio::time::Instant;

use super::callback;
use super::house::{House, Person, Process, Vended, busy};
use super::oracle::{Fate, Ledger, fate, vault_of};
use super::points::{CASES, End, SETTLED_WITHIN, Way, deadly, taken_back, vend_and_die};

/// Where the provider's answer is lost. Wherever else something fails, the answer is kept, or nothing was asked.
const LOSES: [FailPoint; 4] = [
    FailPoint::RefreshHasAnswer,
    FailPoint::RefreshHasAsked,
    FailPoint::RefreshYield,
    FailPoint::RefreshHasYielded,
];

fn failing(point: FailPoint) -> String {
    format!("{}=1*return(error)", point.name())
}

/// Each case has a person of its own.
pub(super) fn walk(house: &House) {
    for ((point, way, ..), person) in CASES.iter().zip(&house.people) {
        let mut process = fails(house, *point, *way, person);
        // Nobody waits for the time of a lease.
        house.leases_are_over();
        until_settled(house, *point, person);
        process.stop();
        assert!(house.has_failed_at(*point), "{point:?} was not reached");
    }
    let mut ledger = Ledger::default();
    ledger.look(house);
    let vault = vault_of(house);
    let process = house.start("").expect("a service that lives");
    for ((point, _, _, end), person) in CASES.iter().zip(&house.people) {
        let stored = &vault[&person.email];
        let fate = fate(&ledger, person, stored);
        let wanted = match end {
            // Who was refused and could not write it cannot tell later whether somebody else was answered.
            End::Dead => [Fate::Dead, Fate::SaysLost],
            _ if LOSES.contains(point) => [Fate::SaysLost; 2],
            End::Lost | End::Whole => [Fate::Whole; 2],
        };
        assert!(wanted.contains(&fate), "{point:?}: {fate:?}: {stored:?}\n{}", house.log());
        let vended = house.vend(&process, person);
        assert_eq!(vended == Vended::Token, fate == Fate::Whole, "{point:?}: {vended:?}");
    }
}

/// A service to which it has happened.
fn fails(house: &House, point: FailPoint, way: Way, person: &Person) -> Process {
    let points = failing(point);
    match way {
        Way::Refresh => {}
        Way::Busy => house.fault(&busy()),
        Way::LostAnswer => house.fault(&json!({ "endpoint": "token", "fault": "drop_after" })),
        Way::RevokedThere => {
            house.control("POST", &format!("users/{}/revoke", person.email), &Value::Null);
        }
        Way::Leased | Way::Overdue => kill_at(house, FailPoint::RefreshHasClaimed, person),
        Way::Journal => kill_at(house, FailPoint::RefreshHasKept, person),
        Way::TakenBack => {
            let (process, vended) = taken_back(house, &points, person);
            assert!(matches!(vended, Vended::Refused(..)), "{point:?}: {vended:?}");
            return process;
        }
    }
    if way == Way::Overdue {
        house.leases_are_over();
    }
    // With a journal that cannot be begun nothing is started.
    let process = house.start(&points).or_else(|| house.start(""));
    let process = process.expect("a service that lives");
    if !matches!(way, Way::Journal | Way::Overdue) {
        let vended = house.vend(&process, person);
        assert_ne!(vended, Vended::Nothing, "{point:?}");
    }
    process
}

fn kill_at(house: &House, point: FailPoint, person: &Person) {
    vend_and_die(house, &deadly(point), person);
}

fn until_settled(house: &House, point: FailPoint, person: &Person) {
    let deadline = Instant::now() + SETTLED_WITHIN;
    while vault_of(house)[&person.email].is_leased {
        assert!(Instant::now() < deadline, "{point:?}: a lease is left\n{}", house.log());
        thread::sleep(Duration::from_millis(100));
    }
}

pub(super) fn walk_callbacks(house: &mut House) {
    for (number, (point, _)) in callback::CASES.iter().enumerate() {
        let mut process = house.start(&failing(*point)).expect("a service that lives");
        let email = format!("visitor{number}@example.com");
        house.arrives(&email);
        let browser = house.at_the_callback(&process).expect("an answer of the provider");
        // Whatever the answer is: the browser loads the page again, and whoever it was signs in again.
        house.comes_back(&process, browser.clone());
        house.comes_back(&process, browser);
        assert!(house.has_failed_at(*point), "{point:?} was not reached");
        let person = house.welcome(&process, &email);
        house.people.push(person);
        process.stop();
    }
    callback::everybody_is_whole(house);
}
