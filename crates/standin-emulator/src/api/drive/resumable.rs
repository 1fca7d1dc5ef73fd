//! Resumable uploads: begun with metadata, filled by `PUT` and `Content-Range`, asked with `bytes */N`.
//!
//! The session URI is itself the permission: its requests need no token, as at Google.

use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method as Verb, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::access::find_to_change;
use super::content_range::ContentRange;
use super::create::CREATE;
use super::metadata::{self, Content, check_change, check_new};
use super::session::{Session, Standing};
use super::store::{BYTES_PER_USER, Drives, File};
use super::{not_found, resource, shapes};
use crate::api::call::{Answer, Call, event};
use crate::api::params::Params;
use crate::api::refusal::{Refusal, json_answer};
use crate::chance;
use crate::state::Shared;

const UPLOAD_ID: HeaderName = HeaderName::from_static("x-guploader-uploadid");

/// Begins an upload, of a new file or over an old one.
pub(super) fn begin(call: &Call, target: Option<&str>) -> Result<Answer, Refusal> {
    let metadata = call.json()?;
    let named = |name| call.header(HeaderName::from_static(name));
    let total = named("x-upload-content-length").and_then(|length| length.parse().ok());
    let content_type = named("x-upload-content-type").unwrap_or_default().to_owned();
    let drives = &mut call.shared.state().drives;
    match target {
        Some(id) => {
            find_to_change(drives, &call.token, id, false)?;
            check_change(&metadata)?;
        }
        None => drop(check_new(drives, &call.token, &metadata)?),
    }
    drives.check_room(call.sub(), total.unwrap_or(0), 1)?;
    let id = chance::opaque_id();
    let location = location(&call.shared.origin, target, &id);
    drives.sessions.add(Session {
        id: id.clone(),
        token: call.token.clone(),
        target: target.map(str::to_owned),
        metadata,
        params: call.params.clone(),
        content_type,
        total,
        received: Vec::new(),
        done: None,
    });
    Ok(Answer::Other(([(header::LOCATION, location), (UPLOAD_ID, id)], ()).into_response()))
}

fn location(origin: &str, target: Option<&str>, id: &str) -> String {
    let target = target.map(|file| format!("/{file}")).unwrap_or_default();
    format!("{origin}/upload/drive/v3/files{target}?uploadType=resumable&upload_id={id}")
}

/// `PUT` (bytes or a question) and `DELETE` (never mind) of a session URI.
pub(crate) async fn endpoint(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let params = Params::parse(parts.uri.query());
    let id = params.get("upload_id").unwrap_or_default();
    let known = shared.state().drives.sessions.find(id).map(|session| session.token.clone());
    let mut event = event(&parts);
    let response = if let Some(token) = known {
        event = event.user(shared.state().email_of(&token.owner.sub)).client(token.client_id);
        match (parts.method == Verb::DELETE, to_bytes(body, BYTES_PER_USER).await) {
            (true, _) => cancelled(&shared, id),
            (false, Ok(body)) => {
                continued(&shared, id, parts.headers.get(header::CONTENT_RANGE), &body)
            }
            (false, Err(_)) => plain(StatusCode::PAYLOAD_TOO_LARGE, "Request Too Large."),
        }
    } else {
        plain(StatusCode::NOT_FOUND, "Not Found")
    };
    shared.record(event.with("status", response.status().as_u16()));
    response
}

/// 499, the status that Google's upload servers give to what the client gave up.
fn cancelled(shared: &Shared, id: &str) -> Response {
    shared.state().drives.sessions.take(id);
    StatusCode::from_u16(499).unwrap_or(StatusCode::NO_CONTENT).into_response()
}

fn continued(shared: &Shared, id: &str, range: Option<&HeaderValue>, body: &Bytes) -> Response {
    let text = range.map(|range| range.to_str().unwrap_or_default());
    let range = match text.map(ContentRange::parse) {
        Some(None) => {
            return plain(StatusCode::BAD_REQUEST, "Failed to parse Content-Range header.");
        }
        range => range.flatten(),
    };
    let now = shared.clock.now_unix_ms();
    let mut state = shared.state();
    let session = state.drives.sessions.take(id);
    // A session without an owner is dropped: the account has been deleted.
    let owned = session.and_then(|session| Some((state.account(session.sub())?, session)));
    let Some((owner, mut session)) = owned else {
        return plain(StatusCode::NOT_FOUND, "Not Found");
    };
    let response = match advance(&mut state.drives, &mut session, range, body, now) {
        Ok(Some(file)) => finished(&session, resource::of(&file, &owner, &session.token)),
        Ok(None) => incomplete(session.received.len()),
        Err(Failure::Upload(text)) => plain(StatusCode::BAD_REQUEST, &text),
        Err(Failure::Drive(refusal)) => refusal.into_response(&super::API.errors),
    };
    state.drives.sessions.add(session);
    response
}

/// What stops an upload: its bytes, or what it was to become.
enum Failure {
    Upload(String),
    Drive(Refusal),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Drive(refusal)
    }
}

/// Takes the bytes, and makes or changes the file when they are all there. A file that is refused leaves
/// the bytes where they are, so that a question meets the same refusal.
fn advance(
    drives: &mut Drives,
    session: &mut Session,
    range: Option<ContentRange>,
    body: &Bytes,
    now: i64,
) -> Result<Option<File>, Failure> {
    let sub = session.sub().to_owned();
    drives.check_room(&sub, session.received.len().saturating_add(body.len()), 0)?;
    if session.take(range, body).map_err(Failure::Upload)? == Standing::Incomplete {
        return Ok(None);
    }
    if let Some(id) = &session.done {
        let file = drives.find_mut(&sub, id).cloned();
        return Ok(Some(file.ok_or_else(|| not_found(id))?));
    }
    let bytes = Bytes::from(std::mem::take(&mut session.received));
    let content =
        Some(Content { content_type: session.content_type.clone(), bytes: bytes.clone() });
    let Session { token, metadata, params, target, .. } = &*session;
    let made = match target {
        Some(id) => metadata::update(drives, token, id, params, metadata, content, now),
        None => metadata::create(drives, token, metadata, content, now),
    };
    let file = made.inspect_err(|_| session.received = bytes.into())?;
    session.done = Some(file.id.clone());
    Ok(Some(file))
}

fn finished(session: &Session, resource: Value) -> Response {
    match CREATE.fields(session.params.get("fields")) {
        Ok(fields) => json_answer(StatusCode::OK, &shapes::FILE, &fields.select(resource), true),
        Err(refusal) => refusal.into_response(&super::API.errors),
    }
}

/// 308 with what is there; without `Range` if that is nothing.
fn incomplete(received: usize) -> Response {
    let mut response = StatusCode::PERMANENT_REDIRECT.into_response();
    let last = received.checked_sub(1).map(|last| format!("bytes=0-{last}"));
    if let Some(range) = last.and_then(|range| HeaderValue::from_str(&range).ok()) {
        response.headers_mut().insert(header::RANGE, range);
    }
    response
}

fn plain(status: StatusCode, text: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, text.to_owned()).into_response()
}
