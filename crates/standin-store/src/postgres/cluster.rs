//! What the processes on one database tell each other, by the clock of the server: theirs may differ.

use std::time::Duration;

use async_trait::async_trait;
use standin::id::{NodeId, UserId};
use standin::store::{
    Bulletin, Cluster, Epoch, LOOKBACK, Marks, NODE_IS_DEAD_AFTER, Note, Outdated, Result, SignIn,
    StoreError, SubjectId,
};
use standin::time::Timestamp;
use standin::vault::Grant;
use standin::verify::Identity;
use tokio_postgres::Row;

use super::PostgresStore;
use super::connection::{Connection, Noted};
use super::reports::Report;
use super::rows::{Cells, number, optional, params, text, uuid};
use super::work::{Done, work};

/// The second in which the transaction began.
macro_rules! now_s {
    () => {
        "floor(extract(epoch FROM now()))::bigint"
    };
}

/// The second of this statement: the transaction may have begun long before, and its process been stopped since.
const NOTE: &str = "INSERT INTO inval_log (bucket_s, kind, id, changes) \
    VALUES (floor(extract(epoch FROM statement_timestamp()))::bigint, $1, $2, 1) \
    ON CONFLICT (bucket_s, kind, id) DO UPDATE SET changes = inval_log.changes + 1";
const NOTES: &str = "SELECT bucket_s, kind, id, changes FROM inval_log WHERE bucket_s >= $1";
/// A mark beside each epoch, and once if there is none.
macro_rules! epochs {
    ($($mark:tt)+) => {
        concat!(
            "SELECT ",
            $($mark)+,
            " AS mark, name, epoch FROM (VALUES (0)) AS always LEFT JOIN epochs ON true"
        )
    };
}
/// The oldest transaction that is not over.
const EPOCHS: &str = epochs!("pg_snapshot_xmin(pg_current_snapshot())::text::bigint");
/// The second in which nothing is under way that is older than a look goes back (`reports.rs`).
const EPOCHS_BY_TIME: &str = epochs!(now_s!());
const BEGIN_EPOCH: &str = "INSERT INTO epochs (name, epoch) VALUES ($1, 1) \
    ON CONFLICT (name) DO UPDATE SET epoch = epochs.epoch + 1 RETURNING name, epoch";
macro_rules! report {
    ($returning:literal) => {
        concat!(
            "INSERT INTO nodes (id, seen_at_s, heard) VALUES ($1, ",
            now_s!(),
            ", $2) ON CONFLICT (id) DO UPDATE SET seen_at_s = excluded.seen_at_s, heard = excluded.heard",
            $returning
        )
    };
}
const REPORT: &str = report!(" RETURNING seen_at_s, pg_current_xact_id()::text::bigint AS number");
const REPORT_WITHOUT_NUMBER: &str = report!("");
const REMOVE: &str = "DELETE FROM nodes WHERE id = $1";
const BEHIND: &str = concat!(
    "SELECT id FROM nodes WHERE heard < $1 AND seen_at_s >= ",
    now_s!(),
    " - $2 ORDER BY id"
);
/// Notes and nodes that are too old to mean anything. A node may say that it is there just now, and is looked at again
/// then; the second of a note never changes.
pub(super) const PRUNE_NOTES: &str = concat!(
    "DELETE FROM inval_log WHERE (bucket_s, kind, id) IN \
     (SELECT bucket_s, kind, id FROM inval_log WHERE bucket_s < ",
    now_s!(),
    " - $1 LIMIT $2)"
);
pub(super) const PRUNE_NODES: &str = concat!(
    "DELETE FROM nodes WHERE id IN (SELECT id FROM nodes WHERE seen_at_s < ",
    now_s!(),
    " - $1 LIMIT $2) AND seen_at_s < ",
    now_s!(),
    " - $1"
);
/// Whether the grant is about to become another one than its tokens say.
const CHANGES: &str = "SELECT id FROM grants LEFT JOIN grant_terms USING (terms) \
    WHERE id = $1 AND (state <> 'active' OR scopes IS DISTINCT FROM $2)";

#[async_trait]
impl Cluster for PostgresStore {
    fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Two statements, each of which sees what is committed when it begins. What is under way and the epochs are read
    /// before the notes: whoever has seen a roll call has seen what was noted before it.
    async fn bulletin(&self, since: Timestamp) -> Result<Bulletin> {
        let epochs = if self.reports.is_some() { EPOCHS } else { EPOCHS_BY_TIME };
        let rows = work!(self, Read, |connection| {
            connection.all(epochs, params![], mark_and_epoch).await
        })?;
        let mark = rows.first().map_or(0, |(mark, _)| *mark);
        let settled = self.reports.as_ref().map_or(mark, |reports| reports.settled(mark));
        let mut epochs: Vec<_> = rows.into_iter().filter_map(|(_, epoch)| epoch).collect();
        epochs.sort();
        let since = since.before(LOOKBACK).unix_seconds();
        // Of half a minute at least, so there may be many.
        let notes = work!(self, Upkeep, |connection| {
            connection.all(NOTES, params![since], note_of).await
        })?;
        let notes = notes.into_iter().collect();
        let settled = Timestamp::from_unix_seconds(settled);
        let epochs = epochs.into_iter().map(epoch).collect::<Result<_>>()?;
        Ok(Bulletin { settled, epochs, notes })
    }

