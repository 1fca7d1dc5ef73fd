//! What a receipt tells of a token answer: what it holds, and nothing of that itself.

use super::token::{OAuthError, TokenError, TokenResponse};
use crate::receipt::{Fact, Receipt, Rule, rules};

/// Records how the exchange went.
pub(super) fn answered(
    receipt: &mut Receipt,
    answer: Result<TokenResponse, TokenError>,
) -> Result<TokenResponse, TokenError> {
    receipt.step("token answer", &[]);
    let answer = receipt.fault(answer, fault)?;
    receipt.passed(rules::TOKEN_ANSWER, "RFC 6749 §5.1", "just that");
    let scopes = answer.scopes.as_ref().map_or(Fact::Word("as asked"), Fact::Scopes);
    let id_token = answer.unverified_id_token.is_some();
    receipt.step(
        "tokens",
        &[
            (
                "access token for",
                answer.expires_in.map_or("as long as it is not taken back".into(), Fact::For),
            ),
            ("refresh token", Fact::yes(answer.refresh_token.is_some())),
            ("ID token", Fact::yes(id_token)),
            ("scopes", scopes),
        ],
    );
    Ok(answer)
}

const fn fault(error: TokenError) -> (Rule, &'static str, &'static str) {
    match error {
        TokenError::AddressRefused(_) => {
            (rules::ANSWERED, "an address that may be talked to", "one that may not")
        }
        TokenError::Ambiguous { .. } => {
            (rules::ANSWERED, "an answer", "none, or 5xx, and it may have acted")
        }
        TokenError::Throttled { .. } => (rules::ANSWERED, "an answer", "429, or \"slow down\""),
        TokenError::Unavailable { .. } => {
            (rules::ANSWERED, "an answer", "503 and when to come back, or no connection")
        }
        TokenError::Malformed(what) | TokenError::Unreadable(what) => {
            (rules::TOKEN_ANSWER, "RFC 6749 §5.1", what)
        }
        TokenError::Refused(OAuthError::InvalidGrant) => {
            (rules::CODE_ACCEPTED, "a good code", "invalid_grant")
        }
        TokenError::Refused(OAuthError::InvalidClient) => {
            (rules::CLIENT_ACCEPTED, "client id and secret", "invalid_client")
        }
        TokenError::Refused(OAuthError::UnauthorizedClient) => {
            (rules::CLIENT_ACCEPTED, "a client that may do this", "unauthorized_client")
        }
        TokenError::Refused(OAuthError::InvalidScope) => {
            (rules::TOKEN_ANSWER, "tokens", "invalid_scope")
        }
        TokenError::Refused(
            OAuthError::AccessDenied
            | OAuthError::AuthorizationPending
            | OAuthError::ExpiredToken
            | OAuthError::Other,
        ) => (rules::TOKEN_ANSWER, "tokens", "another refusal"),
    }
}
