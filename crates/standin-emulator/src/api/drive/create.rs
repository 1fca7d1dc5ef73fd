//! `POST /drive/v3/files`: a folder, or a file of no bytes.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;

use super::{API, CREATING, FILE_FIELDS, metadata, resource, shapes};
use crate::api::call::{Answer, Method, call};
use crate::state::Shared;

pub(super) const CREATE: Method = Method {
    api: &API,
    name: "google.apps.drive.v3.DriveFiles.Create",
    scopes: CREATING,
    shape: &shapes::FILE,
    default_fields: Some(FILE_FIELDS),
    limit: super::BODY_LIMIT,
};

pub(crate) async fn endpoint(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    call(&shared, request, &CREATE, |call| {
        let given = call.json()?;
        let drives = &mut call.shared.state().drives;
        let file = metadata::create(drives, &call.token, &given, None, call.now())?;
        Ok(Answer::Resource(resource::of(&file, &call.user, &call.token)))
    })
    .await
}
