//! Events: numbered by the file, in the order in which they were committed.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use standin::id::{AttemptId, ClientId, GrantId, UserId};
use standin::store::{Event, Events, Result, StoredEvent};

use super::SqliteStore;
use super::failure::Failure;
use super::rows::{Cells, all, execute, id, limit, optional, text};
use crate::words::Word as _;

const APPEND: &str = "INSERT INTO events \
    (at, kind, user_id, grant_id, client_id, attempt_id, detail, count) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const AFTER: &str = "SELECT sequence, at, kind, user_id, grant_id, client_id, attempt_id, detail, \
    count FROM events WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";

#[async_trait]
impl Events for SqliteStore {
    async fn append_events(&self, events: Vec<Event>) -> Result<()> {
        self.write(move |connection| events.iter().try_for_each(|event| append(connection, event)))
            .await
    }

    async fn events(&self, after: u64, rows: usize) -> Result<Vec<StoredEvent>> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let page = params![after, limit(rows)];
        self.read(|connection| all(connection, AFTER, page, event_of))
    }
}

/// Appends one, inside whatever transaction is open.
pub(super) fn append(connection: &Connection, event: &Event) -> std::result::Result<(), Failure> {
    let row = params![
        event.at.unix_ms(),
        event.kind.word(),
        event.user.as_ref().map(UserId::as_bytes),
        event.grant.as_ref().map(GrantId::as_bytes),
        event.client.as_ref().map(ClientId::as_bytes),
        event.attempt.as_ref().map(AttemptId::as_bytes),
        event.detail,
        event.count
    ];
    execute(connection, APPEND, row)?;
    Ok(())
}

fn event_of(row: &Row<'_>) -> Result<StoredEvent> {
    let mut cells = Cells::of(row, "events");
    Ok(StoredEvent {
        sequence: cells.number("sequence")?,
        event: Event {
            at: cells.instant("at")?,
            kind: cells.word("kind")?,
            user: cells.take("user_id", optional(id))?,
            grant: cells.take("grant_id", optional(id))?,
            client: cells.take("client_id", optional(id))?,
            attempt: cells.take("attempt_id", optional(id))?,
            detail: cells.take("detail", optional(text))?,
            count: cells.number("count")?,
        },
    })
}
