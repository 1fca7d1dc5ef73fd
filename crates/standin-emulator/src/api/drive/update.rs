//! `PATCH /drive/v3/files/{id}`: name, place, flags and properties.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;

use super::create::CREATE;
use super::{metadata, resource};
use crate::api::call::{Answer, Method, call};
use crate::state::Shared;

pub(super) const UPDATE: Method = Method {
    name: "google.apps.drive.v3.DriveFiles.Update",
    scopes: &["drive", "drive.appdata", "drive.file", "drive.metadata"],
    ..CREATE
};

pub(crate) async fn endpoint(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    call(&shared, request, &UPDATE, |call| {
        let given = call.json()?;
        let drives = &mut call.shared.state().drives;
        let now = call.now();
        let file = metadata::update(drives, &call.token, &id, &call.params, &given, None, now)?;
        Ok(Answer::Resource(resource::of(&file, &call.user, &call.token)))
    })
    .await
}
