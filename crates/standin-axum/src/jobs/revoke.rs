//! `DELETE /v1/users/{user}/grants/{provider}`: takes back what a user gave there. `usr_…` means every account of
//! theirs, `provider:subject` that one.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use standin::Refusal;
use standin::vend::UserSelector;
use standin_client::Revoked;

use super::client::AuthenticatedClient;
use crate::Shared;
use crate::problem::Problem;

pub(super) async fn delete(
    State(shared): State<Shared>,
    AuthenticatedClient(client): AuthenticatedClient,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<Revoked>, Problem> {
    let Path((user, provider)) = path.map_err(|_| Refusal::NoGrant)?;
    let user = user.parse().unwrap_or(UserSelector::Nobody);
    let provider = provider.parse().map_err(|_| Refusal::NoGrant)?;
    let revoked = shared.standin.people().revoke(&client, &user, &provider).await?;
    let revoked = match revoked {
        standin::Revoked::Confirmed => "confirmed",
        standin::Revoked::Queued => "queued",
        standin::Revoked::Untold => "untold",
    };
    Ok(Json(Revoked { revoked: revoked.to_owned() }))
}
