//! The device flow.

use super::source::{DEVICES, SEEN};
use super::{Row, not, yes};

pub(super) const ROWS: [Row; 7] = [
    yes("A code for the device and one for the person: `verification_url`, not `…_uri`")
        .at(&["POST /device/code", "POST /o/oauth2/device/code"])
        .from(&[DEVICES])
        .by(&["it::device::a_code_has_googles_members_and_leads_to_a_page_that_is_there"]),
    yes("Only clients of this kind, and only Google's short list of scopes")
        .from(&[DEVICES])
        .by(&["it::device::who_may_ask_for_a_code_and_for_what"]),
    yes("The pages where a person types the code, chooses an account and answers")
        .at(&["GET /device", "POST /device", "POST /device/account", "POST /device/consent"])
        .from(&[DEVICES])
        .by(&[
            "it::device::a_person_types_the_code_chooses_an_account_and_allows",
            "it::device::a_person_can_say_no_or_tick_nothing",
            "it::device::the_autopilot_answers_at_the_next_poll_and_the_old_grant_type_still_works",
        ]),
    yes("Polls answered with Google's statuses (428, 403), which are not those of RFC 8628")
        .from(&[DEVICES, SEEN])
        .by(&["it::device::a_poll_is_refused_in_googles_statuses"]),
    yes("`org_internal` and `admin_policy_enforced` for devices")
        .from(&[DEVICES])
        .by(&["it::device::an_organization_has_the_last_word"]),
    yes("The quota: `rate_limit_exceeded`, in `error_code`")
        .from(&[DEVICES])
        .by(&["it::device::a_fault_can_say_that_the_quota_is_used_up"]),
    not("`verification_uri_complete`", "Google sends none")
        .from(&[DEVICES])
        .by(&["it::device::a_code_has_googles_members_and_leads_to_a_page_that_is_there"]),
];
