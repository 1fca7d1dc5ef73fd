//! Every way in which Google is not any other OpenID provider, in one file.
//!
//! Sources: developers.google.com/identity/protocols/oauth2/web-server,
//! developers.google.com/identity/openid-connect/openid-connect.

/// Google's issuer. A configuration may name another one: an emulator's.
pub const ISSUER: &str = "https://accounts.google.com";

/// What an authorization request to Google carries beside the standard's parameters.
///
/// `access_type=offline` is how Google is asked for a refresh token (`offline_access` is no scope there),
/// and `include_granted_scopes` makes the new grant cover everything that was given before.
pub(super) const AUTHORIZATION_PARAMETERS: &[(&str, &str)] =
    &[("access_type", "offline"), ("include_granted_scopes", "true")];

/// Google does not know `max_age`. When somebody signed in stands in the ID token where the request calls it essential
/// and the project has switched it on.
pub(super) const AUTH_TIME_PARAMETER: (&str, &str) =
    ("claims", r#"{"id_token":{"auth_time":{"essential":true}}}"#);

/// The `redirect_uri` that codes from Google's own popup are bound to.
pub(crate) const POSTMESSAGE: &str = "postmessage";

/// Google signs ID tokens with its issuer in two forms, with the scheme and without.
pub(super) fn issuer_aliases(issuer: &str) -> Vec<String> {
    issuer.split_once("://").map(|(_, bare)| bare.to_owned()).into_iter().collect()
}

/// Where the page finds `google.accounts.oauth2`.
pub(super) fn script_url(issuer: &str) -> String {
    format!("{issuer}/gsi/client")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_issuer_has_two_forms() {
        assert_eq!(super::issuer_aliases(super::ISSUER), ["accounts.google.com"]);
    }
}
