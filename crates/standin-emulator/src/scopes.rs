//! Google's scopes as far as this emulator knows them, and their two spellings.
//!
//! `email` and `profile` have URL forms; grants and token answers use only those, the redirect back
//! to a client carries both.

use std::collections::BTreeSet;

/// The URL form of `email`.
pub(crate) const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";
/// The URL form of `profile`.
pub(crate) const PROFILE: &str = "https://www.googleapis.com/auth/userinfo.profile";
/// The scope that makes a request an OpenID Connect one.
pub(crate) const OPENID: &str = "openid";

/// The short name that Google's documentation uses, without the common prefix.
const PREFIX: &str = "https://www.googleapis.com/auth/";

/// Scopes beyond sign-in, and what the consent page says about each.
const BEYOND_SIGN_IN: [(&str, &str); 22] = [
    ("calendar", "See, edit, share and permanently delete all your calendars"),
    ("calendar.app.created", "Make secondary calendars, and see and change their events"),
    ("calendar.events", "View and edit events on all your calendars"),
    ("calendar.events.owned", "See, create, change and delete events on calendars you own"),
    ("calendar.events.readonly", "View events on all your calendars"),
    ("calendar.freebusy", "View your availability in your calendars"),
    ("calendar.readonly", "See and download any calendar you can access"),
    ("calendar.settings.readonly", "View your calendar settings"),
    ("contacts", "See, edit, download and permanently delete your contacts"),
    ("contacts.readonly", "See and download your contacts"),
    ("drive", "See, edit, create and delete all of your Google Drive files"),
    ("drive.appdata", "See, create and delete its own configuration data in Google Drive"),
    (
        "drive.file",
        "See, edit, create and delete only the Google Drive files you use with this app",
    ),
    ("drive.metadata", "View and manage metadata of files in your Google Drive"),
    ("drive.metadata.readonly", "See information about your Google Drive files"),
    ("drive.readonly", "See and download all your Google Drive files"),
    ("gmail.readonly", "View your email messages and settings"),
    ("gmail.send", "Send email on your behalf"),
    ("youtube", "Manage your YouTube account"),
    (
        "youtube.force-ssl",
        "See, edit and permanently delete your YouTube videos, ratings and comments",
    ),
    ("youtube.readonly", "View your YouTube account"),
    ("youtube.upload", "Manage your YouTube videos"),
];

/// The full form of a scope known by its last part.
pub(crate) fn url(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// The canonical form of one scope: URL form of `email` and `profile`, anything else as it is.
pub(crate) fn canonical(scope: &str) -> &str {
    match scope {
        "email" => EMAIL,
        "profile" => PROFILE,
        other => other,
    }
}

pub(crate) fn is_known(scope: &str) -> bool {
    is_sign_in(canonical(scope)) || describe(scope).is_some()
}

/// Scopes that programs ask for and no consent page here knows.
const FOR_SERVICES: [&str; 24] = [
    "admin.directory.group.readonly",
    "admin.directory.user",
    "admin.directory.user.readonly",
    "analytics.edit",
    "analytics.readonly",
    "androidpublisher",
    "bigquery",
    "cloud-platform",
    "cloud-platform.read-only",
    "datastore",
    "devstorage.full_control",
    "devstorage.read_only",
    "devstorage.read_write",
    "documents",
    "firebase",
    "firebase.database",
    "firebase.messaging",
    "gmail.modify",
    "indexing",
    "pubsub",
    "spreadsheets",
    "spreadsheets.readonly",
    "webmasters",
    "webmasters.readonly",
];

/// Whether a service account may be given this scope although no page offers it.
pub(crate) fn is_for_services(scope: &str) -> bool {
    let risc = ["risc.status.readonly", "risc.status.readwrite", "risc.verify"];
    let risc_configuration = ["risc.configuration.readonly", "risc.configuration.readwrite"];
    scope.strip_prefix(PREFIX).is_some_and(|name| {
        FOR_SERVICES.contains(&name) || risc.contains(&name) || risc_configuration.contains(&name)
    })
}

/// Takes a canonical scope.
pub(crate) fn is_sign_in(scope: &str) -> bool {
    [OPENID, EMAIL, PROFILE].contains(&scope)
}

/// What the consent page says about a scope beyond sign-in.
pub(crate) fn describe(scope: &str) -> Option<&'static str> {
    let name = scope.strip_prefix(PREFIX)?;
    BEYOND_SIGN_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// A space-separated list in canonical form. `email` or `profile` alone imply `openid`, as Google's do.
pub(crate) fn parse(list: &str) -> BTreeSet<String> {
    let mut scopes: BTreeSet<String> =
        words(list).map(|scope| canonical(scope).to_owned()).collect();
    if scopes.contains(EMAIL) || scopes.contains(PROFILE) {
        scopes.insert(OPENID.to_owned());
    }
    scopes
}

pub(crate) fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(' ').filter(|word| !word.is_empty())
}

/// The token endpoint's spelling: URL forms only.
pub(crate) fn join(scopes: &BTreeSet<String>) -> String {
    scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The redirect's spelling: short names first, then everything in canonical form.
pub(crate) fn join_both_forms(scopes: &BTreeSet<String>) -> String {
    let short = [("email", EMAIL), ("profile", PROFILE)];
    let short = short.iter().filter(|(_, long)| scopes.contains(*long)).map(|(short, _)| *short);
    short.chain(scopes.iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
}

/// Whether the consent page offers a box for each scope beyond sign-in.
///
/// Google does so when there is something to choose: two such scopes, or one beside sign-in.
pub(crate) fn is_granular(scopes: &BTreeSet<String>) -> bool {
    let sign_in = scopes.iter().filter(|scope| is_sign_in(scope)).count();
    let beyond = scopes.len() - sign_in;
    beyond >= 2 || (beyond == 1 && sign_in > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_become_urls_and_bring_openid_along() {
        assert_eq!(join(&parse("email")), format!("{EMAIL} openid"));
        assert_eq!(parse("openid email profile"), parse("profile email"));
    }

    #[test]
    fn the_redirect_carries_both_spellings() {
        assert_eq!(
            join_both_forms(&parse("openid email profile")),
            format!("email profile {EMAIL} {PROFILE} openid")
        );
    }

    #[test]
    fn boxes_appear_only_when_there_is_a_choice() {
        let granular = |list: &str| is_granular(&parse(list));
        let (calendar, drive) = (url("calendar.events"), url("drive.file"));
        assert!(!granular("openid email profile"));
        assert!(!granular(&calendar));
        assert!(granular(&format!("{calendar} {drive}")));
        assert!(granular(&format!("openid {calendar}")));
    }
}
