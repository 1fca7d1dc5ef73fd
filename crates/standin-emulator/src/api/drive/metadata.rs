//! What a caller says about a file, checked; and how it becomes one.

use axum::body::Bytes;
use serde_json::{Map, Value};

use super::access::{find, find_to_change, no_such_space, opens_space};
use super::hashed::Hashed;
use super::shapes::FILE;
use super::store::{Drives, File, Folders, file_id};
use super::{FOLDER, forbidden, not_found};
use crate::api::params::Params;
use crate::api::refusal::Refusal;
use crate::api::time::instant;
use crate::state::grants::AccessToken;

type Check = fn(&Value) -> bool;

/// Members that become part of a file as they are, with the kind of value they take.
const WRITABLE: [(&str, Check); 7] = [
    ("name", Value::is_string),
    ("mimeType", Value::is_string),
    ("description", Value::is_string),
    ("starred", Value::is_boolean),
    ("trashed", Value::is_boolean),
    ("properties", Value::is_object),
    ("appProperties", Value::is_object),
];

/// Bytes and the type they came with.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) content_type: String,
    pub(super) bytes: Bytes,
}

/// Makes a file of metadata and, unless it is a folder or empty, content.
pub(super) fn create(
    drives: &mut Drives,
    token: &AccessToken,
    given: &Map<String, Value>,
    content: Option<Content>,
    now: i64,
) -> Result<File, Refusal> {
    let parent = check_new(drives, token, given)?;
    let folders = Folders::of(&token.owner.sub, &token.owner.project);
    let is_app_data = is_in_app_data(drives, token, &folders, &parent);
    let mut file = File {
        id: file_id(),
        project: token.owner.project.clone(),
        is_app_data,
        parent,
        metadata: Map::new(),
        content: Hashed::of(Bytes::new()),
        created: time(given, "createdTime")?.unwrap_or(now),
        modified: 0,
        version: 0,
    };
    write(&mut file, given, content, now)?;
    let defaults = [("name", "Untitled"), ("mimeType", "application/octet-stream")];
    for (name, default) in defaults {
        if file.text(name).is_empty() {
            file.metadata.insert(name.to_owned(), default.into());
        }
    }
    drives.add(&token.owner.sub, file.clone())?;
    Ok(file)
}

/// Changes a file's metadata, its place, and its content if there is any.
pub(super) fn update(
    drives: &mut Drives,
    token: &AccessToken,
    id: &str,
    params: &Params,
    given: &Map<String, Value>,
    content: Option<Content>,
    now: i64,
) -> Result<File, Refusal> {
    let mut file = find_to_change(drives, token, id, content.is_none())?;
    check_change(given)?;
    let grows = content.as_ref().map_or(0, |content| content.bytes.len());
    drives.check_room(&token.owner.sub, grows.saturating_sub(file.content.bytes.len()), 0)?;
    move_file(drives, token, &mut file, params)?;
    write(&mut file, given, content, now)?;
    let stored = drives.find_mut(&token.owner.sub, &file.id).ok_or_else(|| not_found(id))?;
    stored.clone_from(&file);
    Ok(file)
}

/// Checks what a new file is to be, before any content comes, and finds its folder.
pub(super) fn check_new(
    drives: &Drives,
    token: &AccessToken,
    given: &Map<String, Value>,
) -> Result<String, Refusal> {
    if given.get("id").is_some_and(|id| !id.is_null()) {
        let message = "The provided file ID is not usable.";
        return Err(Refusal::bad_request("invalid", message).at("parameter", "file.id"));
    }
    check_values(given)?;
    let folders = Folders::of(&token.owner.sub, &token.owner.project);
    let parents = given.get("parents").filter(|parents| !parents.is_null());
    let parent = match parents.map(|parents| parents.as_array().map(Vec::as_slice)) {
        None | Some(Some([])) => folders.root,
        Some(Some([Value::String(id)])) => folder(drives, token, &folders, id)?,
        Some(_) => return Err(Refusal::bad_request("invalid", "Invalid Value")),
    };
    let folders = Folders::of(&token.owner.sub, &token.owner.project);
    let is_app_data = is_in_app_data(drives, token, &folders, &parent);
    let space = if is_app_data { "appDataFolder" } else { "drive" };
    if !opens_space(token, space) {
        return Err(no_such_space());
    }
    Ok(parent)
}

