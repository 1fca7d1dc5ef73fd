//! Which files a token sees and changes.

use super::hashed::Hashed;
use super::store::{Drives, File, Folders};
use super::{FOLDER, forbidden, not_found};
use crate::api::refusal::Refusal;
use crate::scopes;
use crate::state::grants::AccessToken;

const SEE_EVERYTHING: [&str; 4] =
    ["drive", "drive.metadata", "drive.metadata.readonly", "drive.readonly"];

fn has(token: &AccessToken, name: &str) -> bool {
    token.scopes.contains(&scopes::url(name))
}

/// The application's own data is its project's alone; other files are seen as the scopes say.
pub(super) fn sees(token: &AccessToken, file: &File) -> bool {
    let is_own = file.project == token.owner.project;
    if file.is_app_data {
        return is_own && has(token, "drive.appdata");
    }
    is_own && has(token, "drive.file") || SEE_EVERYTHING.iter().any(|name| has(token, name))
}

/// Whether a token may read contents, not only what is said about them.
pub(super) fn reads(token: &AccessToken, file: &File) -> bool {
    let is_own = file.project == token.owner.project;
    let own = if file.is_app_data { "drive.appdata" } else { "drive.file" };
    is_own && has(token, own)
        || !file.is_app_data && ["drive", "drive.readonly"].iter().any(|name| has(token, name))
}

/// Whether a token may use a space: `drive` with anything but `drive.appdata` alone.
pub(super) fn opens_space(token: &AccessToken, space: &str) -> bool {
    match space {
        "appDataFolder" => has(token, "drive.appdata"),
        _ => has(token, "drive.file") || SEE_EVERYTHING.iter().any(|name| has(token, name)),
    }
}

pub(super) fn no_such_space() -> Refusal {
    let message = "The granted scopes do not give access to all of the requested spaces.";
    forbidden("insufficientScopes", message).at("parameter", "spaces")
}

/// A file that the token sees. `root` is a folder for those who see everything.
pub(super) fn find(drives: &Drives, token: &AccessToken, id: &str) -> Result<File, Refusal> {
    let folders = Folders::of(&token.owner.sub, &token.owner.project);
    let wanted = folders.resolve(id);
    if wanted == folders.root && SEE_EVERYTHING.iter().any(|name| has(token, name)) {
        return Ok(root(wanted));
    }
    let mut files = drives.files(&token.owner.sub).iter();
    let file = files.find(|file| file.id == wanted && sees(token, file));
    file.cloned().ok_or_else(|| not_found(id))
}

/// A file that the token may change.
pub(super) fn find_to_change(
    drives: &Drives,
    token: &AccessToken,
    id: &str,
    metadata_only: bool,
) -> Result<File, Refusal> {
    let file = find(drives, token, id)?;
    let is_own = file.project == token.owner.project;
    let own = if file.is_app_data { "drive.appdata" } else { "drive.file" };
    let may = is_own && has(token, own)
        || !file.is_app_data && has(token, "drive")
        || !file.is_app_data && metadata_only && has(token, "drive.metadata");
    let project = &token.owner.project;
    may.then_some(file).ok_or_else(|| {
        let message =
            format!("The user has not granted the app {project} write access to the file {id}.");
        forbidden("appNotAuthorizedToFile", message).at("header", "Authorization")
    })
}

fn root(id: &str) -> File {
    let metadata = serde_json::json!({"name": "My Drive", "mimeType": FOLDER});
    File {
        id: id.to_owned(),
        project: String::new(),
        is_app_data: false,
        parent: String::new(),
        metadata: metadata.as_object().cloned().unwrap_or_default(),
        content: Hashed::of(axum::body::Bytes::new()),
        created: 0,
        modified: 0,
        version: 1,
    }
}
