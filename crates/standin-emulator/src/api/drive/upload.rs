//! `POST /upload/drive/v3/files` and `PATCH …/{id}`: content, alone, with metadata, or to come.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::response::Response;
use serde_json::Map;

use super::create::CREATE;
use super::metadata::{self, Content};
use super::multipart::Multipart;
use super::update::UPDATE;
use super::{UPLOAD_LIMIT, resource, resumable};
use crate::api::call::{Answer, Call, Method, call, json_object};
use crate::api::refusal::Refusal;
use crate::state::Shared;

const NEW: Method = Method { limit: UPLOAD_LIMIT, ..CREATE };
const OVER: Method = Method { limit: UPLOAD_LIMIT, ..UPDATE };

pub(crate) async fn create(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    call(&shared, request, &NEW, |call| uploaded(call, None)).await
}

pub(crate) async fn update(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    call(&shared, request, &OVER, |call| uploaded(call, Some(&id))).await
}

fn uploaded(call: &Call, target: Option<&str>) -> Result<Answer, Refusal> {
    let content_type = call.header(header::CONTENT_TYPE).unwrap_or_default();
    let (given, content_type, bytes) = match call.params.get("uploadType") {
        Some("media") => (Map::new(), content_type.to_owned(), call.body.clone()),
        Some("multipart") => {
            let parts = Multipart::parse(content_type, &call.body)
                .ok_or_else(|| Refusal::bad_request("badContent", "Malformed multipart body."))?;
            (json_object(&parts.metadata)?, parts.content_type, parts.content)
        }
        Some("resumable") => return resumable::begin(call, target),
        _ => return Err(Refusal::bad_request("badRequest", "Unsupported uploadType")),
    };
    let content = Some(Content { content_type, bytes });
    let (token, now) = (&call.token, call.now());
    let drives = &mut call.shared.state().drives;
    let file = match target {
        Some(id) => metadata::update(drives, token, id, &call.params, &given, content, now)?,
        None => metadata::create(drives, token, &given, content, now)?,
    };
    Ok(Answer::Resource(resource::of(&file, &call.user, token)))
}
