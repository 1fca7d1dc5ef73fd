//! The work itself: one calendar entry, one file in Drive.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use standin::time::Timestamp;

use super::access::{Access, Failure, TokenService};
use crate::demo::EXTRA_SCOPES;

const BOUNDARY: &str = "nightly-notes-part";
const MULTIPART: &str = "multipart/related; boundary=nightly-notes-part";

/// What a run has written.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Written {
    event: String,
    file: String,
    #[serde(skip)]
    pub(super) token_sha256: [u8; 32],
    /// Google had refused the first token.
    #[serde(skip)]
    pub(super) renewed: bool,
}

pub(super) async fn run(
    tokens: &TokenService,
    google: &str,
    user: &str,
    at: Timestamp,
) -> Result<Written, Failure> {
    let mut access = tokens.access(user, &EXTRA_SCOPES).await?;
    let event = write_event(&mut access, google, at).await?;
    let file = upload(&mut access, google, at).await?;
    Ok(Written { event, file, token_sha256: access.token_sha256(), renewed: access.renewed })
}

async fn write_event(
    access: &mut Access<'_>,
    google: &str,
    at: Timestamp,
) -> Result<String, Failure> {
    let url = format!("{google}/calendar/v3/calendars/primary/events");
    let minute = Duration::from_mins(1);
    let event = json!({
        "summary": "Notes backed up",
        "start": {"dateTime": at.to_string()},
        "end": {"dateTime": at.after(minute).to_string()},
    });
    let made = access.post(&url, "application/json", event.to_string().as_bytes()).await?;
    Ok(text_of(&made, "summary"))
}

async fn upload(access: &mut Access<'_>, google: &str, at: Timestamp) -> Result<String, Failure> {
    let url = format!("{google}/upload/drive/v3/files?uploadType=multipart");
    let metadata = json!({"name": file_name(at), "mimeType": "text/plain"});
    let notes = format!("My notes, as they were at {at}.\n");
    let body = format!(
        "--{BOUNDARY}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{metadata}\r\n\
         --{BOUNDARY}\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n{notes}\r\n--{BOUNDARY}--\r\n"
    );
    let made = access.post(&url, MULTIPART, body.as_bytes()).await?;
    Ok(text_of(&made, "name"))
}

/// `notes-2026-11-21-22h05m09.txt`
fn file_name(at: Timestamp) -> String {
    let text = at.to_string();
    let (date, time) = text.split_once('T').unwrap_or((&text, ""));
    let mut parts = time.split([':', '.', 'Z']);
    let mut part = || parts.next().unwrap_or("00");
    let (hours, minutes, seconds) = (part(), part(), part());
    format!("notes-{date}-{hours}h{minutes}m{seconds}.txt")
}

fn text_of(made: &Value, name: &str) -> String {
    made[name].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_after_its_time() {
        let at = Timestamp::from_unix_ms(1_766_000_000_500);
        assert_eq!(file_name(at), "notes-2025-12-17-19h33m20.txt");
    }
}
