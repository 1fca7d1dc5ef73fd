//! Each row of the table of faults: what costs a grant, what costs none, and that a loss is called one.

use stateright::{Checker as _, HasDiscoveries, Model as _};

use super::super::{End, Event, Given, Goal, Machine, Row, Standing, Step};
use super::case::{Case, Faults, NONE, Order};

/// Explores a case whole. Which of the promises do not hold in it, each with the way there.
fn broken(case: Case) -> Vec<(&'static str, String)> {
    let checker = case.checker().threads(1).spawn_bfs().join();
    let properties = checker.model().properties();
    let discoveries = checker.discoveries();
    assert!(discoveries.contains_key("the token is refreshed twice"), "{case:?} goes nowhere");
    properties
        .iter()
        .filter(|property| property.name != "the token is refreshed twice")
        .filter_map(|property| {
            let path = discoveries.get(property.name)?;
            Some((property.name, format!("{:?}", path.clone().into_actions())))
        })
        .collect()
}

#[track_caller]
fn is_safe(case: Case) {
    let broken = broken(case);
    assert!(broken.is_empty(), "{case:?}\n{broken:#?}");
}

/// The family is lost, and every grant that is dead for it says so.
#[track_caller]
fn is_lost_and_says_so(case: Case) {
    let broken = broken(case);
    let names: Vec<_> = broken.iter().map(|(name, _)| *name).collect();
    assert!(names.contains(&"the family lives"), "{case:?} is safe");
    assert!(
        !names.contains(&"a grant that is dead says that a rotation was lost"),
        "{case:?}\n{broken:#?}"
    );
}

const WITH_GRACE: Case = Case { grace: true, ..NONE };

#[test]
fn without_faults_nothing_is_lost() {
    is_safe(NONE);
    is_safe(WITH_GRACE);
}

#[test]
fn a_crash_before_the_commit_costs_the_grant_without_grace_or_journal() {
    let faults = Faults { crashes: 1, ..Faults::default() };
    is_lost_and_says_so(Case { faults, ..NONE });
    is_safe(Case { faults, ..WITH_GRACE });
}

#[test]
fn a_crash_after_the_journal_costs_nothing() {
    let faults = Faults { crashes_when_kept: 2, ..Faults::default() };
    is_safe(Case { journal: true, faults, ..NONE });
}

#[test]
fn a_lost_answer_costs_the_grant_without_grace() {
    let faults = Faults { losses: 1, ..Faults::default() };
    is_lost_and_says_so(Case { faults, ..NONE });
    is_lost_and_says_so(Case { journal: true, faults, ..NONE });
    is_safe(Case { faults, ..WITH_GRACE });
}

#[test]
fn crashes_and_lost_answers_cost_nothing_within_the_grace() {
    // Two and two were explored as well, 6.8 million states: too long for every change.
    for (crashes, losses) in [(2, 1), (1, 2)] {
        let faults = Faults { crashes, losses, ..Faults::default() };
        is_safe(Case { faults, ..WITH_GRACE });
    }
    let faults = Faults { crashes: 1, losses: 1, ..Faults::default() };
    is_safe(Case { journal: true, faults, ..WITH_GRACE });
}

#[test]
fn a_holder_who_sleeps_through_its_lease_costs_the_grant_without_grace() {
    let faults = Faults { pauses: 1, ..Faults::default() };
    is_lost_and_says_so(Case { faults, ..NONE });
}

/// A node that sleeps between its last look at the lease and the question spends a token that others have left
/// behind. It finds out and leaves a record; a refresh that overtakes it is told nothing but that the grant is
/// dead, so the promise of the right word does not hold here. No client can do better: nothing tells that node
/// from one that is gone.
#[test]
fn a_pause_longer_than_lease_and_grace_costs_the_grant() {
    let faults = Faults { pauses: 2, ..Faults::default() };
    for case in [NONE, WITH_GRACE] {
        let broken = broken(Case { faults, ..case });
        assert!(broken.iter().any(|(name, _)| *name == "the family lives"), "{broken:#?}");
    }
}

#[test]
fn a_failover_that_drops_the_commit_costs_the_grant_without_a_journal() {
    let faults = Faults { failovers: 1, ..Faults::default() };
    is_lost_and_says_so(Case { faults, ..NONE });
    is_safe(Case { journal: true, faults, ..NONE });
    is_safe(Case { journal: true, faults, ..WITH_GRACE });
}

#[test]
fn a_failover_without_hold_off_costs_the_grant_although_there_is_a_journal() {
    let faults = Faults { failovers: 1, ..Faults::default() };
    is_lost_and_says_so(Case { journal: true, hold_off: false, faults, ..NONE });
}

const NEWEST_IS_TAKEN: &str = "the newest answer is taken for it";
const NO_OLDER_IS_WRITTEN: &str = "no older answer is written";

