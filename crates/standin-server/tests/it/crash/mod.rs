//! The service is killed, at every point and at any time, and started again: no refresh token is lost or spent twice.
//!
//! The oracle is the provider. Whatever it gave last must be what the vault has, or the grant says that a rotation was
//! lost (requirement RF-9, faults D11 to D13).

mod callback;
mod errors;
mod house;
mod kills;
mod oracle;
mod points;

use standin::fail_point::FailPoint;
use standin_store::postgres::testing::Database;

use self::house::{GRACE_SECONDS, House};
use self::kills::{Plan, Tally};

#[test]
fn every_fail_point_of_the_table_is_one_at_which_the_service_is_killed() {
    let cases = points::CASES.iter().map(|case| case.0);
    let mut killed: Vec<_> = cases.chain(callback::CASES.iter().map(|case| case.0)).collect();
    killed.sort_by_key(|point| point.name());
    let mut all = FailPoint::ALL.to_vec();
    all.sort_by_key(|point| point.name());
    assert_eq!(killed, all);
}

#[test]
fn rf_9_a_service_that_dies_at_any_point_of_a_refresh_loses_no_token() {
    points::walk(&House::of(points::CASES.len(), GRACE_SECONDS, None), true);
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn rf_9_a_service_that_dies_at_any_point_of_a_refresh_loses_no_token_on_postgresql() {
    let house = House::of(points::CASES.len(), GRACE_SECONDS, Some(Database::fresh()));
    points::walk(&house, true);
}

/// Without a grace of the provider a token is lost between its answer and the journal, and nowhere else.
#[test]
fn rf_9_what_is_lost_without_a_grace_says_that_it_was_lost() {
    points::walk(&House::of(points::CASES.len(), 0, None), false);
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn rf_9_what_is_lost_without_a_grace_says_that_it_was_lost_on_postgresql() {
    points::walk(&House::of(points::CASES.len(), 0, Some(Database::fresh())), false);
}

#[test]
fn a_service_that_dies_in_a_sign_in_leaves_nobody_half_signed_in() {
    callback::walk(&mut House::of(0, GRACE_SECONDS, None));
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn a_service_that_dies_in_a_sign_in_leaves_nobody_half_signed_in_on_postgresql() {
    callback::walk(&mut House::of(0, GRACE_SECONDS, Some(Database::fresh())));
}

/// The provider has no grace: a token that is asked for twice is lost.
#[test]
fn rf_9_what_fails_once_at_any_point_is_made_good_by_the_same_process() {
    errors::walk(&House::of(points::CASES.len(), 0, None));
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn rf_9_what_fails_once_at_any_point_is_made_good_by_the_same_process_on_postgresql() {
    errors::walk(&House::of(points::CASES.len(), 0, Some(Database::fresh())));
}

#[test]
fn a_sign_in_that_fails_at_any_point_leaves_nobody_half_signed_in() {
    errors::walk_callbacks(&mut House::of(0, GRACE_SECONDS, None));
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn a_sign_in_that_fails_at_any_point_leaves_nobody_half_signed_in_on_postgresql() {
    errors::walk_callbacks(&mut House::of(0, GRACE_SECONDS, Some(Database::fresh())));
}

/// Some kills in every run of the tests; `cargo xtask soak` makes thousands.
const KILLS: usize = 100;
const KILLS_WITHOUT_GRACE: usize = 60;

fn soak(kills: usize, grace: bool, database: Option<Database>) {
    let tally = kills::soak(Plan::of_environment(kills), grace, database);
    say(&tally);
    assert!(tally.violations.is_empty(), "{:#?}\n{tally}", tally.violations);
}

#[expect(clippy::print_stdout, reason = "the summary is what a soak is for")]
fn say(tally: &Tally) {
    println!("{tally}");
}

#[test]
fn rf_9_whenever_a_service_is_killed_no_token_is_lost() {
    soak(KILLS, true, None);
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn rf_9_whenever_a_service_is_killed_no_token_is_lost_on_postgresql() {
    soak(KILLS, true, Some(Database::fresh()));
}

#[test]
fn rf_9_what_a_kill_loses_without_a_grace_says_that_it_was_lost() {
    soak(KILLS_WITHOUT_GRACE, false, None);
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn rf_9_what_a_kill_loses_without_a_grace_says_that_it_was_lost_on_postgresql() {
    soak(KILLS_WITHOUT_GRACE, false, Some(Database::fresh()));
}
