//! Drive v3 files: upload, list and read back; `drive.file` sees only what its own project made.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::multipart::Multipart;
use super::{Caller, Method, call, query_param, refusal, taken_apart};
use crate::chance;
use crate::object::Object;
use crate::reply;
use crate::scopes;
use crate::state::Shared;

const CREATE: Method = Method {
    service: "drive.googleapis.com",
    name: "google.apps.drive.v3.DriveFiles.Create",
    scopes: &["drive", "drive.appdata", "drive.file"],
};
const LIST: Method = Method {
    service: "drive.googleapis.com",
    name: "google.apps.drive.v3.DriveFiles.List",
    scopes: READING,
};
const GET: Method = Method {
    service: "drive.googleapis.com",
    name: "google.apps.drive.v3.DriveFiles.Get",
    scopes: READING,
};
const READING: &[&str] = &[
    "drive",
    "drive.appdata",
    "drive.file",
    "drive.metadata",
    "drive.metadata.readonly",
    "drive.readonly",
];

/// A stored file and the project that made it.
#[derive(Clone, Debug)]
pub(crate) struct File {
    id: String,
    name: String,
    mime_type: String,
    project: String,
    content: Bytes,
}

/// `POST /upload/drive/v3/files?uploadType=multipart|media`.
pub(crate) async fn upload(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = match taken_apart(request).await {
        Ok(taken) => taken,
        Err(response) => return response,
    };
    call(&shared, &parts, &CREATE, |caller| {
        let content_type = parts.headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let file = match query_param(&parts, "uploadType").as_deref() {
            Some("media") => Some(new_file(caller, &Map::new(), content_type, body.clone())),
            Some("multipart") => from_multipart(caller, content_type, &body),
            _ => {
                return refusal(StatusCode::BAD_REQUEST, "badRequest", "Unsupported uploadType");
            }
        };
        match file {
            Some(file) => stored(&shared, caller, file),
            None => refusal(StatusCode::BAD_REQUEST, "badContent", "Malformed multipart body."),
        }
    })
}

/// `GET /drive/v3/files`, newest first.
pub(crate) async fn list(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    call(&shared, &parts, &LIST, |caller| {
        let limit = query_param(&parts, "pageSize").and_then(|text| text.parse().ok());
        let state = shared.state();
        let files = state.files.get(&caller.user.sub).into_iter().flatten().rev();
        let files = files.filter(|file| is_visible(caller, file)).take(limit.unwrap_or(100));
        let files: Vec<Value> =
            files.filter_map(|file| serde_json::to_value(file.metadata()).ok()).collect();
        let list = Object::default()
            .with("kind", "drive#fileList")
            .with("incompleteSearch", false)
            .with("files", files);
        reply::json(StatusCode::OK, &list)
    })
}

/// `GET /drive/v3/files/{id}`, with `alt=media` for the content.
pub(crate) async fn get(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    call(&shared, &parts, &GET, |caller| {
        let state = shared.state();
        let mut files = state.files.get(&caller.user.sub).into_iter().flatten();
        let file = files.find(|file| file.id == id && is_visible(caller, file));
        file.map_or_else(|| not_found(&id), |file| file_answer(&parts, file))
    })
}

fn not_found(id: &str) -> Response {
    refusal(StatusCode::NOT_FOUND, "notFound", &format!("File not found: {id}."))
}

fn file_answer(parts: &Parts, file: &File) -> Response {
    if query_param(parts, "alt").as_deref() == Some("media") {
        // Never as HTML: the content is the caller's, the origin is ours.
        let headers = [
            (header::CONTENT_TYPE, "application/octet-stream"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        return (headers, file.content.clone()).into_response();
    }
    reply::json(StatusCode::OK, &file.metadata())
}

fn stored(shared: &Shared, caller: &Caller, file: File) -> Response {
    let metadata = file.metadata();
    shared.state().files.entry(caller.user.sub.clone()).or_default().push(file);
    reply::json(StatusCode::OK, &metadata)
}

fn from_multipart(caller: &Caller, content_type: &str, body: &Bytes) -> Option<File> {
    let Multipart { metadata, content_type, content } = Multipart::parse(content_type, body)?;
    let metadata: Map<String, Value> = serde_json::from_slice(&metadata).ok()?;
    Some(new_file(caller, &metadata, &content_type, content))
}

fn new_file(
    caller: &Caller,
    metadata: &Map<String, Value>,
    fallback_type: &str,
    content: Bytes,
) -> File {
    let text = |name: &str| metadata.get(name).and_then(Value::as_str).map(str::to_owned);
    let fallback_type =
        if fallback_type.is_empty() { "application/octet-stream" } else { fallback_type };
    File {
        id: format!("1{}", &chance::opaque_id()[..32]),
        name: text("name").unwrap_or_else(|| "Untitled".to_owned()),
        mime_type: text("mimeType").unwrap_or_else(|| fallback_type.to_owned()),
        project: caller.token.owner.project.clone(),
        content,
    }
}

/// The per-file scopes show what the same project made, the others everything.
fn is_visible(caller: &Caller, file: &File) -> bool {
    let everything = ["drive", "drive.metadata", "drive.metadata.readonly", "drive.readonly"];
    file.project == caller.token.owner.project
        || everything.iter().any(|name| caller.token.scopes.contains(&scopes::url(name)))
}

impl File {
    fn metadata(&self) -> Object {
        Object::default()
            .with("kind", "drive#file")
            .with("id", self.id.as_str())
            .with("name", self.name.as_str())
            .with("mimeType", self.mime_type.as_str())
    }
}
