//! Calendar v3: one calendar for each user, which answers to `primary` and to the user's address.
//!
//! ```text
//! insert, patch, update ─▶ draft (checked) ─▶ store (stamped: etag, updated, sync position)
//!                                               └▶ get, list (filter, order, page or sync token)
//! ```

pub(crate) mod calendars;
pub(crate) mod delete;
mod draft;
mod filter;
pub(crate) mod get;
pub(crate) mod insert;
pub(crate) mod list;
mod shapes;
mod store;
mod tokens;
pub(crate) mod update;

use axum::http::StatusCode;

use super::call::{Api, Call};
use super::refusal::{OLDER, Refusal};
pub(crate) use store::Calendars;

const API: Api = Api {
    service: "calendar-json.googleapis.com",
    errors: OLDER,
    lists_insufficient_permissions: true,
};
const BODY_LIMIT: usize = 1024 * 1024;
const WRITING: &[&str] =
    &["calendar", "calendar.app.created", "calendar.events", "calendar.events.owned"];
const READING: &[&str] = &[
    "calendar",
    "calendar.app.created",
    "calendar.events",
    "calendar.events.owned",
    "calendar.events.readonly",
    "calendar.readonly",
];
/// Whom a change is announced to; nobody here, but the words are checked.
const SEND_UPDATES: &[&str] = &["all", "externalOnly", "none"];

impl Call {
    /// Refuses a calendar that is not the caller's own.
    fn own_calendar(&self, id: &str) -> Result<(), Refusal> {
        let is_own = id == "primary" || id == self.user.email;
        is_own.then_some(()).ok_or_else(not_found)
    }

    fn send_updates(&self) -> Result<(), Refusal> {
        self.params.one_of("sendUpdates", SEND_UPDATES).map(|_| ())
    }
}

fn not_found() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "notFound", "Not Found")
}
