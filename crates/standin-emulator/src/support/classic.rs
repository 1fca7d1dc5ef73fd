//! The scripts of before: gapi.auth2, gapi.auth, and the markup of the Google+ days.

use super::source::{GAPI, SEEN};
use super::{Row, not, yes};

pub(super) const ROWS: [Row; 6] = [
    yes("`platform.js`, `api.js` and `client.js`: `gapi.load`, `gapi.auth2`, `gapi.auth`")
        .at(&[
            "GET /js/platform.js",
            "GET /js/api.js",
            "GET /js/client.js",
            "GET /js/api:client.js",
            "GET /js/client:platform.js",
            "GET /js/client:plusone.js",
        ])
        .from(&[GAPI])
        .by(&["e2e:28-gapi-auth2", "e2e:29-gapi-classic"]),
    yes("`gapi.auth2`: `init`, `signIn`, `signOut`, `disconnect`, `grantOfflineAccess`, `authorize`")
        .from(&[GAPI])
        .by(&["e2e:28-gapi-auth2"]),
    yes("The markup `g-signin2`, `g-signin` and the `google-signin-…` elements of the head")
        .from(&[GAPI, SEEN])
        .by(&["e2e:28-gapi-auth2", "e2e:29-gapi-classic"]),
    yes("The older requests: `permission`, `permission id_token`, `code permission`, `none gsession`")
        .from(&[SEEN])
        .by(&[
            "it::authorize_answers::each_response_type_answers_with_its_own_members_in_its_own_place",
        ]),
    not(
        "The hidden frames through which the old scripts kept a session",
        "private between script and server; sessions here are asked for with `prompt=none`",
    )
    .at(&["GET /o/oauth2/iframe", "GET /o/oauth2/iframerpc", "GET /o/oauth2/postmessageRelay"])
    .from(&[SEEN])
    .by(&["e2e:28-gapi-auth2"]),
    not("Google+ and its API (`plus/v1`)", "switched off in 2019")
        .at(&["GET /plus/v1/people/me", "GET /plus/v1/people/me/activities/public"])
        .from(&[GAPI]),
];
