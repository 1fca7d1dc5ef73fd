//! A file as Drive's answers show it.

use serde_json::{Value, json};

use super::access::reads;
use super::store::File;
use crate::api::time::rfc3339;
use crate::seed::User;
use crate::state::grants::AccessToken;

/// Every member that the emulator knows; `fields` selects among them.
pub(super) fn of(file: &File, user: &User, token: &AccessToken) -> Value {
    let mut resource = json!({
        "kind": "drive#file",
        "id": file.id,
        "starred": file.flag("starred"),
        "trashed": file.flag("trashed"),
        "explicitlyTrashed": file.flag("trashed"),
        "spaces": [if file.is_app_data { "appDataFolder" } else { "drive" }],
        "version": file.version.to_string(),
        "webViewLink": view_link(file),
        "createdTime": rfc3339(file.created),
        "modifiedTime": rfc3339(file.modified),
        "owners": [owner(user)],
        "lastModifyingUser": owner(user),
        "shared": false,
        "ownedByMe": true,
        "quotaBytesUsed": file.content.bytes.len().to_string(),
        "isAppAuthorized": reads(token, file),
    });
    for (name, value) in &file.metadata {
        resource[name] = value.clone();
    }
    if !file.parent.is_empty() {
        resource["parents"] = json!([file.parent]);
    }
    if file.has_content() {
        describe_content(&mut resource, file);
    }
    resource
}

fn describe_content(resource: &mut Value, file: &File) {
    let name = file.text("name");
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let link = format!("https://drive.google.com/uc?id={}&export=download", file.id);
    resource["webContentLink"] = link.into();
    resource["originalFilename"] = name.into();
    resource["fullFileExtension"] = extension.into();
    resource["fileExtension"] = extension.into();
    resource["md5Checksum"] = file.content.md5.as_str().into();
    resource["sha1Checksum"] = file.content.sha1.as_str().into();
    resource["sha256Checksum"] = file.content.sha256.as_str().into();
    resource["size"] = file.content.bytes.len().to_string().into();
}

fn view_link(file: &File) -> String {
    let id = &file.id;
    if file.is_folder() {
        return format!("https://drive.google.com/drive/folders/{id}");
    }
    format!("https://drive.google.com/file/d/{id}/view?usp=drivesdk")
}

/// The caller, as a user of Drive.
pub(super) fn owner(user: &User) -> Value {
    let mut owner = json!({
        "kind": "drive#user",
        "displayName": user.name,
        "me": true,
        "permissionId": user.sub,
        "emailAddress": user.email,
    });
    if let Some(picture) = &user.picture {
        owner["photoLink"] = picture.as_str().into();
    }
    owner
}
