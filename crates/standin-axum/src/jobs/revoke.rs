//! `DELETE /v1/users/{user}/grants/{provider}`: takes back what a user gave there. `usr_…` means every account of
//! theirs, `provider:subject` that one.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use standin::vend::UserSelector;
use standin::verify::ProviderId;
use standin_client::Revoked;

use super::client::AuthenticatedClient;
use crate::Shared;
use crate::problem::Problem;

pub(super) async fn delete(
    State(shared): State<Shared>,
    AuthenticatedClient(client): AuthenticatedClient,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<Revoked>, Problem> {
    // What names nothing is looked for all the same: whoever may not ask hears nothing else then.
    let named = path.ok().and_then(|Path((user, provider))| {
        Some((user.parse::<UserSelector>().ok()?, provider.parse::<ProviderId>().ok()?))
    });
    let named = named.as_ref().map(|(user, provider)| (user, provider));
    let revoked = shared.standin.people().revoke(&client, named).await?;
    let revoked = match revoked {
        standin::Revoked::Confirmed => "confirmed",
        standin::Revoked::NotOffered => "not_offered",
        standin::Revoked::Queued => "queued",
        standin::Revoked::Untold => "untold",
    };
    Ok(Json(Revoked { revoked: revoked.to_owned() }))
}
