//! `GET /v1/users/{user}/grants`: what a user gave. No token is in it, and none can be.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use standin::provider::Scopes;
use standin::vault::Grant;
use standin_client::Grants;

use super::client::AuthenticatedClient;
use super::user::named;
use crate::Shared;
use crate::problem::Problem;

pub(super) async fn get(
    State(shared): State<Shared>,
    AuthenticatedClient(client): AuthenticatedClient,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Grants>, Problem> {
    let grants = shared.standin.people().grants(&client, &named(path)).await?;
    Ok(Json(Grants { grants: grants.iter().map(shown).collect() }))
}

fn shown(grant: &Grant) -> standin_client::Grant {
    let list = |scopes: &Scopes| scopes.iter().map(str::to_owned).collect();
    standin_client::Grant {
        id: grant.id.to_string(),
        provider: grant.identity.provider.to_string(),
        subject: grant.identity.subject.clone(),
        scopes: list(&grant.scopes),
        missing_scopes: list(&grant.missing_scopes()),
        offline: grant.is_offline(),
        state: grant.state.as_str().to_owned(),
        reason: grant.reason.map(|reason| reason.to_string()),
        created_at: grant.created_at.to_string(),
    }
}
