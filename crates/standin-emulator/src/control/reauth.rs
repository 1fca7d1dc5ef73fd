//! `POST users/{user}/reauth`: a Workspace session ends at every browser, and nothing of the user is
//! refreshed until the next sign-in.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::problem::{self, Body, Problem};
use crate::state::Shared;
use crate::state::grants::Reauth;

/// How the token endpoint is to say it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Demand {
    error_subtype: Reauth,
}

pub(super) async fn demand(
    State(shared): State<Arc<Shared>>,
    Path(user): Path<String>,
    Body(body): Body,
) -> Result<StatusCode, Problem> {
    let demand: Demand = if body.is_empty() { Demand::default() } else { problem::read(&body)? };
    let mut state = shared.state();
    let Some(sub) = state.users.find(&user).map(|user| user.sub.clone()) else {
        return Err(Problem::unknown_user(&user));
    };
    state.grants.demand_reauth(&sub, demand.error_subtype);
    state.browsers.forget(&sub);
    // A page that is answered later would pass for the sign-in that is demanded.
    state.interactions.retain(|interaction| !interaction.is_of(&sub));
    Ok(StatusCode::NO_CONTENT)
}
