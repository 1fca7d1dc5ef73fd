//! Where it says what Google does.

/// A page that can be read, or, without an address, answers that were seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Source {
    /// Its short name.
    pub name: &'static str,
    /// Its address; nothing where only Google's own answers tell.
    pub url: Option<&'static str>,
}

impl Source {
    const fn page(name: &'static str, url: &'static str) -> Self {
        Self { name, url: Some(url) }
    }
}

macro_rules! pages {
    ($($constant:ident = $name:literal, $url:literal;)*) => {
        $(pub(super) const $constant: Source = Source::page($name, $url);)*
    };
}

/// Answers of Google's servers that clients, tests and issues have recorded; no page tells.
pub(super) const SEEN: Source = Source { name: "seen in answers", url: None };
/// Of this emulator alone.
pub(super) const OURS: Source = Source { name: "this emulator's own", url: None };

pages! {
    OPENID = "OpenID Connect", "https://developers.google.com/identity/openid-connect/openid-connect";
    REFERENCE = "OpenID Connect reference", "https://developers.google.com/identity/openid-connect/reference";
    OAUTH = "OAuth 2.0", "https://developers.google.com/identity/protocols/oauth2";
    WEB = "web servers", "https://developers.google.com/identity/protocols/oauth2/web-server";
    SCRIPTS = "JavaScript applications", "https://developers.google.com/identity/protocols/oauth2/javascript-implicit-flow";
    NATIVE = "installed applications", "https://developers.google.com/identity/protocols/oauth2/native-app";
    DEVICES = "limited-input devices", "https://developers.google.com/identity/protocols/oauth2/limited-input-device";
    SERVICE = "service accounts", "https://developers.google.com/identity/protocols/oauth2/service-account";
    POLICIES = "OAuth 2.0 policies", "https://developers.google.com/identity/protocols/oauth2/policies";
    GRANULAR = "granular permissions", "https://developers.google.com/identity/protocols/oauth2/resources/granular-permissions";
    OOB = "out-of-band migration", "https://developers.google.com/identity/protocols/oauth2/resources/oob-migration";
    GSI = "Sign in with Google", "https://developers.google.com/identity/gsi/web/reference/js-reference";
    GSI_HTML = "Sign in with Google, HTML", "https://developers.google.com/identity/gsi/web/reference/html-reference";
    GSI_CHECK = "verify the ID token", "https://developers.google.com/identity/gsi/web/guides/verify-google-id-token";
    GSI_OAUTH = "Google Identity authorization", "https://developers.google.com/identity/oauth2/web/reference/js-reference";
    GAPI = "gapi.auth2", "https://developers.google.com/identity/sign-in/web/reference";
    RISC = "Cross-Account Protection", "https://developers.google.com/identity/protocols/risc";
    CALENDAR = "Calendar", "https://developers.google.com/workspace/calendar/api/v3/reference";
    CALENDAR_ERRORS = "Calendar errors", "https://developers.google.com/workspace/calendar/api/guides/errors";
    CALENDAR_SYNC = "Calendar synchronization", "https://developers.google.com/workspace/calendar/api/guides/sync";
    DRIVE = "Drive", "https://developers.google.com/workspace/drive/api/reference/rest/v3";
    DRIVE_SEARCH = "Drive search", "https://developers.google.com/workspace/drive/api/guides/search-files";
    DRIVE_UPLOADS = "Drive uploads", "https://developers.google.com/workspace/drive/api/guides/manage-uploads";
    RFC6749 = "RFC 6749", "https://www.rfc-editor.org/rfc/rfc6749";
    RFC7009 = "RFC 7009", "https://www.rfc-editor.org/rfc/rfc7009";
    RFC7523 = "RFC 7523", "https://www.rfc-editor.org/rfc/rfc7523";
    RFC7636 = "RFC 7636", "https://www.rfc-editor.org/rfc/rfc7636";
    RFC8252 = "RFC 8252", "https://www.rfc-editor.org/rfc/rfc8252";
    RFC9207 = "RFC 9207", "https://www.rfc-editor.org/rfc/rfc9207";
    CORE = "OpenID Connect Core", "https://openid.net/specs/openid-connect-core-1_0.html";
    DISCOVERY = "OpenID Connect Discovery", "https://openid.net/specs/openid-connect-discovery-1_0.html";
    RESPONSE_TYPES = "OAuth 2.0 response types", "https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html";
    FORM_POST = "form post response mode", "https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html";
}
