//! `GET` and `PUT profile`: switches between behaviours that Google shows at times.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::problem::{self, Body, Problem};
use crate::seed::Profile;
use crate::state::Shared;

pub(super) async fn read(State(shared): State<Arc<Shared>>) -> Json<Profile> {
    Json(shared.state().profile.clone())
}

/// Replaces the profile; what is absent goes back to its default.
pub(super) async fn set(
    State(shared): State<Arc<Shared>>,
    Body(body): Body,
) -> Result<Json<Profile>, Problem> {
    shared.state().profile = problem::read(&body)?;
    Ok(read(State(shared)).await)
}
