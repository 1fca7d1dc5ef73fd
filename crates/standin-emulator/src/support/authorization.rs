//! The authorization endpoint: requests, refusals, answers.

use super::source::{
    CORE, FORM_POST, NATIVE, OAUTH, OOB, OPENID, POLICIES, REFERENCE, RESPONSE_TYPES, RFC6749,
    RFC7636, RFC8252, RFC9207, SCRIPTS, SEEN, WEB,
};
use super::{Row, not, partly, yes};

pub(super) const ROWS: [Row; 24] = [
    yes("Authorization request, by GET or POST, at today's path and the older one")
        .at(&[
            "GET /o/oauth2/v2/auth",
            "POST /o/oauth2/v2/auth",
            "GET /o/oauth2/auth",
            "POST /o/oauth2/auth",
        ])
        .from(&[WEB, OPENID])
        .by(&[
            "it::authorize::a_success_answers_as_google_does",
            "it::authorize::post_is_as_good_as_get_and_the_old_path_still_works",
        ]),
    yes("Refusals in Google's order and words: a redirect to the error page with its `authError`, \
         never to the client")
    .at(&["GET /signin/oauth/error"])
    .from(&[WEB, SEEN])
    .by(&[
        "it::authorize::faulty_requests_end_on_googles_error_page_and_never_at_the_client",
        "it::authorize::the_first_complaint_wins",
        "it::authorize_refusals::the_byte_exact_vectors_travel_in_the_redirect",
        "it::authorize_refusals::the_page_can_be_the_answer_itself",
    ]),
    yes("`response_type` `code`, `token`, `id_token`, each hybrid and `none`, in any order")
        .from(&[SCRIPTS, RESPONSE_TYPES])
        .by(&[
            "it::authorize_answers::each_response_type_answers_with_its_own_members_in_its_own_place",
            "it::authorize_answers::an_implicit_access_token_works_and_cannot_be_renewed",
            "interop:node/openid.test.mjs implicit: an ID token alone, with the nonce that was asked for",
        ]),
    yes("`response_mode` `query`, `fragment`, `form_post`")
        .from(&[REFERENCE, FORM_POST])
        .by(&[
            "it::authorize_answers::the_response_mode_decides_where_the_answer_goes",
            "it::authorize::form_post_answers_with_a_form",
            "interop:node/openid.test.mjs a code may come in a form that posts itself",
        ]),
    yes("`iss` in answers: profile `iss_parameter`")
        .from(&[RFC9207, SEEN])
        .by(&["it::authorize_answers::without_the_iss_parameter_answers_are_as_they_were"]),
    yes("`scope`, `authuser`, `hd`, `prompt` in answers, and `%20` or `+` where Google has which")
        .from(&[SEEN])
        .by(&[
            "it::authorize::a_success_answers_as_google_does",
            "it::authorize_answers::a_space_is_a_plus_in_queries_and_an_escape_in_fragments",
        ]),
    yes("Unknown, deleted and disabled clients")
        .from(&[WEB])
        .by(&["it::authorize_refusals::clients_that_were_switched_off_say_so"]),
    partly(
        "Exact match of `redirect_uri`, and the console's rules for what may be registered",
        "hosts that exist only in tests (`web`, `app.test`, `10.0.0.5`) may be registered as well, and public suffixes are not looked up",
    )
    .from(&[WEB, POLICIES])
    .by(&[
        "it::authorize::faulty_requests_end_on_googles_error_page_and_never_at_the_client",
        "it::authorize_clients::a_bad_registration_names_the_uri_and_the_rule",
        "interop:node/google.test.mjs a redirect URI that nobody registered is never sent to",
    ]),
    yes("JavaScript origins: `origin_mismatch`, or the text of 2022 (profile `origin_error`)")
        .from(&[SCRIPTS])
        .by(&["it::authorize_refusals::an_origin_is_refused_in_the_words_of_its_time"]),
    yes("Installed applications: loopback on any port, custom schemes, offline by themselves")
        .from(&[NATIVE, RFC8252])
        .by(&[
            "it::authorize_clients::each_kind_of_client_is_answered_only_where_it_may_be",
            "it::authorize_clients::an_app_is_answered_under_a_scheme_it_has_registered",
            "interop:python/test_google.py an installed app with a browser and a server of its own",
            "it::authorize_clients::an_installed_application_is_told_less_and_is_always_offline",
        ]),
    yes("`device_id` and `device_name` for addresses of a private network")
        .from(&[SEEN])
        .by(&["it::authorize_clients::a_private_address_needs_a_device"]),
    yes("Out-of-band codes (`urn:ietf:wg:oauth:2.0:oob`) are blocked")
        .from(&[OOB])
        .by(&["it::authorize_clients::each_kind_of_client_is_answered_only_where_it_may_be"]),
    partly(
        "`scope`: an unknown one is refused, with the list of those that are known",
        "the scopes known are those of sign-in, Calendar, Drive, Contacts, Gmail and YouTube",
    )
    .from(&[OAUTH, SEEN])
    .by(&["it::authorize::faulty_requests_end_on_googles_error_page_and_never_at_the_client"]),
    yes("PKCE, `S256` and `plain`; without a method `plain`")
        .from(&[NATIVE, RFC7636])
        .by(&[
            "it::token::pkce_is_enforced_both_ways",
            "it::authorize::a_challenge_without_a_method_is_plain",
        ]),
    yes("`nonce`: required where an ID token comes through the browser")
        .from(&[OPENID, CORE])
        .by(&["it::authorize::faulty_requests_end_on_googles_error_page_and_never_at_the_client"]),
    yes("`prompt` `none`, `consent`, `select_account`; the older `approval_prompt` and `immediate`")
        .from(&[WEB, SEEN])
        .by(&[
            "it::authorize::prompt_none_never_shows_anything",
            "it::authorize_answers::prompt_none_answers_once_everything_was_granted",
            "it::authorize::approval_prompt_force_asks_again",
        ]),
    yes("`login_hint` (address or subject) and `hd` as hints")
        .from(&[OPENID])
        .by(&["it::pages::a_hint_and_select_account_decide_whether_the_chooser_comes"]),
    yes("`claims` as far as Google reads it (`auth_time`), and `openid.realm`")
        .from(&[OPENID])
        .by(&["it::authorize::the_id_token_says_more_only_if_it_is_asked_to"]),
    yes("`session_state` for the older scripts")
        .from(&[SEEN])
        .by(&["it::authorize_answers::the_old_librarys_session_state_stays_the_same_for_one_browser"]),
    yes("Accounts that may not use an application: `org_internal`, `admin_policy_enforced`, \
         `access_not_configured`, not a test user")
    .from(&[WEB])
    .by(&[
        "it::authorize_refusals::accounts_that_may_not_use_the_application_end_on_the_error_page",
        "it::authorize_refusals::accounts_that_may_use_the_application_do",
    ]),
    yes("Browsers inside apps: `disallowed_useragent`")
        .from(&[WEB, POLICIES])
        .by(&["it::authorize_refusals::a_browser_inside_an_app_is_refused"]),
    not("`display`, `hl`, `ui_locales`", "accepted without effect: all pages are in English")
        .ignores(&["display", "hl", "ui_locales"])
        .from(&[OPENID])
        .by(&["it::authorize::accepted_parameters_without_effect_have_none"]),
    not(
        "Request objects (`request`, `request_uri`), `id_token_hint`, `max_age`, `acr_values`",
        "Google's pages know none of them",
    )
    .ignores(&["request", "request_uri", "id_token_hint", "max_age", "acr_values"])
    .from(&[OPENID, CORE]),
    not(
        "A code for each resource (`resource`), pushed requests, rich requests, DPoP, mutual TLS",
        "Google's pages know none of them",
    )
    .ignores(&["resource", "authorization_details", "dpop_jkt"])
    .at(&["POST /par", "POST /as/par"])
    .from(&[RFC6749, OPENID]),
];
