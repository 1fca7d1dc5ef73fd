//! Whole nodes in one thread, in a time that is not the machine's: a run of minutes takes milliseconds, and a seed
//! says all that happens in it.
//!
//! ```text
//! jobs ─▶ node: Standin, clock, journal ─ wire ─▶ rows in memory (one database)
//!                     └──────────────────── wire ─▶ provider: one family of tokens per grant, which is the judge
//! ```
//!
//! What runs is the service's own code, refreshes and upkeep; what is played is the world. Time passes on the wires
//! and on the disk of the journal only, so those are the places where a node dies, sleeps or is cut off: it hangs
//! there, for ever or for a while, and what it had in memory is never seen again. When all is well again each vault
//! must hold what its provider takes, or the grant says that a rotation was lost.

mod chaos;
mod node;
mod provider;
mod world;

use std::time::Duration;

use self::chaos::Plan;
use self::provider::Rules;
use self::world::Verdict;
use super::RefreshFailure;
use crate::Revoked;
use crate::vault::ReauthReason;

/// Longer than a lease and its takeover.
const GRACE: Duration = Duration::from_mins(1);
const WITH_GRACE: Rules = Rules { grace: GRACE };
const WITHOUT: Rules = Rules { grace: Duration::ZERO };

/// So many seeds for each plan, unless `cargo xtask soak` says another number in the environment.
const SEEDS: u64 = 40;

/// Plays a plan with many seeds. What each came to; whatever breaks an invariant names its seed.
fn play(plan: &Plan, rules: Rules) -> Vec<Verdict> {
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a test goes on is not the service's matter"
    )]
    let seeds = std::env::var("STANDIN_SEEDS").map_or(SEEDS, |seeds| seeds.parse().unwrap());
    (0..seeds).map(|seed| run(seed, plan, rules)).collect()
}

/// Where time passes when nothing else is to be done.
fn in_its_own_time<T>(world: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(world)
}

fn run(seed: u64, plan: &Plan, rules: Rules) -> Verdict {
    let verdict = in_its_own_time(world::run(seed, plan, rules));
    let Verdict { wrong, unsaid, story, .. } = &verdict;
    assert!(
        wrong.is_empty() && (*unsaid == 0 || plan.sleeps()),
        "seed {seed} of {plan:?}, {rules:?}: {wrong:#?}, {unsaid} without the right word\n{}",
        story.join("\n")
    );
    verdict
}

/// How many losses there were, all of which were said to be such.
fn lost(verdicts: &[Verdict]) -> usize {
    verdicts.iter().map(|verdict| verdict.lost).sum()
}

fn nothing_is_lost(verdicts: &[Verdict]) {
    for (seed, verdict) in verdicts.iter().enumerate() {
        assert_eq!(verdict.lost, 0, "seed {seed}\n{}", verdict.story.join("\n"));
    }
}

#[test]
fn rf_1_three_nodes_ask_once_each_time() {
    for verdict in play(&Plan::CALM, WITHOUT) {
        assert_eq!((verdict.lost, verdict.spent_again, verdict.refused), (0, 0, 0), "{verdict:?}");
        assert_eq!(verdict.given, verdict.stored, "{verdict:?}");
        assert!(verdict.given > 0, "{verdict:?}");
    }
}

#[test]
fn rf_9_nodes_that_die_or_are_cut_off_lose_nothing_within_a_grace() {
    let verdicts = play(&Plan::DEATHS, WITH_GRACE);
    nothing_is_lost(&verdicts);
}

#[test]
fn rf_9_without_a_grace_whatever_is_lost_says_so() {
    let verdicts = play(&Plan::DEATHS, WITHOUT);
    // A simulation in which nothing happens would prove nothing.
    assert!(lost(&verdicts) > 0);
}

/// Who sleeps between a look at the lease and the question is one that no client can tell from one who has gone: a
/// grant may die of it, and give another reason.
#[test]
fn rf_2_who_sleeps_through_a_lease_leaves_nothing_torn() {
    play(&Plan::SLEEPS, WITH_GRACE);
    play(&Plan::SLEEPS, WITHOUT);
}

/// Fault D16: leases go by the clock of the database.
#[test]
fn rf_2_clocks_that_are_wrong_by_an_hour_lose_nothing_within_a_grace() {
    let verdicts = play(&Plan::CLOCKS, WITH_GRACE);
    nothing_is_lost(&verdicts);
}

#[test]
fn the_same_seed_is_the_same_run() {
    let twice = || run(7, &Plan::DEATHS, WITHOUT);
    assert_eq!(twice(), twice());
}

