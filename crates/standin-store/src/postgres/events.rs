//! Events: written without waiting for each other, and numbered in the order in which they are found.
//!
//! ```text
//! a write ─▶ event_inbox, in its own transaction
//! a read  ─▶ lock the counter ─ number what is committed ─ commit ─▶ read by number
//! ```
//!
//! Whoever pages by number must never pass over one. If writers drew the numbers, a lower one could become visible
//! after a higher one had been read; if they drew them under a lock, every commit would wait for the one before.
//! Here numbers are drawn by readers, some hundreds at a time, under the lock of the counter's row: a number becomes
//! visible only together with all lower ones. Events of transactions of which one began after the other was
//! committed are numbered in that order, and those of one transaction in theirs.

use async_trait::async_trait;
use standin::id::{AttemptId, ClientId, GrantId, UserId};
use standin::store::{Event, Events, Result, StoredEvent};
use tokio_postgres::Row;

use super::PostgresStore;
use super::connection::Connection;
use super::rows::{Cells, id, limit, optional, params, text};
use super::work::{Done, work};
use crate::words::Word as _;

const APPEND: &str = "INSERT INTO event_inbox (appended_us, intent, position, at, kind, user_id, \
    grant_id, client_id, attempt_id, detail, count) \
    VALUES ((extract(epoch FROM now()) * 1000000)::bigint, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const AFTER: &str = "SELECT sequence, at, kind, user_id, grant_id, client_id, attempt_id, detail, \
    count FROM events WHERE sequence > $1 ORDER BY sequence LIMIT $2";

/// How many are numbered in one transaction.
const BATCH: i64 = 500;
const WAITING: &str = "SELECT appended_us FROM event_inbox ORDER BY appended_us LIMIT 1";
const LOCK: &str = "SELECT last FROM event_counter WHERE id = 1 FOR UPDATE";
/// A statement of its own, after the lock: it sees what whoever held the lock before has done.
const NUMBER: &str = "WITH taken AS (\
    DELETE FROM event_inbox WHERE (appended_us, intent, position) IN (\
    SELECT appended_us, intent, position FROM event_inbox \
    ORDER BY appended_us, intent, position LIMIT $2) RETURNING *) \
    INSERT INTO events (sequence, at, kind, user_id, grant_id, client_id, attempt_id, detail, count) \
    SELECT $1 + row_number() OVER (ORDER BY appended_us, intent, position), \
    at, kind, user_id, grant_id, client_id, attempt_id, detail, count FROM taken";
const COUNT: &str = "UPDATE event_counter SET last = $1 WHERE id = 1";

#[async_trait]
impl Events for PostgresStore {
    async fn append_events(&self, events: Vec<Event>) -> Result<()> {
        work!(self, Write, |connection| append_all(connection, &events).await)
    }

    async fn events(&self, after: u64, rows: usize) -> Result<Vec<StoredEvent>> {
        self.number_events().await?;
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        work!(self, Scan, |connection| {
            connection.all(AFTER, params![after, limit(rows)], event_of).await
        })
    }
}

impl PostgresStore {
    /// Numbers all events that were committed before.
    pub(super) async fn number_events(&self) -> Result<()> {
        let nothing = |_: &Row| Ok(());
        let waiting =
            work!(self, Read, |connection| connection.one(WAITING, params![], nothing).await)?;
        let mut is_done = waiting.is_none();
        while !is_done {
            let numbered = work!(self, Write, |connection| number(connection).await)?;
            is_done = limit(numbered) < BATCH;
        }
        Ok(())
    }
}

/// Numbers a batch. How many there were.
async fn number(connection: &Connection) -> Done<usize> {
    let last = |row: &Row| Cells::of(row, "event_counter").number::<i64>("last");
    let last = connection.one(LOCK, params![], last).await?.unwrap_or_default();
    let numbered = connection.execute(NUMBER, params![last, BATCH]).await?;
    let next = last.saturating_add(limit(numbered));
    connection.execute(COUNT, params![next]).await?;
    Ok(numbered)
}

/// Appends some, inside whatever transaction is open.
pub(super) async fn append_all(connection: &Connection, events: &[Event]) -> Done<()> {
    for event in events {
        append(connection, event).await?;
    }
    Ok(())
}

/// Appends one, inside whatever transaction is open.
pub(super) async fn append(connection: &Connection, event: &Event) -> Done<()> {
    let row = params![
        connection.intent().as_bytes(),
        connection.next_event(),
        event.at,
        event.kind.word(),
        event.user.as_ref().map(UserId::as_bytes),
        event.grant.as_ref().map(GrantId::as_bytes),
        event.client.as_ref().map(ClientId::as_bytes),
        event.attempt.as_ref().map(AttemptId::as_bytes),
        &event.detail,
        event.count
    ];
    connection.execute(APPEND, row).await?;
    Ok(())
}

fn event_of(row: &Row) -> Result<StoredEvent> {
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