    async fn begin_epoch(&self, epoch: &Epoch) -> Result<u64> {
        work!(self, Write, |connection| begin_epoch(connection, epoch).await)
    }

    async fn report_node(&self, node: NodeId, heard: u64) -> Result<()> {
        let heard = i64::try_from(heard).unwrap_or(i64::MAX);
        let sql = if self.reports.is_some() { REPORT } else { REPORT_WITHOUT_NUMBER };
        let report = work!(self, Write, |connection| {
            connection.one(sql, params![node.as_bytes(), heard], report_of).await
        })?;
        if let (Some(reports), Some(report)) = (&self.reports, report) {
            reports.add(report);
        }
        Ok(())
    }

    async fn remove_node(&self, node: NodeId) -> Result<()> {
        work!(self, Write, |connection| {
            connection.execute(REMOVE, params![node.as_bytes()]).await.map(drop)
        })
    }

    async fn nodes_behind(&self, roll_call: u64) -> Result<Vec<NodeId>> {
        let roll_call = i64::try_from(roll_call).unwrap_or(i64::MAX);
        let dead = seconds(NODE_IS_DEAD_AFTER);
        let id = |row: &Row| Cells::of(row, "nodes").id("id");
        work!(self, Read, |connection| connection.all(BEHIND, params![roll_call, dead], id).await)
    }
}

/// Notes what nobody may go on believing, inside whatever transaction is open. Here it is struck when that is
/// committed, before anybody hears of it.
pub(super) async fn note(connection: &Connection, outdated: Outdated) -> Done<()> {
    let (kind, id) = outdated.row();
    connection.execute(NOTE, params![kind, id]).await?;
    connection.note(Noted::Outdated(outdated));
    Ok(())
}

/// The same of an epoch.
pub(super) async fn begin_epoch(connection: &Connection, epoch: &Epoch) -> Done<u64> {
    let begun = connection.one(BEGIN_EPOCH, params![epoch.to_string()], named_number).await?;
    connection.note(Noted::Epoch(epoch.clone()));
    Ok(begun.and_then(|(_, count)| u64::try_from(count).ok()).unwrap_or_default())
}

/// What a sign-in outdates, noted before it is written: a new identity its subject; a grant that was dead, or opened
/// something else, its user.
pub(super) async fn note_sign_in(
    connection: &Connection,
    sign_in: &SignIn,
    user: UserId,
    is_new: bool,
) -> Done<()> {
    if is_new {
        let Identity { provider, subject, .. } = &sign_in.identity;
        note(connection, Outdated::Subject(SubjectId::of(provider, subject))).await?;
    }
    match &sign_in.grant {
        Some(grant) if changes(connection, grant).await? => {
            note(connection, Outdated::User(user)).await
        }
        Some(_) | None => Ok(()),
    }
}

async fn changes(connection: &Connection, grant: &Grant) -> Done<bool> {
    // There is nothing yet that it could change.
    if grant.version == 1 {
        return Ok(false);
    }
    let row = params![grant.id.as_bytes(), grant.scopes.to_string()];
    Ok(connection.one(CHANGES, row, |_| Ok(())).await?.is_some())
}

fn report_of(row: &Row) -> Result<Report> {
    let mut cells = Cells::of(row, "nodes");
    Ok(Report { at_s: cells.number("seen_at_s")?, number: cells.number("number")? })
}

fn mark_and_epoch(row: &Row) -> Result<(i64, Option<(String, i64)>)> {
    let mark = Cells::of(row, "transactions").number("mark")?;
    let mut cells = Cells::from(row, "epochs", 1);
    let name = cells.take("name", optional(text))?;
    let epoch = cells.take("epoch", optional(number))?;
    Ok((mark, name.zip(epoch)))
}

fn named_number(row: &Row) -> Result<(String, i64)> {
    let mut cells = Cells::of(row, "epochs");
    Ok((cells.text("name")?, cells.number("epoch")?))
}

fn epoch((name, count): (String, i64)) -> Result<(Epoch, u64)> {
    let inconsistent =
        |column| StoreError::Inconsistent { table: "epochs", column, row: name.clone() };
    let epoch = name.parse().map_err(|_| inconsistent("name"))?;
    Ok((epoch, u64::try_from(count).map_err(|_| inconsistent("epoch"))?))
}

/// A word of a later release is no reason to go on believing what it speaks of.
fn note_of(row: &Row) -> Result<Note> {
    let mut cells = Cells::of(row, "inval_log");
    let second = cells.number("bucket_s")?;
    let kind = cells.text("kind")?;
    let id = cells.take("id", uuid)?;
    let outdated = Outdated::of_row(&kind, id).ok_or_else(|| cells.inconsistent("kind"))?;
    Ok(Note { second, outdated, changes: cells.number("changes")? })
}

pub(super) fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
