//! `GET tenants`, `DELETE tenants/{name}`: the worlds that share this process.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::problem::Problem;
use crate::tenants::Tenants;

/// There is no call that makes one: a tenant begins when its name is first used.
pub(super) async fn list(Extension(tenants): Extension<Arc<Tenants>>) -> Json<Value> {
    Json(json!({"tenants": tenants.names()}))
}

pub(super) async fn remove(
    Extension(tenants): Extension<Arc<Tenants>>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    if tenants.remove(&name) {
        return Ok(StatusCode::NO_CONTENT);
    }
    let detail = format!("There is no tenant `{name}`; GET /_emulator/tenants lists all.");
    Err(Problem::new(StatusCode::NOT_FOUND, "unknown_tenant", detail))
}
