//! Security event tokens (RFC 8417) as Google writes them.
//!
//! The issuer of events has a slash at its end, which the one in `risc-configuration` has not: receivers
//! that compare too strictly, or not at all, are found out.

use aws_lc_rs::digest;
use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::chance;
use crate::jws::{self, Seal};
use crate::object::Object;
use crate::seed::User;
use crate::state::Shared;

const SESSIONS_REVOKED: &str =
    "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked";
const TOKENS_REVOKED: &str = "https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked";
const TOKEN_REVOKED: &str = "https://schemas.openid.net/secevent/oauth/event-type/token-revoked";
const ACCOUNT_DISABLED: &str =
    "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
const ACCOUNT_ENABLED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-enabled";
const CREDENTIAL_CHANGE_REQUIRED: &str =
    "https://schemas.openid.net/secevent/risc/event-type/account-credential-change-required";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/risc/event-type/verification";

/// What has happened to an account, by the last part of its event type.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Happening {
    /// Google has ended the user's sessions.
    SessionsRevoked {},
    /// All tokens of the user have been revoked.
    TokensRevoked {},
    /// One refresh token has been revoked.
    TokenRevoked {
        /// The token; the event carries only a trace of it.
        token: String,
        /// Which trace.
        #[serde(default)]
        token_identifier_alg: TokenIdentifier,
    },
    /// The account has been disabled.
    AccountDisabled {
        /// `hijacking`, `bulk-account`, or nothing.
        reason: Option<String>,
    },
    /// The account works again.
    AccountEnabled {},
    /// The user should change the password.
    AccountCredentialChangeRequired {},
}

/// How an event names a token without telling it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenIdentifier {
    /// Its first sixteen characters.
    Prefix,
    /// Its double SHA-512 in base64.
    #[default]
    HashBase64Sha512Sha512,
}

/// How a token is to be wrong, for receivers that must refuse it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Spoiled {
    /// Claims to replace; `null` deletes.
    pub(crate) claims: Map<String, Value>,
    /// Header members to replace; `null` deletes.
    pub(crate) header: Map<String, Value>,
    /// A signature that does not verify.
    pub(crate) bad_signature: bool,
}

/// A signed token, and what the ledger says of it.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) jti: String,
    pub(super) event_type: &'static str,
    pub(super) text: String,
}

impl Happening {
    pub(crate) fn event_type(&self) -> &'static str {
        match self {
            Self::SessionsRevoked {} => SESSIONS_REVOKED,
            Self::TokensRevoked {} => TOKENS_REVOKED,
            Self::TokenRevoked { .. } => TOKEN_REVOKED,
            Self::AccountDisabled { .. } => ACCOUNT_DISABLED,
            Self::AccountEnabled {} => ACCOUNT_ENABLED,
            Self::AccountCredentialChangeRequired {} => CREDENTIAL_CHANGE_REQUIRED,
        }
    }

    /// The event itself: its subject, and what else there is to say.
    fn body(&self, issuer: &str, user: &User) -> Value {
        if let Self::TokenRevoked { token, token_identifier_alg } = self {
            let (alg, trace) = token_identifier_alg.trace(token);
            return json!({"subject": {
                "subject_type": "oauth_token",
                "token_type": "refresh_token",
                "token_identifier_alg": alg,
                "token": trace,
            }});
        }
        let subject = json!({"subject_type": "iss-sub", "iss": issuer, "sub": user.sub});
        match self {
            Self::AccountDisabled { reason: Some(reason) } => {
                json!({"subject": subject, "reason": reason})
            }
            _ => json!({"subject": subject}),
        }
    }
}

impl TokenIdentifier {
    fn trace(self, token: &str) -> (&'static str, String) {
        match self {
            Self::Prefix => ("prefix", token.chars().take(16).collect()),
            Self::HashBase64Sha512Sha512 => {
                let once = digest::digest(&digest::SHA512, token.as_bytes());
                let twice = digest::digest(&digest::SHA512, once.as_ref());
                ("hash_base64_sha512_sha512", BASE64.encode(twice.as_ref()))
            }
        }
    }
}

/// The token that tells one project's clients what has happened to a user.
pub(super) fn token(
    shared: &Shared,
    project: &str,
    user: &User,
    happening: &Happening,
    spoiled: &Spoiled,
) -> Token {
    let issuer = format!("{}/", shared.origin);
    let events = json!({happening.event_type(): happening.body(&issuer, user)});
    sign(shared, project, happening.event_type(), events, spoiled)
}

/// The token that answers `stream:verify`.
pub(super) fn verification(shared: &Shared, project: &str, state: &str) -> Token {
    let events = json!({VERIFICATION: {"state": state}});
    sign(shared, project, VERIFICATION, events, &Spoiled::default())
}

/// No `exp`: an event stays true.
fn sign(
    shared: &Shared,
    project: &str,
    event_type: &'static str,
    events: Value,
    spoiled: &Spoiled,
) -> Token {
    let (signer, audience) = {
        let state = shared.state();
        let clients = state.clients.iter().filter(|client| client.project == project);
        let ids: Vec<String> = clients.map(|client| client.client_id.clone()).collect();
        (state.keys.signer(), ids)
    };
    let jti = chance::opaque_id();
    let audience = match audience.as_slice() {
        [only] => Value::from(only.as_str()),
        all => Value::from(all),
    };
    let mut claims = Object::default()
        .with("iss", format!("{}/", shared.origin))
        .with("aud", audience)
        .with("iat", shared.clock.now_unix())
        .with("jti", jti.as_str())
        .with("events", events);
    let mut header = jws::header(&signer, "secevent+jwt");
    claims.merge(&spoiled.claims);
    header.merge(&spoiled.header);
    let seal = if spoiled.bad_signature { Seal::Broken } else { Seal::Good };
    let text = jws::sign(&signer, &header, &claims, seal);
    Token { jti, event_type, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_named_by_the_traces_that_receivers_know() {
        let token = "1//0TEST_REFRESH_TOKEN_abcdef";
        let (_, prefix) = TokenIdentifier::Prefix.trace(token);
        assert_eq!(prefix, "1//0TEST_REFRESH");
        let (_, hash) = TokenIdentifier::HashBase64Sha512Sha512.trace(token);
        assert_eq!(
            hash,
            "lq4fGzCgB1xgDqPQCfJu34ElgGPPCyFpGSTmiWDYZw/0wetrHLlZHIIYgIG/\
             cHspTc3LYvesFb6JDAnIZlmFhA=="
        );
    }
}
