//! The token endpoint: codes, refresh tokens, assertions.

use super::source::{NATIVE, OAUTH, OURS, RFC6749, RFC7523, RFC7636, SEEN, SERVICE, WEB};
use super::{Row, not, partly, yes};

pub(super) const ROWS: [Row; 25] = [
    yes("`authorization_code`: Google's members in Google's order, 3599 seconds, scopes as URLs")
        .at(&[
            "POST /token",
            "POST /o/oauth2/token",
            "POST /oauth2/v3/token",
            "POST /oauth2/v4/token",
        ])
        .from(&[WEB, SEEN])
        .by(&[
            "it::token::a_code_gives_googles_answer_in_googles_order",
            "interop:node/google.test.mjs a code is exchanged with PKCE, and the answer has Google's members",
            "interop:python/test_google_unmodified.py calendar and userinfo",
        ]),
    yes("A form, or JSON with camelCase keys").from(&[SEEN]).by(&[
        "it::token::a_json_body_with_camel_case_keys_is_understood",
    ]),
    yes("Client secret in the body or by HTTP Basic; none for Android and iOS")
        .from(&[NATIVE, RFC6749])
        .by(&[
            "it::token::basic_authentication_works_and_an_empty_header_does_not",
            "it::token_clients::only_mobile_apps_may_leave_the_secret_out",
            "interop:node/openid.test.mjs the client may authenticate with HTTP Basic",
        ]),
    yes("The table of errors, word by word").from(&[SEEN]).by(&[
        "it::token::the_error_table_is_googles",
        "it::token::a_missing_refresh_token_is_named",
        "interop:node/google.test.mjs a code that nobody gave and a wrong secret have Google's words",
    ]),
    yes("A wrong secret in the words of 2025 or 2024: profile `secret_error_text`")
        .from(&[SEEN])
        .by(&["it::token_clients::a_wrong_secret_is_named_in_the_words_of_its_year"]),
    yes("Deleted and disabled clients")
        .from(&[WEB])
        .by(&["it::token_clients::a_client_that_was_deleted_or_disabled_gets_nothing"]),
    yes("A code works once, for ten minutes, for its client, with its redirect URI")
        .from(&[RFC6749, SEEN])
        .by(&[
            "it::token::the_second_use_of_a_code_fails_and_revokes_what_the_first_gave",
            "it::token::a_code_lives_ten_minutes",
            "it::token::a_code_of_another_client_is_refused_and_survives",
            "it::token::another_redirect_uri_is_a_mismatch_and_burns_the_code",
        ]),
    partly(
        "What a second use of a code revokes",
        "the tokens of the first use, as RFC 6749 advises: Google does not say \
         (profile `code_reuse_revokes`)",
    )
    .from(&[RFC6749])
    .by(&["it::token::the_second_use_of_a_code_fails_and_revokes_what_the_first_gave"]),
    partly(
        "The order of checks",
        "the client is authenticated before a code is spent; whether Google does so is not known",
    )
    .from(&[OURS])
    .by(&["it::token::a_code_of_another_client_is_refused_and_survives"]),
    yes("PKCE: a challenge demands its verifier, and a verifier a challenge")
        .from(&[NATIVE, RFC7636])
        .by(&[
            "it::token::pkce_is_enforced_both_ways",
            "interop:node/google.test.mjs a verifier that is not the challenge's is refused",
        ]),
    yes("`postmessage` for codes of a popup")
        .from(&[SEEN])
        .by(&["it::authorize::a_popup_gets_its_code_as_a_message_for_one_origin", "e2e:20-gis-code"]),
    yes("A refresh token only for `offline` and after a consent in this round; always when installed")
        .from(&[WEB, NATIVE])
        .by(&[
            "it::token::a_refresh_token_needs_offline_access_and_a_consent_in_this_round",
            "it::token_clients::an_installed_application_always_gets_a_refresh_token",
        ]),
    yes("`refresh_token`: the same scopes or fewer, a fresh ID token, no new refresh token")
        .from(&[WEB])
        .by(&[
            "it::token::a_refresh_gives_a_token_of_the_same_scopes_or_fewer",
            "it::refresh::a_refreshed_id_token_is_fresh_and_fits_the_new_access_token",
            "interop:python/test_google.py a refresh renews the access token and keeps the refresh token",
        ]),
    yes("100 refresh tokens per user and client; one more kills the oldest without a word \
         (profile `refresh_token_limit`)")
    .from(&[OAUTH])
    .by(&["it::token::the_hundred_and_first_refresh_token_kills_the_first_silently"]),
    yes("Seven days in testing, with `refresh_token_expires_in` (`PUT projects`, or profile \
         `testing_status`)")
    .from(&[OAUTH, SEEN])
    .by(&[
        "it::token::an_app_in_testing_loses_its_refresh_tokens_after_seven_days",
        "it::control::a_project_in_testing_gives_refresh_tokens_that_end_after_seven_days",
    ]),
    yes("Six months without use").from(&[OAUTH]).by(&[
        "it::refresh::six_months_without_use_end_a_refresh_token_and_use_prolongs_it",
    ]),
    yes("The end of a Workspace session: `invalid_rapt`, `rapt_required`").from(&[OAUTH, SEEN]).by(&[
        "it::refresh::an_ended_session_refuses_every_refresh_until_the_next_sign_in",
        "it::refresh::the_other_form_of_an_ended_session_has_no_description",
    ]),
    yes("An organization that forbids later what it once allowed, an account that was deleted")
        .from(&[OAUTH])
        .by(&["it::refresh::an_organization_can_stop_what_it_once_allowed",
            "it::refresh::a_deleted_account_is_named_and_can_be_restored"]),
    yes("Incremental authorization: a newer token has the union, an older one does not grow")
        .from(&[WEB])
        .by(&["it::refresh::a_token_of_a_combined_authorization_keeps_its_scopes_and_an_older_one_does_not_grow"]),
    yes("A rotated refresh token, as others do it: profile `rotate_refresh_tokens`")
        .from(&[OURS])
        .by(&["it::refresh::a_provider_that_rotates_gives_a_new_refresh_token_each_time"]),
    yes("The old one going on for a while, as others do it: profile `rotation_grace_seconds`")
        .from(&[OURS])
        .by(&["it::refresh::a_rotated_refresh_token_goes_on_for_its_grace"]),
    yes("`jwt-bearer` for service accounts, with its checks in Google's order").from(&[
        SERVICE, RFC7523, SEEN,
    ]).by(&[
        "it::service_accounts::a_good_assertion_gives_an_access_token_and_no_more",
        "it::service_accounts::the_table_of_assertions_is_googles",
        "it::service_accounts::what_is_no_jws_is_a_bad_request",
        "it::service_accounts::an_unknown_scope_is_taken_for_an_audience",
    ]),
    yes("Domain-wide delegation").from(&[SERVICE]).by(&[
        "it::service_accounts::a_domain_lets_a_service_account_act_for_its_users",
    ]),
    yes("Time-based access: `refresh_token_expires_in`, and an end (profile `access_seconds`)")
        .from(&[WEB])
        .by(&["it::token::access_that_was_given_for_a_time_says_so_and_ends"]),
    not(
        "Token exchange (workforce and workload identity), password and client credentials grants",
        "another service of Google's, or never there: `unsupported_grant_type`",
    )
    .at(&["POST /v1/token", "POST /v1/oauthtoken"])
    .from(&[RFC6749])
    .by(&["it::token::the_error_table_is_googles"]),
];
