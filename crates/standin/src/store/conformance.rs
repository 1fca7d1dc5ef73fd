//! The laws of a store, for whoever implements one.
//!
//! Each law is an async function named by the sentence it holds a store to. It takes a fresh store and
//! panics if the store breaks the law. [`store_laws!`](crate::store_laws) makes a test of each:
//!
//! ```text
//! standin::store_laws!(MyStore::fresh().await);
//! ```
#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "these are tests that other crates run: to panic is how a law says that it is broken"
)]

pub mod accounts;
pub mod admission;
pub mod attempts;
pub mod census;
pub mod clients;
pub mod cluster;
pub mod data_keys;
pub mod failed_requests;
pub mod grants;
pub mod housekeeping;
pub mod journal;
pub mod receipts;
pub mod refreshes;
pub mod revocations;
pub mod samples;
pub mod scope_ledger;
pub mod sessions;
pub mod sign_in;
pub mod signals;
pub mod spent;
pub mod users;

use std::future::Future;

use tokio::runtime::Handle;

/// Makes a `#[tokio::test]` of every law of a store.
///
/// Where it needs what a machine may lack, `ignore = "a reason";` before the expression leaves the tests to
/// whoever runs ignored ones. The expression is evaluated once per law, in an async context, and gives something that dereferences to
/// a fresh store: a `Box`, or a fixture that keeps a directory alive beside it. The crate that calls it
/// needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! store_laws {
    (ignore = $why:literal; $store:expr) => {
        $crate::store_laws! { @all [#[ignore = $why]] $store }
    };
    (@all $attributes:tt $store:expr) => {
        $crate::store_laws! { @tests $attributes $store;
            accounts {
                a_bound_sign_in_adds_to_its_user_and_leaves_their_profile,
                a_bound_sign_in_makes_nobody_and_takes_from_nobody,
                an_account_keeps_the_address_that_was_said_last,
                an_identity_is_found_whole_or_not_at_all,
                people_are_found_by_any_of_their_addresses,
                the_last_identity_stays_however_many_are_taken_at_once,
                unlinking_takes_an_identity_with_its_grant_and_its_sessions_alone,
                what_is_not_taken_back_is_not_unlinked,
            }
            admission {
                known_people_sign_in_where_nobody_new_may,
                of_fifty_first_sign_ins_at_once_one_is_the_first_user,
                the_first_user_is_whoever_was_made_while_there_was_nobody_else,
                where_only_the_first_user_may_nobody_else_does,
                whoever_is_not_admitted_leaves_nothing_behind,
            }
            attempts {
                an_attempt_is_consumed_exactly_once_by_fifty_parallel_callers,
                an_attempt_is_pending_until_it_is_finished,
                an_attempt_that_never_came_back_has_no_outcome,
            }
            census {
                a_census_counts_what_there_is,
                a_census_of_nothing_is_all_zeros,
            }
            clients {
                a_client_is_found_by_the_hash_of_its_key_and_comes_back_whole,
                a_revoked_client_is_not_found,
                clients_with_a_taken_id_or_key_conflict,
            }
            cluster {
                a_client_that_is_revoked_is_outdated,
                a_data_key_that_is_removed_outdates_everything,
                a_grant_that_is_replaced_is_outdated,
                a_grant_that_is_withdrawn_is_outdated,
                a_look_goes_back_further_than_any_statement_takes,
                every_change_is_news_once,
                a_new_identity_outdates_its_subject,
                a_node_is_behind_until_it_has_heard_the_roll_call,
                a_refresh_outdates_a_grant_only_if_it_says_so_or_the_grant_is_dead,
                a_sign_in_that_changes_a_grant_outdates_its_user,
                a_sign_in_that_changes_nothing_outdates_nothing,
                a_user_who_is_deleted_or_unlinked_is_outdated,
                epochs_grow_and_are_told_whole,
            }
            data_keys {
                a_data_key_is_replaced_only_over_the_version_before_it,
                a_data_key_whose_id_is_taken_conflicts_and_changes_nothing,
                a_revocation_is_rewrapped_where_it_still_waits,
                a_rewrap_loses_against_whoever_wrote_first,
                data_keys_come_back_whole_in_the_order_of_their_ids,
                grants_to_rewrap_are_those_with_any_other_key,
                nothing_is_written_that_a_retired_data_key_has_sealed,
                what_a_retired_key_sealed_before_stays_while_the_rest_changes,
                the_use_of_data_keys_is_counted_from_the_rows,
            }
            failed_requests {
                a_window_of_failed_requests_ends_at_its_time,
                failed_requests_of_fifty_parallel_callers_are_all_counted,
                pruning_forgets_failed_requests_whose_window_is_over,
            }
            grants {
                a_grant_comes_back_with_every_field_as_it_was_written,
                a_grant_is_replaced_only_over_the_version_before_it,
                a_replaced_grant_brings_its_event_and_a_conflict_brings_none,
                each_grant_keeps_its_own_terms,
                fifty_parallel_writers_over_one_version_leave_one_winner,
                grants_are_paged_oldest_first,
                the_grant_at_a_provider_is_the_first_that_was_not_taken_back,
                whose_grant_it_is_never_changes,
            }
            housekeeping {
                a_store_answers_a_ping,
                pruning_forgets_only_attempts_and_sessions_whose_time_is_over,
            }
            journal {
                events_come_back_whole_and_in_order_after_a_number_up_to_a_limit,
                events_of_many_writers_get_growing_numbers,
            }
            receipts {
                a_receipt_comes_back_whole,
                a_receipt_goes_with_its_user,
                a_replay_never_covers_what_happened,
                pruning_receipts_leaves_other_kinds_alone,
                receipts_are_found_newest_first_by_how_they_ended_where_and_whose_they_are,
                receipts_are_pruned_at_their_time_and_beyond_their_number,
                the_receipt_of_a_sign_in_names_its_user,
            }
            refreshes {
                a_commit_ends_the_lease_it_was_made_under,
                a_commit_in_doubt_leaves_a_record,
                grants_are_due_at_their_time,
                a_commit_over_another_version_writes_nothing,
                a_lease_is_claimed_by_one_of_fifty_parallel_callers,
                a_lease_that_is_released_is_gone,
                a_later_question_has_a_higher_number,
                a_lease_that_was_yielded_is_taken_and_counted,
                a_lease_that_was_yielded_for_a_while_is_nobodys_until_then,
                a_record_of_a_later_generation_stays,
                an_attempt_claims_its_own_lease_again,
                who_brought_an_answer_and_is_gone_is_no_attempt_without_one,
                who_has_lost_the_lease_writes_nothing,
                who_only_brings_an_answer_or_did_not_ask_counts_no_question,
            }
            revocations {
                a_postponed_revocation_comes_back_at_its_time_and_counts_its_tries,
                a_revocation_is_due_from_its_time_on_and_gone_when_finished,
                revocations_outlive_their_user_and_come_oldest_first,
            }
            scope_ledger {
                a_conflict_leaves_the_ledger_as_it_was,
                a_ledger_comes_back_whole_in_the_order_of_its_scopes,
                a_ledger_goes_with_its_user,
                a_record_replaces_the_one_of_its_scope,
            }
            sessions {
                a_session_is_found_by_its_hash_and_seen_whole,
                a_session_is_ended_by_its_hash_once,
                a_session_is_ended_by_its_id_only_for_its_user,
                all_sessions_of_a_user_end_and_nobody_elses,
                sessions_of_a_user_come_newest_first,
                touching_a_session_moves_only_when_it_was_last_seen,
            }
            sign_in {
                a_grant_that_was_sealed_for_somebody_else_conflicts,
                a_conflicting_sign_in_changes_nothing_at_all,
                a_first_sign_in_writes_everything_at_once,
                a_new_identity_of_a_known_user_is_added_to_them,
                a_sign_in_that_gives_access_says_so_beside_itself,
                a_sign_in_without_a_grant_leaves_grants_alone,
                a_sign_in_without_a_session_opens_none,
                another_subject_with_the_same_email_is_another_user,
                fifty_parallel_first_sign_ins_make_one_user,
                inserting_a_grant_conflicts_with_the_grant_of_the_same_identity,
                signing_in_again_finds_the_user_and_updates_the_profile,
                the_session_that_is_replaced_ends,
                what_is_untold_stays_as_it_is_stored,
            }
            signals {
                a_signal_is_taken_exactly_once_by_fifty_parallel_callers,
                news_of_a_person_ends_what_is_theirs,
                news_of_a_session_ends_what_came_from_it,
                news_of_a_token_withdraws_the_grant_that_holds_it,
                news_of_somebody_unknown_changes_nothing,
                news_that_is_older_than_a_session_or_a_token_leaves_it_alone,
                the_newest_standing_of_an_account_counts,
            }
            spent {
                a_kind_spends_no_token_of_another,
                a_token_is_spent_exactly_once_by_fifty_parallel_callers,
                a_spent_token_is_remembered_until_its_time_and_pruned_then,
            }
            users {
                a_subject_names_a_user_only_if_issuers_agree,
                deleting_a_user_takes_everything_of_theirs_and_nothing_else,
                deleting_an_unknown_user_is_false,
                users_are_paged_oldest_first,
            }
        }
    };
    (@tests $attributes:tt $store:expr; $($stage:ident { $($law:ident,)+ })+) => {$(
        mod $stage {
            use super::*;
            $($crate::store_laws! { @test $attributes $store; $stage $law })+
        }
    )+};
    (@test [$(#[$attribute:meta])*] $store:expr; $stage:ident $law:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        $(#[$attribute])*
        async fn $law() {
            let store = $store;
            $crate::store::conformance::$stage::$law(&*store).await;
        }
    };
    ($store:expr) => {
        $crate::store_laws! { @all [] $store }
    };
}

/// Runs `count` futures on as many threads and gives what came of them. Needs a multi-threaded runtime,
/// which goes on driving its own work while this thread waits.
pub(crate) fn in_parallel<F: Future>(count: u64, caller: impl Fn(u64) -> F + Sync) -> Vec<F::Output>
where
    F::Output: Send,
{
    let runtime = &Handle::current();
    let caller = &caller;
    std::thread::scope(|scope| {
        let spawn = |index| scope.spawn(move || runtime.block_on(caller(index)));
        let callers: Vec<_> = (0..count).map(spawn).collect();
        let results = callers.into_iter().map(|thread| thread.join().unwrap());
        results.collect()
    })
}

#[cfg(test)]
mod tests {
    /// A law that nobody runs is no law.
    #[test]
    fn every_law_is_in_the_macro() {
        let listed = include_str!("conformance.rs");
        let stages = [
            include_str!("conformance/accounts.rs"),
            include_str!("conformance/admission.rs"),
            include_str!("conformance/attempts.rs"),
            include_str!("conformance/census.rs"),
            include_str!("conformance/clients.rs"),
            include_str!("conformance/cluster.rs"),
            include_str!("conformance/data_keys.rs"),
            include_str!("conformance/failed_requests.rs"),
            include_str!("conformance/grants.rs"),
            include_str!("conformance/housekeeping.rs"),
            include_str!("conformance/journal.rs"),
            include_str!("conformance/receipts.rs"),
            include_str!("conformance/refreshes.rs"),
            include_str!("conformance/revocations.rs"),
            include_str!("conformance/scope_ledger.rs"),
            include_str!("conformance/sessions.rs"),
            include_str!("conformance/sign_in.rs"),
            include_str!("conformance/signals.rs"),
            include_str!("conformance/spent.rs"),
            include_str!("conformance/users.rs"),
        ];
        let laws = stages.iter().flat_map(|stage| stage.split("pub async fn ").skip(1));
        for law in laws.filter_map(|text| text.split_once('(')) {
            assert!(listed.contains(&format!(" {},", law.0)), "{}", law.0);
        }
    }
}
