//! The browser script of Google Identity Services.

use super::source::{GSI, GSI_CHECK, GSI_HTML, GSI_OAUTH, SEEN};
use super::{Row, not, partly, yes};

pub(super) const ROWS: [Row; 14] = [
    yes("The script: `google.accounts.id` and `google.accounts.oauth2`; `onGoogleLibraryLoad`")
        .at(&["GET /gsi/client"])
        .from(&[GSI, GSI_OAUTH])
        .by(&["it::gsi::the_scripts_may_be_loaded_by_every_page_and_know_where_they_come_from", "e2e:27-gis-markup"]),
    yes("`initCodeClient` by popup: the code is bound to `postmessage` and to one origin")
        .from(&[GSI_OAUTH])
        .by(&[
            "e2e:20-gis-code",
            "it::authorize::a_popup_gets_its_code_as_a_message_for_one_origin",
        ]),
    yes("`initCodeClient` by redirect").from(&[GSI_OAUTH]).by(&["e2e:21-gis-code-redirect"]),
    yes("`initTokenClient`, `hasGrantedAllScopes`, `hasGrantedAnyScope`, `revoke`")
        .from(&[GSI_OAUTH])
        .by(&["e2e:22-gis-token"]),
    yes("`error_callback`: `popup_closed`, `popup_failed_to_open`")
        .from(&[GSI_OAUTH])
        .by(&["e2e:20-gis-code"]),
    yes("`renderButton`: the button in a frame, account, confirmation, credential")
        .at(&["GET /gsi/button", "GET /gsi/select", "POST /gsi/select"])
        .from(&[GSI])
        .by(&["e2e:23-gis-button"]),
    yes("The button by redirect: a form post across sites, with `g_csrf_token` to compare")
        .from(&[GSI, GSI_CHECK])
        .by(&["e2e:24-gis-button-redirect"]),
    yes("One Tap: its card, its moments, `auto_select`, `disableAutoSelect`, `cancel`, and two hours \
         of silence after it was closed")
    .at(&["GET /gsi/status", "GET /gsi/iframe/select", "POST /gsi/iframe/select"])
    .from(&[GSI])
    .by(&["e2e:25-gis-one-tap"]),
    yes("`google.accounts.id.revoke`").at(&["POST /gsi/revoke"]).from(&[GSI]).by(&[
        "e2e:23-gis-button",
    ]),
    yes("The HTML API: `g_id_onload`, `g_id_signin`, `g_id_signout`")
        .from(&[GSI_HTML])
        .by(&["e2e:27-gis-markup"]),
    yes("Pages whose origin is not registered: Google's errors and nothing else")
        .from(&[GSI])
        .by(&["e2e:26-gis-origin"]),
    partly(
        "What script and popup say to each other",
        "a protocol of its own; the checks are Google's: a registered origin, and an answer that \
         only this origin receives",
    )
    .from(&[SEEN])
    .by(&["e2e:26-gis-origin", "e2e:20-gis-code"]),
    partly(
        "FedCM (`use_fedcm_for_prompt`)",
        "`select_by` and silent moments as with it; the browser's own dialog is not used",
    )
    .from(&[GSI])
    .by(&["e2e:25-gis-one-tap"]),
    not(
        "FedCM's transport: the browser's dialog between page and provider",
        "the dialog is the browser's own; a card in a frame comes in its place",
    )
    .at(&["GET /.well-known/web-identity", "GET /gsi/fedcm.json", "GET /gsi/fedcm/config.json"])
    .from(&[GSI]),
];