/// It was looked through in whole before anybody looked after leases: who came back after a busy quarter of an hour
/// was late for the grace.
#[test]
fn rf_9_a_long_journal_does_not_keep_the_sweeper() {
    assert!(in_its_own_time(world::follows_with_a_journal_of(2_000)));
}

/// What its row has, or has gone past, what was taken back and what nobody has any more waited in the journal for a day,
/// and an alarm with it.
#[test]
fn rf_9_an_answer_that_needs_no_row_does_not_wait_for_one() {
    assert_eq!(in_its_own_time(world::waits_for_what_is_done()), (3, 0));
}

/// They waited until they gave up, and were told to come back in a second.
#[test]
fn st_5_whoever_cannot_wait_for_the_end_of_a_hold_off_is_told_at_once_when_it_is() {
    let (told, took) = in_its_own_time(world::asks_after_a_failover(Duration::from_secs(1)));
    let Err(RefreshFailure::Later { retry_after }) = told else { panic!("{told:?}") };
    assert!((20..=21).contains(&retry_after.as_secs()), "{retry_after:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");

    let (told, took) = in_its_own_time(world::asks_after_a_failover(Duration::from_secs(10)));
    assert_eq!(told, Ok(()));
    assert!((11..=13).contains(&took.as_secs()), "{took:?}");
}

/// Whoever found something wrong before the question gave the lease back, and with it what others had left in it: the
/// grant went on with a token that was spent.
#[test]
fn rf_9_a_record_stays_while_its_row_does_not_open() {
    assert!(in_its_own_time(world::keeps_the_record_of_a_row_that_does_not_open()));
}

/// A commit of which nobody knows whether it was kept ended the refresh: whoever waited was told that there is no token,
/// and if it was not kept, the journal brought the answer at the next replay only.
#[test]
fn rf_9_a_commit_that_may_have_been_kept_is_looked_at_and_tried_again() {
    assert!(in_its_own_time(world::answers_without_an_answer_to("commit")));
}

/// It asked for another one with a token that was spent: before the journal was looked at, a job had come and the lease of
/// before had run out.
#[test]
fn rf_9_what_the_journal_keeps_comes_before_another_question() {
    assert!(in_its_own_time(world::brings_what_it_kept_before_it_asks()));
}

/// A backup was restored, and counted anew: what the user gave then had a lower generation than an answer of before, which
/// was written over it when its node came back. The tokens of before stood in the row, and what they open.
#[test]
fn rf_9_what_the_journal_keeps_from_before_a_consent_is_not_written_over_it() {
    assert_eq!(in_its_own_time(world::consents_anew_after_a_restore()), (true, 0));
}

/// It joined whatever flight was in the air, and if that found a token that lives, the answer never came to its row: the
/// journal forgets it some minutes later.
#[test]
fn rf_9_what_the_journal_keeps_comes_to_its_row_after_a_flight_that_was_in_the_air() {
    assert!(in_its_own_time(world::brings_what_it_kept_after_another_flight()));
}

/// The database did not answer one look while the journal was looked through: the answer that it was for waited until the
/// next restart, and the next to ask spent what it was the answer to.
#[test]
fn rf_9_what_the_journal_keeps_is_brought_again_where_the_database_was_away_for_it() {
    assert!(in_its_own_time(world::brings_what_it_kept_after_a_lost_look()));
}

/// It was taken for the part that was asked for, since nothing said what it opens, and handed to whoever may have no more
/// than that.
#[test]
fn tv_6_a_whole_token_that_the_journal_keeps_is_not_handed_out_as_a_part_of_it() {
    let part = in_its_own_time(world::asks_for_a_part_of_what_it_kept_whole());
    assert_eq!(part.as_deref(), Some("access-family0.2"));
}

/// A provider was asked although what came could not be sealed: a tenant's new key had become the active one, and this node
/// could not have it. The token that the answer brought was nowhere.
#[test]
fn rf_9_nobody_asks_who_cannot_seal_what_comes() {
    let asked = in_its_own_time(world::keys::asks_while_a_new_key_is_away());
    assert_eq!(asked, [(1, true), (1, true), (2, true)]);
}

/// The one place that has it is the hand of whoever asked, for as long as it takes. It was sealed with the retired key and
/// brought sixty times a second, until two thousand steps were over.
#[test]
fn rf_9_an_answer_in_hand_waits_for_its_key_and_for_its_database() {
    let given = in_its_own_time(world::keys::answers_while_a_key_is_replaced());
    assert_eq!(given, ([(1, false), (1, true)], 2));
    let away = Duration::from_mins(55);
    let given = in_its_own_time(world::returns::brings_an_answer_to_who_was_away(away));
    assert_eq!(given, (1, true));
}

