//! Who an access token belongs to, where a provider signs nothing: GitHub's API about the token's own account.
//!
//! A body of `GET /user` goes in, and a [`VerifiedIdentity`] comes out, by the same door as that of an ID token.
//! What it stands on: the token came from an exchange of ours a moment ago, with our secret and the verifier that
//! only this browser's attempt knew, and the API that speaks is at an address of the configuration, over TLS.
//!
//! # Security
//! It is less than an ID token. Nothing is signed, so whoever can read our TLS to GitHub could be anybody. Nothing
//! names us as the audience: that the token is ours is known only since our exchange brought it, and a token that
//! came by any other way must never be asked about here. And there is no nonce: what ties the answer to this browser
//! is the state, its cookie and PKCE.

use serde::Deserialize;

use super::email;
use super::identity::{Identity, LeftOut, Profile, ProviderId, VerifiedIdentity};
use super::proof::{Checked, prove};
use super::strict_json::{self, Members, Value};

/// More addresses than anybody has.
const MAX_EMAILS: usize = 100;

/// Why nobody can say whose an access token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountFault {
    /// Not one JSON object without repeated members.
    #[error(
        "what the provider says about the account cannot be read; start again, and tell the operator if it stays so"
    )]
    Malformed,
    /// `id` is not a whole number above 0.
    #[error(
        "the provider does not say which account this is; start again, and tell the operator if it stays so"
    )]
    IdInvalid,
    /// The API does not take the token that the exchange brought.
    #[error(
        "the provider does not accept the token that it has just given; start again, and tell the operator if it stays so"
    )]
    TokenRefused,
}

impl AccountFault {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "account_malformed",
            Self::IdInvalid => "account_id_invalid",
            Self::TokenRefused => "account_token_refused",
        }
    }
}

/// Whom the answer would be about.
pub(crate) struct ExpectedAccount<'a> {
    /// Our name for the provider.
    pub(crate) provider: &'a ProviderId,
    /// Its issuer.
    pub(crate) issuer: &'a str,
}

#[derive(Default)]
struct Account<'de> {
    avatar_url: Value<'de>,
    id: Value<'de>,
    login: Value<'de>,
    name: Value<'de>,
}

impl<'de> Members<'de> for Account<'de> {
    fn slot(&mut self, name: &str) -> Option<&mut Value<'de>> {
        Some(match name {
            "avatar_url" => &mut self.avatar_url,
            "id" => &mut self.id,
            "login" => &mut self.login,
            "name" => &mut self.name,
            _ => return None,
        })
    }
}

/// Reads whose an access token of ours is. The subject is the number, which stays: a login can be given up, and
/// taken by somebody else.
///
/// # Errors
/// [`AccountFault::Malformed`] and [`AccountFault::IdInvalid`].
pub(crate) fn verify_account(
    body: &[u8],
    expected: &ExpectedAccount<'_>,
) -> Result<VerifiedIdentity, AccountFault> {
    let account: Account<'_> = strict_json::parse(body).map_err(|_| AccountFault::Malformed)?;
    let id = match account.id {
        Value::Integer(id) if (1..=i64::MAX.unsigned_abs()).contains(&id) => id,
        _ => return Err(AccountFault::IdInvalid),
    };
    Ok(prove(Checked {
        identity: Identity {
            provider: expected.provider.clone(),
            issuer: expected.issuer.to_owned(),
            subject: id.to_string(),
        },
        profile: account.profile(),
        // The address of a profile page is what its owner shows, and is not looked at.
        left_out: LeftOut { email: true, ..LeftOut::default() },
        session_id: None,
    }))
}

impl Account<'_> {
    fn profile(&self) -> Profile {
        let is_https = |address: &String| address.starts_with("https://");
        Profile {
            // Many give no name; their login is how others know them.
            name: super::claims::shown(&self.name).or_else(|| super::claims::shown(&self.login)),
            picture: super::claims::shown(&self.avatar_url).filter(is_https),
            ..Profile::default()
        }
    }
}

