//! The pages that a person sees.

use super::source::{GRANULAR, NATIVE, OAUTH, OPENID, OURS, SCRIPTS, SEEN, WEB};
use super::{Row, not, partly, yes};

pub(super) const ROWS: [Row; 15] = [
    yes("Account chooser; one browser keeps its accounts")
        .at(&["GET /v3/signin/accountchooser", "POST /v3/signin/accountchooser"])
        .from(&[OPENID])
        .by(&[
            "it::pages::a_person_chooses_an_account_and_ticks_a_box",
            "it::pages::a_hint_and_select_account_decide_whether_the_chooser_comes",
        ]),
    yes("\"Google hasn't verified this app\", before scopes beyond sign-in")
        .at(&["GET /signin/oauth/warning", "POST /signin/oauth/warning"])
        .from(&[OAUTH, SEEN])
        .by(&["it::pages::the_warning_hides_the_way_on_and_leads_back_to_safety"]),
    yes("Sign-in scopes on a page of their own")
        .at(&["GET /signin/oauth/id", "POST /signin/oauth/id"])
        .from(&[GRANULAR])
        .by(&["it::pages::which_pages_come_depends_on_what_is_asked_and_who_asks"]),
    yes("A box for each scope where there is a choice, none ticked; \"Select all\"")
        .at(&["GET /signin/oauth/consent", "POST /signin/oauth/consent"])
        .from(&[GRANULAR])
        .by(&[
            "it::pages::a_person_chooses_an_account_and_ticks_a_box",
            "it::pages::select_all_grants_everything_and_nothing_ticked_still_signs_in",
            "it::pages::unticking_all_there_is_says_no",
            "e2e:07-unticked",
        ]),
    yes("`enable_granular_consent=false` for clients from before 2019; `enable_serial_consent`")
        .from(&[SCRIPTS])
        .by(&["it::pages::boxes_are_taken_away_only_from_old_clients"]),
    yes("Cancel: `access_denied` at the client")
        .from(&[WEB])
        .by(&[
            "it::pages::cancel_says_no_on_either_page",
            "it::authorize::a_person_who_says_no_sends_back_access_denied",
            "interop:node/google.test.mjs who says no is reported to the application",
        ]),
    yes("No consent for what was granted before, to any client of the project")
        .from(&[OAUTH])
        .by(&[
            "it::token::consent_given_to_one_client_counts_for_the_others_of_its_project",
            "it::pages::which_pages_come_depends_on_what_is_asked_and_who_asks",
        ]),
    yes("`include_granted_scopes`: what the project was granted, not for installed applications")
        .from(&[WEB, NATIVE])
        .by(&[
            "it::token::included_scopes_are_those_of_the_project",
            "it::authorize_clients::included_scopes_are_not_for_installed_applications",
        ]),
    yes("Internal applications, testing with its test users, trust of an administrator")
        .from(&[OAUTH])
        .by(&[
            "it::authorize_refusals::accounts_that_may_use_the_application_do",
            "it::authorize_refusals::accounts_that_may_not_use_the_application_end_on_the_error_page",
        ]),
    yes("Pages answered without a person: the autopilot")
        .from(&[OURS])
        .by(&[
            "it::pages::the_autopilot_answers_every_page",
            "it::authorize::the_autopilot_unticks_what_has_a_box",
        ]),
    yes("A picture for each account")
        .at(&["GET /a/{picture}"])
        .from(&[OURS])
        .by(&["it::userinfo::a_user_has_a_picture_that_can_be_fetched"]),
    partly(
        "A page cannot be skipped or answered twice",
        "the form's hidden value is one opaque id; Google's are encoded messages",
    )
    .from(&[SEEN])
    .by(&["it::pages::a_page_cannot_be_skipped", "it::pages::a_page_is_answered_once"]),
    not(
        "Passwords, second factors, captchas, protection from abuse",
        "anybody signs in as anybody: there is nothing to protect, and a test could not pass it",
    )
    .at(&["GET /v3/signin/identifier", "GET /v3/signin/challenge/pwd", "GET /sorry/index"])
    .from(&[SEEN]),
    not(
        "Google's encoded page state (`opparams`, `dsh`, `o2v`, `gis_params`)",
        "private between Google's pages; no client may read it",
    )
    .ignores(&["opparams", "dsh", "o2v", "gis_params"])
    .from(&[SEEN]),
    not(
        "The verification of an application, the 100-user cap, domain and brand checks",
        "a matter of Google's staff; a project says what it is (`PUT projects`)",
    )
    .at(&["GET /auth/verification"])
    .from(&[OAUTH]),
];