/// Nodes that died are away for longer than their leases, and come back with their answers. What breaks then, where it is
/// made sure that this does if a lease only counts attempts.
#[track_caller]
fn broken_with_numbers(broken_without: &'static str, faults: Faults) -> Vec<&'static str> {
    let case = Case { journal: true, attempts: 2, faults, ..WITH_GRACE };
    let counted = Case { order: Order::Count, ..case };
    let is_found = HasDiscoveries::AnyOf([broken_without].into());
    let checker = counted.checker().threads(1).finish_when(is_found).spawn_bfs().join();
    assert!(checker.discovery(broken_without).is_some(), "{counted:?} is safe");
    broken(case).into_iter().map(|(name, _)| name).collect()
}

/// An answer that was brought late counted as a question, and the one that was asked for since was taken for an older one.
#[test]
fn rf_9_who_only_brings_an_answer_does_not_make_the_newest_an_older_one() {
    let faults = Faults { crashes_when_kept: 2, absences: 2, ..Faults::default() };
    assert_eq!(broken_with_numbers(NEWEST_IS_TAKEN, faults), [""; 0]);
}

/// After a failover that took the lease away the next to ask began to count anew, and an answer of before was taken for
/// the newest. So many faults together may cost the grant all the same, and then it says so.
#[test]
fn rf_9_a_failover_does_not_make_an_older_answer_the_newest() {
    let (crashes_in_aftermath, losses, failovers, absences) = (1, 1, 1, 2);
    let faults = Faults { crashes_in_aftermath, losses, failovers, absences, ..Faults::default() };
    let broken = broken_with_numbers(NO_OLDER_IS_WRITTEN, faults);
    let allowed = ["the family lives", "what is stored is what the provider takes"];
    assert!(broken.iter().all(|name| allowed.contains(name)), "{broken:?}");
}

/// The database was away when the lost answer was to be left as a record. Found by the simulation.
#[test]
fn rf_9_a_lost_answer_is_remembered_although_the_database_was_away() {
    let row = usable(7);
    let claimed = Event::Claimed { generation: 7, unresolved: 0, question: 1 };
    let (mut machine, mut step) = Machine::start(Goal::Token, true);
    for event in [
        Event::Read(Some(row)),
        claimed,
        Event::Read(Some(row)),
        Event::Lost { ask_again: true },
        Event::Unavailable,
        Event::Read(Some(row)),
        claimed,
        Event::Read(Some(row)),
        Event::Failed,
    ] {
        step = machine.next(event);
    }
    // What was lost is counted by its own claim; this one asked for nothing that may have been given.
    assert_eq!(step, Step::Yield { has_asked: false });
}

/// Whoever was answered about another person gave the lease back, and nothing said that a rotation was lost.
#[test]
fn rf_11_an_answer_that_may_not_be_used_leaves_a_record_and_asks_nothing_at_once() {
    let row = usable(7);
    let (mut machine, _) = Machine::start(Goal::Token, true);
    machine.next(Event::Read(Some(row)));
    machine.next(Event::Claimed { generation: 7, unresolved: 0, question: 1 });
    machine.next(Event::Read(Some(row)));
    let left = machine.next(Event::Lost { ask_again: false });
    assert_eq!(left, Step::Yield { has_asked: true });
    assert_eq!(machine.next(Event::Done), Step::End(End::Later));
}

/// Where a lease is not needed, nobody looks into the journal before they ask: a provider that was not thought to rotate has
/// refused the token that a standby has of before.
#[test]
fn rf_9_what_the_journal_keeps_speaks_against_a_refusal() {
    let row = usable(7);
    let (mut machine, _) = Machine::start(Goal::Token, false);
    assert_eq!(machine.next(Event::Read(Some(row))), Step::Ask);
    assert_eq!(machine.next(Event::Refused), Step::Read);
    assert_eq!(machine.next(Event::Read(Some(row))), Step::Recall { generation: 7 });
    let kept = Event::Recalled(Some(Given { generation: 7, question: 1 }));
    assert_eq!(machine.next(kept), Step::Commit { is_in_doubt: false });
    // What was given a while ago need not live any more.
    assert_eq!(machine.next(Event::Written), Step::Read);
}

/// It was given back after the sweeper had found it: nobody asks for what somebody else has brought to its end.
#[test]
fn rf_9_a_lease_that_says_of_nothing_unresolved_is_given_back_and_nobody_asks() {
    let row = usable(7);
    let (mut machine, _) = Machine::start(Goal::Resolve, true);
    machine.next(Event::Read(Some(row)));
    machine.next(Event::Claimed { generation: 7, unresolved: 0, question: 1 });
    assert_eq!(machine.next(Event::Read(Some(row))), Step::Release);
    assert_eq!(machine.next(Event::Done), Step::End(End::Settled));
}

fn usable(generation: u64) -> Row {
    Row { generation, standing: Standing::Usable, will_do: false, outdates: false }
}

/// What a journal does with an answer for generation 7 to question 2, when it finds the row at `row` and takes a lease in
/// which `question` is the newest.
fn brought(row: u64, question: u64) -> Step {
    let given = Given { generation: 7, question: 2 };
    let (mut machine, _) = Machine::start(Goal::Replay(given), true);
    let read = Event::Read(Some(usable(row)));
    machine.next(read);
    machine.next(Event::Claimed { generation: row, unresolved: 1, question });
    machine.next(read)
}

/// A standby brought back the lease of somebody who had gone before the answer was given, and the answer was taken for an
/// older one: its token was lost. Found by the simulation.
#[test]
fn rf_9_a_lease_of_before_an_answer_does_not_speak_against_it() {
    let whole = Step::Commit { is_in_doubt: false };
    assert_eq!([0, 1, 2].map(|question| brought(7, question)), [whole; 3]);
    assert_eq!(brought(7, 3), Step::Yield { has_asked: false });
    // Of a generation that the row had left behind.
    assert_eq!(brought(6, 3), whole);
}
