//! `DELETE /drive/v3/files/{id}`: past the trash, with all that is inside.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;

use super::access::find_to_change;
use super::create::CREATE;
use super::forbidden;
use crate::api::call::{Answer, Call, Method, call};
use crate::api::refusal::Refusal;
use crate::state::Shared;

const DELETE: Method = Method { name: "google.apps.drive.v3.DriveFiles.Delete", ..CREATE };

pub(crate) async fn endpoint(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    call(&shared, request, &DELETE, |call| deleted(call, &id)).await
}

fn deleted(call: &Call, id: &str) -> Result<Answer, Refusal> {
    let drives = &mut call.shared.state().drives;
    let file = find_to_change(drives, &call.token, id, false)?;
    if file.parent.is_empty() {
        let message = "The user does not have sufficient permissions for this file.";
        return Err(forbidden("insufficientFilePermissions", message));
    }
    drives.remove(call.sub(), &file.id);
    Ok(Answer::Empty)
}
