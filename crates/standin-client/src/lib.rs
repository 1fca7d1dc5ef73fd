//! What a job needs to ask Standin for a token, and about people: the types on the wire.
//!
//! They are the one definition of the job's side of the API: the server answers with them and a client
//! reads them, so the two cannot drift apart. Times are RFC 3339 in UTC, durations whole seconds.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The body of `POST /v1/users/{user}/grants/{provider}/token`. Every member may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenRequest {
    /// What the token must open; left out, whatever the user granted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// How many seconds the token must still live; 60 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ttl: Option<u32>,
    /// SHA-256, in lower-case hex, of a token that an API has refused: another one is given then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_token_sha256: Option<String>,
    /// What for, for the record; at most 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
}

/// A token, for as long as `expires_in` says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The token: to the API it is for, and into no log.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// When it dies.
    pub expires_at: String,
    /// How many seconds it lives.
    pub expires_in: u64,
    /// What it opens.
    pub scopes: Vec<String>,
    /// The provider it is for.
    pub provider: String,
    /// Whose it is.
    pub user: String,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("access_token", &"…")
            .field("expires_at", &self.expires_at)
            .field("scopes", &self.scopes)
            .field("provider", &self.provider)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// The answer of `GET /v1/users`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Users {
    /// Those who were found, oldest first.
    pub users: Vec<User>,
}

/// A person, as `GET /v1/users/{user}` shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// `usr_…`: the one name that never changes.
    pub id: String,
    /// What the provider said last, with the account that signed in last.
    pub email: Option<String>,
    /// Whether the provider vouches for it.
    pub email_verified: bool,
    /// The full name.
    pub name: Option<String>,
    /// The address of a picture.
    pub picture: Option<String>,
    /// When they first signed in.
    pub created_at: String,
    /// The accounts they can sign in with.
    pub identities: Vec<Identity>,
}

/// An account of a user at a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The provider.
    pub provider: String,
    /// The provider's id of the account: `{provider}:{subject}` names the user, too.
    pub subject: String,
    /// Its address, for people.
    pub email: Option<String>,
}

/// The answer of `GET /v1/users/{user}/grants`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// What the user gave, oldest first.
    pub grants: Vec<Grant>,
}

/// What a user gave at one provider with one account. No token is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// `grt_…`
    pub id: String,
    /// The provider.
    pub provider: String,
    /// The account.
    pub subject: String,
    /// What it opens.
    pub scopes: Vec<String>,
    /// What was asked for and kept back.
    pub missing_scopes: Vec<String>,
    /// Whether a job can act while the user is away.
    pub offline: bool,
    /// `active`, `reauth` or `revoked`.
    pub state: String,
    /// Why, if it is `reauth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was first given.
    pub created_at: String,
}

/// The answer of `DELETE /v1/users/{user}/grants/{provider}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// `confirmed` by the provider; `queued` until it answers; `untold` if its token could not be opened.
    pub revoked: String,
    /// With `?strict=1`: whether every running process has said within five seconds that it vends nothing of it any
    /// more. Where it is `false`, and without `strict`, each stops within two seconds, whether it says so or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub everywhere: Option<bool>,
}

/// What every error is: an RFC 9457 problem (`application/problem+json`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable code: what a program looks at.
    pub code: String,
    /// A short summary of the status.
    pub title: String,
    /// What happened and what to do, for people.
    pub detail: String,
    /// The attempt, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<String>,
    /// The scopes that are missing (`insufficient_scope`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Vec<String>>,
    /// Why the grant is dead (`reauth_required`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where the user can mend it (`insufficient_scope`, `reauth_required`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconnect_url: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_member_of_a_request_is_refused() {
        assert!(serde_json::from_str::<TokenRequest>(r#"{"scope":"a"}"#).is_err());
        assert_eq!(serde_json::from_str::<TokenRequest>("{}").unwrap(), TokenRequest::default());
    }

    #[test]
    fn a_token_is_not_printed() {
        let token = Token {
            access_token: "ya29.canary".into(),
            token_type: "Bearer".into(),
            expires_at: String::new(),
            expires_in: 1,
            scopes: vec![],
            provider: "google".into(),
            user: "usr_".into(),
        };
        assert!(!format!("{token:?}").contains("canary"));
    }
}
