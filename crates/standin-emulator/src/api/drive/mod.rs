//! Drive v3: folders and files of any bytes, per user; `drive.file` sees what its own project made.
//!
//! ```text
//! create, update ───────────────┐
//! upload (media, multipart) ────┼─▶ metadata (checked) ─▶ store ─▶ list (q, orderBy), get, download
//! resumable ─▶ session ─ chunks ┘
//! ```

pub(crate) mod about;
mod access;
mod content_range;
pub(crate) mod create;
pub(crate) mod delete;
mod download;
pub(crate) mod get;
mod hashed;
pub(crate) mod list;
mod metadata;
mod multipart;
mod order;
mod query;
mod resource;
pub(crate) mod resumable;
mod session;
mod shapes;
mod store;
pub(crate) mod update;
pub(crate) mod upload;

use axum::http::StatusCode;

use super::call::{Api, Call};
use super::refusal::{NEWER, Refusal};
pub(crate) use store::Drives;

const API: Api =
    Api { service: "drive.googleapis.com", errors: NEWER, lists_insufficient_permissions: false };
const BODY_LIMIT: usize = 1024 * 1024;
/// What `media` and `multipart` take in one body.
const UPLOAD_LIMIT: usize = 5 * 1024 * 1024;
const FOLDER: &str = "application/vnd.google-apps.folder";
const FILE_FIELDS: &str = "kind,id,name,mimeType";
const LIST_FIELDS: &str = "kind,nextPageToken,incompleteSearch,files(kind,id,name,mimeType)";
const READING: &[&str] = &[
    "drive",
    "drive.appdata",
    "drive.file",
    "drive.metadata",
    "drive.metadata.readonly",
    "drive.readonly",
];
const CREATING: &[&str] = &["drive", "drive.appdata", "drive.file"];

fn not_found(id: &str) -> Refusal {
    let message = format!("File not found: {id}.");
    Refusal::new(StatusCode::NOT_FOUND, "notFound", message).at("parameter", "fileId")
}

fn forbidden(reason: &'static str, message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, reason, message)
}

/// A number of bytes as ranges write it: digits, and no sign.
fn number(text: &str) -> Option<usize> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

impl Call {
    fn sub(&self) -> &str {
        &self.token.owner.sub
    }
}
