//! ID tokens.

use super::source::{CORE, OPENID, OURS, SEEN};
use super::{Row, not, yes};

pub(super) const ROWS: [Row; 11] = [
    yes("RS256, `kid` and `typ`; claims in Google's order").from(&[OPENID, SEEN]).by(&[
        "it::token::a_code_gives_googles_answer_in_googles_order",
        "interop:node/google.test.mjs an ID token verifies by the published certificates, for its audience and its issuer only",
        "interop:python/test_google.py an id token verifies against both forms of the keys for its audience only",
    ]),
    yes("`email`, `email_verified`, `name`, `picture` and the rest as the scopes allow")
        .from(&[OPENID])
        .by(&["it::token::claims_follow_the_scopes"]),
    yes("`openid` comes along with `email` or `profile`, and with it an ID token")
        .from(&[SEEN])
        .by(&["it::token::claims_follow_the_scopes"]),
    yes("`sub`: decimal digits, the same for every client").from(&[OPENID]).by(&[
        "it::token::a_user_has_one_subject_whatever_the_project",
    ]),
    yes("`hd` of Workspace accounts, and of nobody else").from(&[OPENID]).by(&[
        "it::token::a_workspace_account_shows_its_domain",
        "it::authorize_answers::a_workspace_account_shows_its_domain_and_nobody_else_does",
    ]),
    yes("`at_hash`, `c_hash`, `nonce`").from(&[OPENID, CORE]).by(&[
        "it::authorize_answers::the_front_channels_id_token_is_bound_to_what_comes_with_it",
        "it::refresh::a_refreshed_id_token_is_fresh_and_fits_the_new_access_token",
    ]),
    yes("`iss` with and without `https://`: profile `id_token_iss_form`")
        .from(&[OPENID])
        .by(&["it::authorize_answers::the_issuer_is_spelt_by_endpoint_and_as_the_profile_says"]),
    yes("No address and no name in ID tokens, as others do it: profile `terse_id_tokens`")
        .from(&[OURS])
        .by(&["it::userinfo::a_provider_may_tell_names_at_userinfo_only"]),
    yes("`auth_time` where the project may ask for it; `openid_id`")
        .from(&[OPENID])
        .by(&["it::authorize::the_id_token_says_more_only_if_it_is_asked_to"]),
    yes("ID tokens that a client must refuse: every claim, every signature")
        .from(&[OURS])
        .by(&[
            "it::faults::id_tokens_can_be_wrong_in_every_claim",
            "it::faults::id_tokens_can_be_signed_wrongly",
            "it::faults::the_front_channels_id_token_can_be_wrong_too",
        ]),
    not(
        "`locale`, `profile` and the other claims of earlier years",
        "Google has stopped sending them",
    )
    .from(&[OPENID])
    .by(&["it::token::a_code_gives_googles_answer_in_googles_order"]),
];