/// Checks a change of metadata, before any content comes.
pub(super) fn check_change(given: &Map<String, Value>) -> Result<(), Refusal> {
    if given.contains_key("parents") {
        let message = "The parents field is not directly writable in update requests. Use the \
            addParents and removeParents parameters instead.";
        return Err(forbidden("fieldNotWritable", message));
    }
    let is_writable = |name: &str| {
        ["kind", "modifiedTime"].contains(&name) || WRITABLE.iter().any(|(own, _)| *own == name)
    };
    if given.keys().any(|name| FILE.member(name).is_some() && !is_writable(name)) {
        let message = "The resource body includes fields which are not directly writable.";
        return Err(forbidden("fieldNotWritable", message));
    }
    check_values(given)
}

fn check_values(given: &Map<String, Value>) -> Result<(), Refusal> {
    for (name, is_right) in WRITABLE {
        if given.get(name).is_some_and(|value| !value.is_null() && !is_right(value)) {
            return Err(Refusal::bad_request("invalid", "Invalid Value"));
        }
    }
    ["createdTime", "modifiedTime"].into_iter().try_for_each(|name| time(given, name).map(|_| ()))
}

/// The id of a folder that the token sees.
fn folder(
    drives: &Drives,
    token: &AccessToken,
    folders: &Folders,
    id: &str,
) -> Result<String, Refusal> {
    let resolved = folders.resolve(id);
    if resolved == folders.root || resolved == folders.app_data {
        return Ok(resolved.to_owned());
    }
    let file = find(drives, token, id)?;
    if file.is_folder() {
        return Ok(file.id);
    }
    let message = "The specified parent is not a folder.";
    Err(forbidden("parentNotAFolder", message).at("parameter", "parents"))
}

fn is_in_app_data(drives: &Drives, token: &AccessToken, folders: &Folders, parent: &str) -> bool {
    let mut files = drives.files(&token.owner.sub).iter();
    parent == folders.app_data || files.any(|file| file.id == parent && file.is_app_data)
}

/// `addParents` and `removeParents`: a file is in one folder, so the new one takes the old one's place.
fn move_file(
    drives: &Drives,
    token: &AccessToken,
    file: &mut File,
    params: &Params,
) -> Result<(), Refusal> {
    let folders = Folders::of(&token.owner.sub, &token.owner.project);
    let Some(target) = params.get("addParents") else {
        return Ok(());
    };
    let target = folder(drives, token, &folders, target)?;
    if is_in_app_data(drives, token, &folders, &target) != file.is_app_data
        || is_within(drives, &token.owner.sub, &target, &file.id)
    {
        let message = "The specified parent cannot be added to this file.";
        return Err(forbidden("cannotAddParent", message));
    }
    file.parent = target;
    Ok(())
}

/// Whether a folder is another one or below it: nothing moves into itself.
fn is_within(drives: &Drives, sub: &str, folder: &str, other: &str) -> bool {
    let files = drives.files(sub);
    let mut at = Some(folder);
    while let Some(id) = at.filter(|id| *id != other) {
        at = files.iter().find(|file| file.id == id).map(|file| file.parent.as_str());
    }
    at.is_some()
}

fn write(
    file: &mut File,
    given: &Map<String, Value>,
    content: Option<Content>,
    now: i64,
) -> Result<(), Refusal> {
    for (name, _) in WRITABLE {
        match given.get(name) {
            Some(Value::Null) => drop(file.metadata.remove(name)),
            Some(Value::Object(changes)) => merge(&mut file.metadata, name, changes),
            Some(value) => drop(file.metadata.insert(name.to_owned(), value.clone())),
            None => {}
        }
    }
    if let Some(Content { content_type, bytes }) = content {
        if file.text("mimeType").is_empty() && !content_type.is_empty() {
            file.metadata.insert("mimeType".to_owned(), content_type.into());
        }
        if file.text("mimeType") == FOLDER && !bytes.is_empty() {
            let message = "The uploaded content is not allowed for a folder.";
            return Err(Refusal::bad_request("invalidContentType", message));
        }
        file.content = Hashed::of(bytes);
    }
    file.modified = time(given, "modifiedTime")?.unwrap_or(now);
    file.version += 1;
    Ok(())
}

/// Properties are merged by key; `null` deletes one.
fn merge(metadata: &mut Map<String, Value>, name: &str, changes: &Map<String, Value>) {
    let known = metadata.entry(name).or_insert_with(|| Value::Object(Map::new()));
    let Some(known) = known.as_object_mut() else {
        return;
    };
    for (key, value) in changes {
        if value.is_null() {
            known.remove(key);
        } else {
            known.insert(key.clone(), value.clone());
        }
    }
}

fn time(given: &Map<String, Value>, name: &str) -> Result<Option<i64>, Refusal> {
    let Some(value) = given.get(name).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let at = value.as_str().and_then(instant);
    let at = at.and_then(|at| i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok());
    at.map(Some).ok_or_else(|| Refusal::bad_request("invalid", "Invalid Value"))
}
