//! `DELETE /v1/users/{user}/grants/{provider}`: takes back what a user gave there. `usr_…` means every account of
//! theirs, `provider:subject` that one. With `?strict=1` the answer waits until every process has heard of it.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use standin::Refusal;
use standin::signin::Parameters;
use standin::vend::UserSelector;
use standin::verify::ProviderId;
use standin_client::Revoked;

use super::client::AskingClient;
use crate::Shared;
use crate::problem::Problem;

pub(super) async fn delete(
    State(shared): State<Shared>,
    AskingClient { client, query }: AskingClient,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<Revoked>, Problem> {
    let is_strict = is_strict(query)?;
    // What names nothing is looked for all the same: whoever may not ask hears nothing else then.
    let named = path.ok().and_then(|Path((user, provider))| {
        Some((user.parse::<UserSelector>().ok()?, provider.parse::<ProviderId>().ok()?))
    });
    let named = named.as_ref().map(|(user, provider)| (user, provider));
    let revoked = shared.standin.people().revoke(&client, named).await?;
    let everywhere =
        if is_strict { Some(shared.standin.is_heard_everywhere().await) } else { None };
    Ok(Json(Revoked { revoked: revoked.word().to_owned(), everywhere }))
}

/// Nothing else may be asked here, and nothing else be meant by it.
fn is_strict(mut query: Parameters) -> Result<bool, Problem> {
    let strict = query.take("strict");
    let is_known = strict.as_deref().is_none_or(|strict| strict == "1");
    if is_known && query.is_empty() {
        return Ok(strict.is_some());
    }
    let words = "the query may be `strict=1`, and nothing else";
    Err(Problem::from(Refusal::InvalidRequest).with_detail(words))
}
