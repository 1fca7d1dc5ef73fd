//! `DELETE users/{user}`: the account is gone, and whoever holds its tokens learns it at the next use.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::problem::Problem;
use crate::state::Shared;

/// The grants stay: a refresh token of a deleted account is told from a dead one, and lives again if
/// the subject is added again.
pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    Path(user): Path<String>,
) -> Result<StatusCode, Problem> {
    let mut state = shared.state();
    let Some(sub) = state.users.find(&user).map(|user| user.sub.clone()) else {
        return Err(Problem::unknown_user(&user));
    };
    state.users.remove(&sub);
    state.browsers.forget(&sub);
    Ok(StatusCode::NO_CONTENT)
}
