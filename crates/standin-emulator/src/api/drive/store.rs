//! The users' files and the uploads under way, within one quota each.

use std::collections::HashMap;

#[cfg(test)]
use axum::body::Bytes;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};

use super::hashed::Hashed;
use super::session::Sessions;
use super::{FOLDER, forbidden};
use crate::api::refusal::Refusal;
use crate::chance;

/// Where a user's Drive is full: the sum of all contents, uploads under way included.
pub(super) const BYTES_PER_USER: usize = 64 * 1024 * 1024;
const FILES_PER_USER: usize = 10_000;

/// All Drives, by subject, and all resumable uploads.
#[derive(Debug, Default)]
pub(crate) struct Drives {
    files: HashMap<String, Vec<File>>,
    pub(super) sessions: Sessions,
}

/// A file or a folder.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) id: String,
    /// Who made it: what `drive.file` and `drive.appdata` go by.
    pub(super) project: String,
    pub(super) is_app_data: bool,
    pub(super) parent: String,
    /// What callers write: name, type, description, flags and properties.
    pub(super) metadata: Map<String, Value>,
    pub(super) content: Hashed,
    pub(super) created: i64,
    pub(super) modified: i64,
    pub(super) version: u64,
}

/// The two folders that nobody made.
#[derive(Clone, Debug)]
pub(super) struct Folders {
    pub(super) root: String,
    pub(super) app_data: String,
}

impl Drives {
    pub(super) fn files(&self, sub: &str) -> &[File] {
        self.files.get(sub).map_or(&[], Vec::as_slice)
    }

    pub(super) fn find_mut(&mut self, sub: &str, id: &str) -> Option<&mut File> {
        self.files.get_mut(sub)?.iter_mut().find(|file| file.id == id)
    }

    pub(super) fn add(&mut self, sub: &str, file: File) -> Result<(), Refusal> {
        self.check_room(sub, file.content.bytes.len(), 1)?;
        self.files.entry(sub.to_owned()).or_default().push(file);
        Ok(())
    }

    /// Removes a file, and what is in it if it is a folder.
    pub(super) fn remove(&mut self, sub: &str, id: &str) {
        let mut doomed = vec![id.to_owned()];
        let Some(files) = self.files.get_mut(sub) else {
            return;
        };
        while let Some(id) = doomed.pop() {
            files.retain(|file| file.id != id);
            doomed.extend(files.iter().filter(|file| file.parent == id).map(|f| f.id.clone()));
        }
    }

    pub(super) fn used(&self, sub: &str) -> usize {
        let files: usize = self.files(sub).iter().map(|file| file.content.bytes.len()).sum();
        files + self.sessions.used(sub)
    }

    /// Refuses more than a Drive holds.
    pub(super) fn check_room(&self, sub: &str, bytes: usize, files: usize) -> Result<(), Refusal> {
        let is_full = self.used(sub).saturating_add(bytes) > BYTES_PER_USER
            || self.files(sub).len() + files > FILES_PER_USER;
        if is_full {
            let message = "The user's Drive storage quota has been exceeded.";
            return Err(forbidden("storageQuotaExceeded", message).domain("usageLimits"));
        }
        Ok(())
    }
}

impl File {
    pub(super) fn text(&self, name: &str) -> &str {
        self.metadata.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.metadata.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    pub(super) fn is_folder(&self) -> bool {
        self.text("mimeType") == FOLDER
    }

    /// Folders, documents and their like are no bytes.
    pub(super) fn has_content(&self) -> bool {
        !self.text("mimeType").starts_with("application/vnd.google-apps.")
    }
}

impl Folders {
    /// Ids as Google makes them: 19 characters, the root's ending in the base64 of `ROOT`.
    pub(super) fn of(sub: &str, project: &str) -> Self {
        let digest = |text: &str| BASE64URL_NOPAD.encode(&chance::sha256(text.as_bytes()));
        let app_data = digest(&format!("{sub} {project}"));
        Self { root: format!("0A{}Uk9PVA", &digest(sub)[..11]), app_data: app_data[..33].into() }
    }

    /// The id behind `root` and `appDataFolder`; any other id is itself.
    pub(super) fn resolve<'a>(&'a self, id: &'a str) -> &'a str {
        match id {
            "root" => &self.root,
            "appDataFolder" => &self.app_data,
            other => other,
        }
    }
}

/// 33 characters beginning with a 1.
pub(super) fn file_id() -> String {
    format!("1{}", &chance::opaque_id()[..32])
}

#[cfg(test)]
pub(super) fn a_file(name: &str, mime_type: &str) -> File {
    let metadata = serde_json::json!({"name": name, "mimeType": mime_type});
    File {
        id: name.to_owned(),
        project: "p".to_owned(),
        is_app_data: false,
        parent: "root".to_owned(),
        metadata: metadata.as_object().cloned().unwrap_or_default(),
        content: Hashed::of(Bytes::new()),
        created: 0,
        modified: 0,
        version: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_all_that_is_in_it() {
        let mut drives = Drives::default();
        for (name, parent) in [("a", "root"), ("b", "a"), ("c", "b"), ("d", "root")] {
            drives.add("1", File { parent: parent.to_owned(), ..a_file(name, FOLDER) }).unwrap();
        }
        drives.remove("1", "a");
        assert_eq!(drives.files("1").iter().map(|file| &file.id).collect::<Vec<_>>(), ["d"]);
    }

    #[test]
    fn a_full_drive_takes_no_more_bytes_and_no_more_files() {
        let mut drives = Drives::default();
        let big = File {
            content: Hashed::of(Bytes::from(vec![0; BYTES_PER_USER])),
            ..a_file("a", "x/y")
        };
        drives.add("1", big).unwrap();
        drives.add("1", a_file("empty", "x/y")).unwrap();
        let byte = File { content: Hashed::of(Bytes::from_static(b"x")), ..a_file("b", "x/y") };
        assert!(drives.add("1", byte.clone()).is_err());
        assert!(drives.add("2", byte).is_ok());
        let files = drives.files.entry("3".to_owned()).or_default();
        files.extend(std::iter::repeat_n(a_file("c", "x/y"), FILES_PER_USER));
        assert!(drives.add("3", a_file("d", "x/y")).is_err());
    }

    #[test]
    fn the_root_has_googles_shape() {
        assert_eq!(Folders::of("1", "p").root.len(), 19);
        assert_ne!(Folders::of("1", "p").app_data, Folders::of("1", "q").app_data);
    }
}
