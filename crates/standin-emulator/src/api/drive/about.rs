//! `GET /drive/v3/about`: who is asking, and how full the Drive is. `fields` is not optional here.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::json;

use super::store::BYTES_PER_USER;
use super::{API, READING, resource, shapes};
use crate::api::call::{Answer, Call, Method, call};
use crate::api::refusal::Refusal;
use crate::state::Shared;

const GET: Method = Method {
    api: &API,
    name: "google.apps.drive.v3.DriveAbout.Get",
    scopes: READING,
    shape: &shapes::ABOUT,
    default_fields: None,
    limit: super::BODY_LIMIT,
};

pub(crate) async fn endpoint(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    call(&shared, request, &GET, about).await
}

fn about(call: &Call) -> Result<Answer, Refusal> {
    if call.params.get("fields").is_none() {
        let message = "The 'fields' parameter is required for this method.";
        return Err(Refusal::bad_request("required", message).at("parameter", "fields"));
    }
    let used = call.shared.state().drives.used(call.sub()).to_string();
    Ok(Answer::Resource(json!({
        "kind": "drive#about",
        "user": resource::owner(&call.user),
        "storageQuota": {
            "limit": BYTES_PER_USER.to_string(),
            "usage": used,
            "usageInDrive": used,
            "usageInDriveTrash": "0",
        },
        "maxUploadSize": BYTES_PER_USER.to_string(),
        "appInstalled": false,
        "canCreateDrives": false,
    })))
}
