//! `POST /v1/users/{user}/grants/{provider}/token`: a fresh access token for a job.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use data_encoding::HEXLOWER_PERMISSIVE;
use standin::Refusal;
use standin::provider::Scopes;
use standin::vend::{DEFAULT_MIN_TTL, UserSelector, VendRequest};
use standin_client::{Token, TokenRequest};

use super::client::AuthenticatedClient;
use crate::Shared;
use crate::json::StrictJson;
use crate::problem::Problem;

const MAX_PURPOSE: usize = 200;
/// No provider's tokens live longer than this, so asking for more is a mistake.
const MAX_MIN_TTL: u32 = 3000;

pub(super) async fn post(
    State(shared): State<Shared>,
    AuthenticatedClient(client): AuthenticatedClient,
    path: Result<Path<(String, String)>, PathRejection>,
    StrictJson(body): StrictJson<TokenRequest>,
) -> Result<Json<Token>, Problem> {
    // What is no text names nobody.
    let Path((user, provider)) = path.map_err(|_| Refusal::NoGrant)?;
    let request = read(&user, &provider, body)?;
    let vended = shared.standin.vend().vend(&client, &request).await?;
    Ok(Json(Token {
        access_token: vended.token.access_token.expose().to_owned(),
        token_type: "Bearer".to_owned(),
        expires_at: vended.token.expires_at.to_string(),
        expires_in: vended.expires_in.as_secs(),
        scopes: vended.token.scopes.iter().map(str::to_owned).collect(),
        provider,
        user: vended.user.to_string(),
    }))
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
