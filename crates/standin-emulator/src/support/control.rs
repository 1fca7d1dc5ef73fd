//! What Google has not: the control API.

use super::source::OURS;
use super::{Row, yes};

pub(super) const ROWS: [Row; 14] = [
    yes("A page that shows what there is, and its parts")
        .at(&[
            "GET /_emulator",
            "GET /_emulator/",
            "GET /_emulator/page.js",
            "GET /_emulator/page.css",
            "GET /_emulator/state",
        ])
        .from(&[OURS])
        .by(&["it::control::the_page_shows_what_there_is_and_no_secret"]),
    yes("Liveness")
        .at(&["GET /_emulator/health"])
        .from(&[OURS])
        .by(&["it::control::foreign_hosts_and_foreign_pages_are_refused"]),
    yes("Back to the seed")
        .at(&["POST /_emulator/reset"])
        .from(&[OURS])
        .by(&["it::control::reset_goes_back_to_the_seed_and_keeps_the_keys"]),
    yes("The ledger: what happened, in order, to be read or waited for")
        .at(&["GET /_emulator/ledger"])
        .from(&[OURS])
        .by(&[
            "it::control::the_ledger_tells_a_sign_in_in_order_and_only_in_hashes",
            "it::control::the_ledger_can_be_filtered_and_waited_for",
        ]),
    yes("Users, and what they do behind an application's back")
        .at(&[
            "GET /_emulator/users",
            "PUT /_emulator/users",
            "DELETE /_emulator/users/{user}",
            "POST /_emulator/users/{user}/revoke",
            "POST /_emulator/users/{user}/reauth",
        ])
        .from(&[OURS])
        .by(&[
            "it::control::users_and_clients_change_at_run_time_and_keep_what_is_not_named",
            "it::control::a_user_who_revokes_ends_every_grant",
            "it::refresh::a_deleted_account_is_named_and_can_be_restored",
            "it::refresh::an_ended_session_refuses_every_refresh_until_the_next_sign_in",
        ]),
    yes("Clients, and the console's file of one")
        .at(&[
            "GET /_emulator/clients",
            "PUT /_emulator/clients",
            "GET /_emulator/clients/{client}/file",
        ])
        .from(&[OURS])
        .by(&[
            "it::control::users_and_clients_change_at_run_time_and_keep_what_is_not_named",
            "it::control::a_clients_file_points_googles_libraries_here",
        ]),
    yes("Projects: testing, internal, verified")
        .at(&["GET /_emulator/projects", "PUT /_emulator/projects"])
        .from(&[OURS])
        .by(&["it::control::a_project_in_testing_gives_refresh_tokens_that_end_after_seven_days"]),
    yes("Service accounts and their key files")
        .at(&["GET /_emulator/service-accounts", "PUT /_emulator/service-accounts"])
        .from(&[OURS])
        .by(&[
            "it::service_accounts::a_key_file_has_googles_members_and_leads_to_this_emulator",
            "it::service_accounts::a_seeded_accounts_key_outlives_a_reset",
        ]),
    yes("Tenants: worlds under `/t/{name}` that share a process and nothing else")
        .at(&["GET /_emulator/tenants", "DELETE /_emulator/tenants/{tenant}"])
        .from(&[OURS])
        .by(&[
            "it::control::tenants_share_a_process_and_nothing_else",
            "it::control::a_tenants_sign_in_stays_under_its_prefix",
        ]),
    yes("The autopilot")
        .at(&[
            "GET /_emulator/autopilot",
            "PUT /_emulator/autopilot",
            "DELETE /_emulator/autopilot",
        ])
        .from(&[OURS])
        .by(&["it::pages::the_autopilot_answers_every_page"]),
    yes("The clock")
        .at(&["GET /_emulator/clock", "POST /_emulator/clock"])
        .from(&[OURS])
        .by(&["it::control::the_clock_can_be_moved_from_outside_and_inside"]),
    yes("Faults: what goes wrong next")
        .at(&[
            "GET /_emulator/faults",
            "POST /_emulator/faults",
            "DELETE /_emulator/faults",
            "POST /_emulator/faults/release",
        ])
        .from(&[OURS])
        .by(&[
            "it::faults::a_status_is_answered_without_doing_anything",
            "it::faults::what_was_queued_can_be_taken_back",
            "it::faults::a_held_request_waits_until_somebody_lets_go",
            "it::control::what_was_ordered_and_never_happened_is_told_at_the_end",
        ]),
    yes("An end of session, for clients of providers that have one (RP-Initiated Logout): discovery names \
         it with profile `end_session`, and Google's never does")
        .at(&["GET /_emulator/end-session"])
        .from(&[OURS])
        .by(&["it::discovery::an_end_of_session_is_there_only_if_told_to"]),
    yes("Keys and the profile")
        .at(&[
            "POST /_emulator/keys/publish",
            "POST /_emulator/keys/rotate",
            "GET /_emulator/profile",
            "PUT /_emulator/profile",
        ])
        .from(&[OURS])
        .by(&[
            "it::discovery::a_key_can_be_shown_before_it_signs",
            "it::discovery::a_rotation_changes_the_key_that_signs_and_two_drop_the_old_one",
        ]),
];
