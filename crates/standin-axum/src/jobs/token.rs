//! `POST /v1/users/{user}/grants/{provider}/token`: a fresh access token for a job.
//!
//! The one route that is asked a thousand times a second: what it answers is written from where it is kept, member by
//! member.

use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use data_encoding::HEXLOWER_PERMISSIVE;
use standin::Refusal;
use standin::provider::Scopes;
use standin::vend::{DEFAULT_MIN_TTL, UserSelector, VendRequest, Vended};
use standin_client::TokenRequest;

use super::client::AuthenticatedClient;
use crate::Shared;
use crate::json::{JsonObject, StrictJson};
use crate::problem::Problem;

const MAX_PURPOSE: usize = 200;
/// No provider's tokens live longer than this, so asking for more is a mistake.
const MAX_MIN_TTL: u32 = 3000;

/// [`standin_client::Token`], as JSON.
fn answer(vended: &Vended, provider: &str) -> JsonObject {
    JsonObject::with_room_for(vended.token.access_token.expose().len() + 512)
        .text("access_token", vended.token.access_token.expose())
        .text("token_type", "Bearer")
        .text("expires_at", &vended.token.expires_at.to_string())
        .number("expires_in", vended.expires_in.as_secs())
        .texts("scopes", vended.token.scopes.iter())
        .text("provider", provider)
        .text("user", &vended.user.to_string())
}

pub(super) async fn post(
    State(shared): State<Shared>,
    AuthenticatedClient(client): AuthenticatedClient,
    path: Result<Path<(String, String)>, PathRejection>,
    StrictJson(body): StrictJson<TokenRequest>,
) -> Result<Response, Problem> {
    // What is no text names nobody.
    let Path((user, provider)) = path.map_err(|_| Refusal::NoGrant)?;
    let request = read(&user, &provider, body)?;
    let vended = shared.standin.vend().vend(&client, &request).await?;
    Ok(answer(&vended, &provider).into_response())
}

fn read(user: &str, provider: &str, body: TokenRequest) -> Result<VendRequest, Problem> {
    let invalid = |words: &str| Problem::from(Refusal::InvalidRequest).with_detail(words);
    let min_ttl = match body.min_ttl {
        None => DEFAULT_MIN_TTL,
        Some(seconds @ 0..=MAX_MIN_TTL) => Duration::from_secs(seconds.into()),
        Some(_) => return Err(invalid("`min_ttl` may be at most 3000 seconds")),
    };
    if body.purpose.as_ref().is_some_and(|purpose| purpose.chars().count() > MAX_PURPOSE) {
        return Err(invalid("`purpose` may be at most 200 characters"));
    }
    let stale = body.stale_token_sha256.map(|hex| {
        hash(&hex).ok_or_else(|| invalid("`stale_token_sha256` must be 64 hexadecimal digits"))
    });
    Ok(VendRequest {
        // What can name nobody is answered like somebody who is not there.
        user: user.parse().unwrap_or(UserSelector::Nobody),
        provider: provider.parse().map_err(|_| Refusal::NoGrant)?,
        scopes: Scopes::try_from(body.scopes).map_err(|error| invalid(&error.to_string()))?,
        min_ttl,
        stale_token_sha256: stale.transpose()?,
        purpose: body.purpose,
    })
}

fn hash(hex: &str) -> Option<[u8; 32]> {
    HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use standin::FreshToken;
    use standin::id::{GrantId, UserId};
    use standin::secret::AccessToken;
    use standin::time::Timestamp;
    use standin_client::Token;

    use super::*;

    #[test]
    fn an_answer_is_what_a_client_reads() {
        let token = FreshToken {
            access_token: AccessToken::new("ya29.\"canary"),
            issued_at: Timestamp::from_unix_seconds(1_799_999_000),
            expires_at: Timestamp::from_unix_seconds(1_800_000_000),
            scopes: Scopes::parse("openid email").unwrap(),
            grant: GrantId::from_bytes([1; 16]),
        };
        let user = UserId::from_bytes([2; 16]);
        let vended =
            Vended { token: Arc::new(token), user, expires_in: Duration::from_millis(59_999) };
        let answer: serde_json::Value =
            serde_json::from_slice(&answer(&vended, "google").into_bytes()).unwrap();
        let expected = Token {
            access_token: "ya29.\"canary".to_owned(),
            token_type: "Bearer".to_owned(),
            expires_at: "2027-01-15T08:00:00Z".to_owned(),
            expires_in: 59,
            scopes: vec!["email".to_owned(), "openid".to_owned()],
            provider: "google".to_owned(),
            user: user.to_string(),
        };
        assert_eq!(answer, serde_json::to_value(expected).unwrap());
    }
}
