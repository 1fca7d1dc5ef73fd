//! Discovery and keys.

use super::source::{DISCOVERY, OPENID, OURS, REFERENCE, RFC9207, SEEN, SERVICE};
use super::{Row, not, partly, yes};

pub(super) const ROWS: [Row; 13] = [
    yes("Discovery document, with Google's members in Google's order")
        .at(&["GET /.well-known/openid-configuration"])
        .from(&[OPENID, DISCOVERY])
        .by(&[
            "it::discovery::the_document_is_googles_member_by_member",
            "it::discovery::every_url_is_on_the_emulators_own_origin",
            "interop:node/openid-unmodified.test.mjs every endpoint is found where Google has it",
        ]),
    yes("The two members of 2026, `response_modes_supported` and \
         `authorization_response_iss_parameter_supported`: profile `discovery_2026`")
    .from(&[REFERENCE, RFC9207])
    .by(&["it::discovery::the_document_is_googles_member_by_member"]),
    yes("JWK set: RS256, two keys or three, members and keys in no order")
        .at(&["GET /oauth2/v3/certs"])
        .from(&[OPENID, SEEN])
        .by(&[
            "it::discovery::no_two_fetches_need_have_the_same_order",
            "interop:node/openid.test.mjs the signature is checked against the published keys",
        ]),
    yes("The same keys as X.509 certificates")
        .at(&["GET /oauth2/v1/certs"])
        .from(&[OPENID, SEEN])
        .by(&["it::discovery::the_older_map_holds_the_same_keys_in_certificates"]),
    yes("`Cache-Control`, `Expires` and `Age` that shrink as a cache ages")
        .from(&[OPENID])
        .by(&["it::discovery::the_time_to_keep_keys_shrinks_as_the_cache_ages"]),
    yes("Rotation on demand: a key is published before it signs, and stays for a while after")
        .from(&[OPENID])
        .by(&[
            "it::discovery::a_key_can_be_shown_before_it_signs",
            "it::discovery::a_rotation_changes_the_key_that_signs_and_two_drop_the_old_one",
            "interop:node/openid.test.mjs after a rotation of keys the client finds the new one",
        ]),
    partly(
        "Rotation by itself, every eight days at midnight UTC",
        "only with profile `scheduled_keys`: tests want keys that stay",
    )
    .from(&[SEEN])
    .by(&["it::discovery::keys_move_by_googles_schedule_if_told_to"]),
    yes("A single published key, as others do it: profile `lone_key`")
        .from(&[OURS])
        .by(&["it::discovery::a_provider_may_have_a_single_key"]),
    yes("The certificates of a service account's key")
        .at(&["GET /robot/v1/metadata/x509/{service_account}"])
        .from(&[SERVICE])
        .by(&["it::service_accounts::a_key_file_has_googles_members_and_leads_to_this_emulator"]),
    yes("The client file of the cloud console (`client_secret_….json`), read and written")
        .from(&[OPENID, SEEN])
        .by(&["it::control::a_clients_file_points_googles_libraries_here"]),
    yes("Unknown paths and wrong methods: a 404 page, never 405")
        .from(&[SEEN])
        .by(&["it::discovery::unknown_paths_and_wrong_verbs_are_googles_404"]),
    yes("Cross-origin requests where Google allows them")
        .from(&[SEEN])
        .by(&["it::discovery::pages_of_other_origins_may_call_what_google_lets_them_call"]),
    not(
        "End of session, introspection, dynamic registration, check-session frame",
        "Google has none, and a client that expects one should find out here",
    )
    .at(&[
        "GET /o/oauth2/v2/logout",
        "POST /introspect",
        "POST /register",
        "GET /o/oauth2/check_session",
    ])
    .from(&[OPENID]),
];