/// An answer of `GET /user/emails`.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct UnverifiedEmails(Vec<Written>);

#[derive(Deserialize)]
struct Written {
    email: String,
    primary: bool,
    verified: bool,
}

impl UnverifiedEmails {
    /// `None` for anything but an array of addresses.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok().filter(|Self(all)| all.len() <= MAX_EMAILS)
    }

    /// The primary address, and whether GitHub has verified it; nothing, unless there is exactly one.
    pub(crate) fn profile(&self) -> Profile {
        let mut primary = self.0.iter().filter(|written| written.primary);
        let (Some(written), None) = (primary.next(), primary.next()) else {
            return Profile::default();
        };
        let email = email::canonical(&written.email);
        Profile { email_verified: email.is_some() && written.verified, email, ..Profile::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(body: &str) -> Result<VerifiedIdentity, AccountFault> {
        let provider = "github".parse().unwrap();
        let issuer = "https://github.com/login/oauth";
        verify_account(body.as_bytes(), &ExpectedAccount { provider: &provider, issuer })
    }

    #[test]
    fn id_12_the_subject_is_the_number_and_never_the_login() {
        let person = verified(r#"{"login":"1","id":583231,"email":"x@example.com"}"#).unwrap();
        assert_eq!(person.identity().subject, "583231");
        assert_eq!(person.identity().issuer, "https://github.com/login/oauth");
        // What somebody writes on their page proves nothing.
        assert_eq!(person.profile().email, None);
        assert_eq!(person.profile().name.as_deref(), Some("1"));
    }

    #[test]
    fn id_9_an_account_without_a_number_is_nobody() {
        for id in ["null", "\"583231\"", "0", "-1", "1.5", "1e3", "9223372036854775808", "true"] {
            let body = format!(r#"{{"login":"octocat","id":{id}}}"#);
            assert_eq!(verified(&body), Err(AccountFault::IdInvalid), "{id}");
        }
        assert_eq!(verified(r#"{"login":"octocat"}"#), Err(AccountFault::IdInvalid));
        for body in ["", "[]", "<html>", r#"{"id":1,"id":2}"#, r#"{"id":1}{}"#, r#"[{"id":1}]"#] {
            assert_eq!(verified(body), Err(AccountFault::Malformed), "{body}");
        }
    }

    #[test]
    fn id_13_only_a_primary_address_that_is_verified_counts_as_verified() {
        let profile = |body: &str| {
            let profile = UnverifiedEmails::parse(body.as_bytes()).map(|emails| emails.profile());
            profile.map(|profile| (profile.email, profile.email_verified))
        };
        let one = |email: &str, primary: bool, verified: bool| {
            format!(
                r#"{{"email":"{email}","primary":{primary},"verified":{verified},"visibility":null}}"#
            )
        };
        let octocat = || Some("octocat@github.com".to_owned());
        let others = [one("a@example.com", false, true), one("octocat@GitHub.com", true, true)];
        assert_eq!(profile(&format!("[{}]", others.join(","))), Some((octocat(), true)));
        let unverified = one("octocat@github.com", true, false);
        assert_eq!(profile(&format!("[{unverified}]")), Some((octocat(), false)));
        for nobody in [
            "[]".to_owned(),
            format!("[{}]", one("a@example.com", false, true)),
            format!("[{0},{0}]", one("a@example.com", true, true)),
            format!("[{}]", one("a@evil.com@corp.com", true, true)),
        ] {
            assert_eq!(profile(&nobody), Some((None, false)), "{nobody}");
        }
        for malformed in [
            "",
            "{}",
            r#"["a@example.com"]"#,
            r#"[{"email":"a@b.c","primary":true,"verified":"true"}]"#,
        ] {
            assert_eq!(profile(malformed), None, "{malformed}");
        }
    }
}
