//! Cross-Account Protection.

use super::source::{OURS, RISC, SEEN};
use super::{Row, not, partly, yes};

pub(super) const ROWS: [Row; 9] = [
    yes("The configuration, with Google's peculiar names")
        .at(&["GET /.well-known/risc-configuration"])
        .from(&[RISC, SEEN])
        .by(&["it::risc::the_document_has_googles_peculiar_names"]),
    yes("One stream for each project: where events go, which ones, on or off")
        .at(&[
            "POST /v1beta/stream:update",
            "GET /v1beta/stream",
            "GET /v1beta/v1beta/stream",
            "GET /v1beta/stream/status",
            "POST /v1beta/stream/status:update",
        ])
        .from(&[RISC])
        .by(&["it::risc::a_stream_is_configured_in_googles_words"]),
    yes("Only service accounts of the project, by their own signature or by an access token")
        .from(&[RISC])
        .by(&["it::risc::a_stream_is_for_service_accounts_of_its_project"]),
    yes("Verification events")
        .at(&["POST /v1beta/stream:verify"])
        .from(&[RISC])
        .by(&["it::risc::a_verification_event_carries_the_callers_state"]),
    yes("The events `sessions-revoked`, `tokens-revoked`, `token-revoked`, `account-disabled`, \
         `account-enabled`, `account-credential-change-required`, signed and without `exp`")
    .from(&[RISC])
    .by(&[
        "it::risc::an_event_is_signed_for_the_projects_clients_and_never_expires",
        "it::risc::only_those_hear_of_it_who_asked_and_who_know_the_user",
        "it::risc::a_user_who_takes_access_back_is_told_of_by_a_trace_of_the_token",
    ]),
    yes("Delivery: 202 is enough, a receiver that fails is tried again, one that refuses is not")
        .from(&[RISC])
        .by(&["it::risc::a_receiver_that_fails_is_tried_again_and_one_that_refuses_is_not"]),
    yes("Events when a test wants them, also such as a receiver must refuse")
        .at(&["POST /_emulator/risc/send"])
        .from(&[OURS])
        .by(&["it::risc::an_event_can_be_spoiled_for_receivers_that_must_refuse_it"]),
    partly(
        "Receivers over HTTPS, and `subjects:add`",
        "a receiver on loopback may use HTTP; one over HTTPS is accepted, and nothing is delivered to it; \
         subjects are those who have signed in, and `subjects:add` adds nobody",
    )
    .at(&["POST /v1beta/subjects:add"])
    .from(&[RISC])
    .by(&[
        "it::risc::a_stream_is_configured_in_googles_words",
        "it::risc::a_receiver_over_https_is_accepted_and_never_reached",
    ]),
    not("The newer `ssf-configuration`", "Google answers 404 there")
        .at(&["GET /.well-known/ssf-configuration"])
        .from(&[RISC, SEEN]),
];
