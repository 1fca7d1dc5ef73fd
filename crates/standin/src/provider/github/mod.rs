//! Every way in which GitHub is no OpenID provider, in one folder.
//!
//! ```text
//! code ─▶ token answer (`token.rs`) ─▶ access token ─▶ GET /user ─▶ VerifiedIdentity   GET /user/emails ─▶ Known
//!         with the PKCE verifier and our secret         (`account.rs`)
//! ```
//!
//! There is no discovery, no key set and no ID token: the addresses follow from the issuer, and who somebody is
//! says the API, over TLS, about the access token that our own exchange has just brought. What that is worth beside
//! an ID token stands in `verify/account.rs`. Taking back is in `revoke.rs`.
//!
//! Sources: docs.github.com, "Authorizing OAuth apps", "Generating a user access token for a GitHub App",
//! "REST API endpoints for OAuth authorizations".

mod account;
mod revoke;
mod token;

pub(super) use account::{find, known};
pub(super) use revoke::{is_alive, revoke};
pub(super) use token::read;

use url::{Host, Url};

use super::answer::PublishedForms;
use super::discovery::Metadata;
use super::endpoint::{Endpoint, EndpointFault, Transport};

/// What follows the address of an installation of GitHub in its issuer.
const PATH: &str = "/login/oauth";

/// GitHub's issuer, as its answers name it (RFC 9207). It is that of github.com; an Enterprise Server has its own.
pub const ISSUER: &str = "https://github.com/login/oauth";

/// The issuer of the GitHub that is at this address.
#[must_use]
pub fn issuer_at(base_url: &str) -> String {
    format!("{}{PATH}", base_url.trim_end_matches('/'))
}

/// What a discovery document would say.
pub(super) fn metadata(issuer: &str, transport: Transport) -> Result<Metadata, EndpointFault> {
    let endpoint = |address: String| Endpoint::parse(&address, transport);
    Ok(Metadata {
        issuer: issuer.to_owned(),
        authorization_endpoint: endpoint(format!("{issuer}/authorize"))?,
        token_endpoint: endpoint(format!("{issuer}/access_token"))?,
        jwks_uri: None,
        device_authorization_endpoint: None,
        revocation_endpoint: None,
        userinfo_endpoint: None,
        end_session_endpoint: None,
        forms: PublishedForms {
            response_types: Some(vec!["code".to_owned()]),
            response_modes: Some(vec!["query".to_owned()]),
        },
        // It names itself since 2026, without saying so anywhere: a name that is there must be right.
        issuer_in_response: false,
    })
}

/// An address of the API: at a host of its own for github.com and ghe.com, beneath `/api/v3` of an Enterprise Server.
fn api(issuer: &str, path: &str, transport: Transport) -> Result<Url, EndpointFault> {
    let base = issuer.strip_suffix(PATH).unwrap_or(issuer);
    let url = Url::parse(base).map_err(|_| EndpointFault::Malformed)?;
    let root = match url.host() {
        Some(Host::Domain(host)) if host == "github.com" || host.ends_with(".ghe.com") => {
            format!("https://api.{host}")
        }
        _ => format!("{base}/api/v3"),
    };
    Ok(Endpoint::parse(&format!("{root}{path}"), transport)?.url().clone())
}

/// Whom to expect, for the parameter `login`: a name. Our subjects are numbers, and a number may be somebody
/// else's name.
pub(super) fn login_hint(hint: &str) -> Option<&str> {
    let is_number = hint.bytes().all(|byte| byte.is_ascii_digit());
    (!is_number).then_some(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_where_this_kind_of_installation_has_it() {
        let api = |base: &str| {
            let url = api(&issuer_at(base), "/user", Transport::LoopbackHttpAllowed);
            url.unwrap().to_string()
        };
        assert_eq!(issuer_at("https://github.com/"), ISSUER);
        assert_eq!(api("https://github.com"), "https://api.github.com/user");
        assert_eq!(api("https://octo.ghe.com"), "https://api.octo.ghe.com/user");
        assert_eq!(api("https://git.example.com"), "https://git.example.com/api/v3/user");
        assert_eq!(
            api("https://github.com.evil.example"),
            "https://github.com.evil.example/api/v3/user"
        );
        assert_eq!(api("http://127.0.0.1:1"), "http://127.0.0.1:1/api/v3/user");
    }

    #[test]
    fn a_number_names_nobody_at_the_sign_in_page() {
        assert_eq!((login_hint("583231"), login_hint("octocat")), (None, Some("octocat")));
    }
}