/// The clock of its node was ahead when the user gave the tokens in the row: what was answered to the very token that stands
/// there was taken for one of before, with the right time, and dropped.
#[test]
fn rf_9_an_answer_to_the_token_in_its_row_is_brought_whatever_the_clock_said() {
    assert!(in_its_own_time(world::returns::brings_an_answer_to_a_row_from_the_future(true)));
    assert!(in_its_own_time(world::returns::brings_an_answer_to_a_row_from_the_future(false)));
}

/// It was a spare when its node came back, since somebody had taken the lease after it, who never asked. When that was found
/// out by others the grant was dead, and the only token that lived waited for the next restart.
#[test]
fn rf_9_what_waits_in_the_journal_is_brought_while_nothing_else_happens() {
    assert!(in_its_own_time(world::returns::brings_a_spare_to_a_grant_that_has_died()));
}

/// A provider that was to be left alone for half a minute was asked by every node within two seconds, each with the same
/// token.
#[test]
fn d2_a_provider_that_wants_to_be_left_alone_is_by_all_nodes() {
    let asked = in_its_own_time(world::returns::asks_who_wants_to_be_left_alone(WITHOUT));
    assert_eq!(asked, (1, 2));
}

/// It waited fifteen seconds for the lease, and was told to come back after another one.
#[test]
fn d2_whoever_would_wait_for_a_provider_that_wants_to_be_left_alone_is_told_at_once() {
    let waited = in_its_own_time(world::returns::waits_for_who_wants_to_be_left_alone());
    assert!(waited < Duration::from_secs(1), "{waited:?}");
}

/// What the question may have brought would have been gone with the grace: it is found out in good time.
#[test]
fn d2_a_provider_that_wants_to_be_left_alone_is_until_a_quarter_of_its_grace_is_over() {
    let asked = in_its_own_time(world::returns::asks_who_wants_to_be_left_alone(WITH_GRACE));
    assert_eq!(asked, (2, 2));
}

/// Keys that could not be read were taken for a key that is gone: the token was wiped, and lived on at its provider.
#[test]
fn vc_11_what_cannot_be_opened_just_now_is_not_wiped() {
    let came = in_its_own_time(world::keys::takes_back_what_an_unknown_key_has_sealed());
    assert!(matches!(came, [None, None, Some(came)] if came < Revoked::Untold), "{came:?}");
    let came = in_its_own_time(world::keys::takes_back_what_is_under_a_key_that_is_away());
    assert!(matches!(came, [None, Some(came)] if came < Revoked::Untold), "{came:?}");
}

/// So many as are looked at in one go would keep all others from being looked at.
#[test]
fn rf_9_a_lease_whose_answer_does_not_open_now_goes_to_the_end_of_the_queue() {
    assert!(!in_its_own_time(world::keys::keeps_its_place_whose_answer_does_not_open()));
}

#[test]
fn rf_5_what_a_provider_says_in_an_incident_kills_no_grant() {
    let verdicts = play(&Plan::INCIDENTS, WITHOUT);
    nothing_is_lost(&verdicts);
    assert!(verdicts.iter().any(|verdict| verdict.refused > 0), "there was no incident");
}

#[test]
fn rf_5_a_provider_that_means_it_is_asked_five_times_more() {
    let asked = in_its_own_time(world::asks_again_about_a_grant_that_was_taken_back());
    assert_eq!(asked, (6, Some(ReauthReason::Revoked)));
}

/// The journals have what the standby has not received, and for the time of a lease nobody spends what the rows say. A
/// lease of before that the standby brings back speaks against no answer that was given since.
#[test]
fn rf_9_a_failover_to_a_standby_that_lags_loses_nothing_while_the_nodes_live() {
    nothing_is_lost(&play(&Plan::FAILOVERS, WITH_GRACE));
    let verdicts = play(&Plan::FAILOVERS, WITHOUT);
    nothing_is_lost(&verdicts);
    let mut stories = verdicts.iter().flat_map(|verdict| &verdict.story);
    assert!(stories.any(|line| line.ends_with(world::BEHIND)), "nobody was behind");
}

#[test]
fn rf_9_what_failovers_and_deaths_lose_together_says_so() {
    play(&Plan::FAILOVERS_AND_DEATHS, WITH_GRACE);
    let verdicts = play(&Plan::FAILOVERS_AND_DEATHS, WITHOUT);
    assert!(lost(&verdicts) > 0);
}

/// A record that is torn is one that was never written: the provider is asked again.
#[test]
fn rf_9_a_journal_that_loses_its_last_record_loses_nothing_within_a_grace() {
    let verdicts = play(&Plan::POWER_FAILURES, WITH_GRACE);
    nothing_is_lost(&verdicts);
    play(&Plan::POWER_FAILURES, WITHOUT);
}
