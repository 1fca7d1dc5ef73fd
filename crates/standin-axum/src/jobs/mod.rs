//! The job's side: `/v1/…`. A client key, JSON, and nothing of a browser: cookies are not looked at, and a
//! request that a page may have sent is refused.

mod client;
mod grants;
mod revoke;
mod token;
mod user;
mod users;

use axum::Router;
use axum::routing::{delete, get, post};

use crate::Shared;

/// Every route of the job's side, on one page.
pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/v1/users", get(users::get))
        .route("/v1/users/{user}", get(user::get).delete(user::delete))
        .route("/v1/users/{user}/grants", get(grants::get))
        .route("/v1/users/{user}/grants/{provider}", delete(revoke::delete))
        .route("/v1/users/{user}/grants/{provider}/token", post(token::post))
}
