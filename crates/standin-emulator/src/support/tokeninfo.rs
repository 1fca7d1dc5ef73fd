//! What can be done with a token: look at it, ask who it is, take it back.

use super::source::{OPENID, RFC7009, SEEN, WEB};
use super::{Row, partly, yes};

pub(super) const ROWS: [Row; 11] = [
    yes("Tokeninfo v3: strings, from query, form, JSON or header")
        .at(&[
            "GET /tokeninfo",
            "POST /tokeninfo",
            "GET /oauth2/v3/tokeninfo",
            "POST /oauth2/v3/tokeninfo",
        ])
        .from(&[OPENID, SEEN])
        .by(&[
            "it::userinfo::tokeninfo_speaks_in_strings_and_forgets_expired_tokens",
            "it::userinfo::tokeninfo_reads_its_token_from_everywhere",
            "interop:node/google.test.mjs tokeninfo says whose an access token is and what it may",
        ]),
    yes("Tokeninfo of an ID token").from(&[OPENID, SEEN]).by(&[
        "it::userinfo::tokeninfo_repeats_an_id_token_in_its_own_order_and_adds_the_header",
    ]),
    yes("Tokeninfo v1 and v2, under their older names")
        .at(&[
            "GET /oauth2/v1/tokeninfo",
            "POST /oauth2/v1/tokeninfo",
            "GET /oauth2/v2/tokeninfo",
            "POST /oauth2/v2/tokeninfo",
        ])
        .from(&[SEEN])
        .by(&["it::userinfo::tokeninfo_reads_its_token_from_everywhere"]),
    yes("Userinfo v3")
        .at(&[
            "GET /v1/userinfo",
            "POST /v1/userinfo",
            "GET /oauth2/v3/userinfo",
            "POST /oauth2/v3/userinfo",
        ])
        .from(&[OPENID])
        .by(&[
            "it::userinfo::userinfo_says_what_the_scopes_allow_under_each_versions_names",
            "interop:node/openid.test.mjs userinfo is the same user's",
        ]),
    yes("Userinfo v1 and v2")
        .at(&[
            "GET /oauth2/v1/userinfo",
            "POST /oauth2/v1/userinfo",
            "GET /oauth2/v2/userinfo",
            "POST /oauth2/v2/userinfo",
            "GET /userinfo/v2/me",
            "POST /userinfo/v2/me",
        ])
        .from(&[SEEN])
        .by(&[
            "it::userinfo::userinfo_says_what_the_scopes_allow_under_each_versions_names",
            "interop:node/google.test.mjs userinfo says who the user is, by Google's older names too",
        ]),
    yes("A bad token in each version's words")
        .from(&[SEEN])
        .by(&["it::userinfo::a_bad_token_is_refused_in_each_versions_words"]),
    yes("Revocation, token in form or query; once more is an error")
        .at(&["POST /revoke"])
        .from(&[WEB, RFC7009])
        .by(&[
            "it::revoke::the_token_comes_in_a_form_or_in_the_query",
            "it::revoke::any_token_ends_the_projects_whole_grant",
        ]),
    yes("Any token revokes all that the user gave to the project, for all of its clients")
        .from(&[WEB])
        .by(&[
            "it::revoke::any_token_ends_the_projects_whole_grant",
            "it::revoke::another_users_grant_is_left_alone",
            "interop:node/google.test.mjs after a revocation nothing works, neither refresh nor access token",
        ]),
    yes("The older address, by GET too, with `callback`")
        .at(&["GET /o/oauth2/revoke", "POST /o/oauth2/revoke"])
        .from(&[SEEN])
        .by(&[
            "it::revoke::the_old_path_takes_get_and_the_new_one_does_not",
            "it::revoke::the_old_path_calls_a_scripts_function_back",
        ]),
    yes("A user who takes back access on the account's page")
        .from(&[WEB])
        .by(&[
            "it::control::a_user_who_revokes_ends_every_grant",
            "it::control::a_user_can_take_back_what_one_project_has_and_keep_the_others",
            "interop:node/google.test.mjs what the user takes back is gone for the client too",
        ]),
    partly("\"It might take some time before the revocation has full effect\"", "it takes none")
        .from(&[WEB])
        .by(&["it::revoke::any_token_ends_the_projects_whole_grant"]),
];
