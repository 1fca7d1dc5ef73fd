//! `GET /drive/v3/files/{id}`: what is known of a file, or with `alt=media` what is in it.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::header::RANGE;
use axum::response::Response;

use super::access::{find, reads};
use super::{API, FILE_FIELDS, READING, download, forbidden, resource, shapes};
use crate::api::call::{Answer, Call, Method, call};
use crate::api::refusal::Refusal;
use crate::state::Shared;

const GET: Method = Method {
    api: &API,
    name: "google.apps.drive.v3.DriveFiles.Get",
    scopes: READING,
    shape: &shapes::FILE,
    default_fields: Some(FILE_FIELDS),
    limit: super::BODY_LIMIT,
};

pub(crate) async fn endpoint(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    call(&shared, request, &GET, |call| found(call, &id)).await
}

fn found(call: &Call, id: &str) -> Result<Answer, Refusal> {
    let file = find(&call.shared.state().drives, &call.token, id)?;
    if call.params.get("alt") != Some("media") {
        return Ok(Answer::Resource(resource::of(&file, &call.user, &call.token)));
    }
    if !reads(&call.token, &file) {
        let message = "Insufficient Permission: Request had insufficient authentication scopes.";
        return Err(forbidden("insufficientPermissions", message));
    }
    download::answer(&file, call.header(RANGE)).map(Answer::Other)
}
