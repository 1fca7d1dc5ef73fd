//! What the processes on one file tell each other, by the clock that they share.

use std::cell::RefCell;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use standin::id::{NodeId, UserId};
use standin::store::{
    Bulletin, Cluster, Epoch, LOOKBACK, Marks, NODE_IS_DEAD_AFTER, Note, Outdated, Result, SignIn,
    SubjectId,
};
use standin::time::Timestamp;
use standin::vault::Grant;
use standin::verify::Identity;

use super::SqliteStore;
use super::failure::Failure;
use super::reader::in_snapshot;
use super::rows::{Cells, all, execute, one};

type Done<T> = std::result::Result<T, Failure>;

const NOTE: &str = "INSERT INTO inval_log (bucket_s, kind, id, changes) \
    VALUES (unixepoch(), ?1, ?2, 1) \
    ON CONFLICT (bucket_s, kind, id) DO UPDATE SET changes = changes + 1";
const NOTES: &str = "SELECT bucket_s, kind, id, changes FROM inval_log WHERE bucket_s >= ?1";
/// When a node last said that it is there, as far as this snapshot goes. One process writes at a time: what is not in
/// the snapshot was begun after that, however long its process may be held up on the way to its COMMIT.
const SETTLED: &str =
    "SELECT min(unixepoch(), coalesce(max(seen_at_s), 0)) AS settled_s FROM nodes";
const EPOCHS: &str = "SELECT name, epoch FROM epochs ORDER BY name";
const BEGIN_EPOCH: &str = "INSERT INTO epochs (name, epoch) VALUES (?1, 1) \
    ON CONFLICT (name) DO UPDATE SET epoch = epoch + 1 RETURNING name, epoch";
const REPORT: &str = "INSERT INTO nodes (id, seen_at_s, heard) VALUES (?1, unixepoch(), ?2) \
    ON CONFLICT (id) DO UPDATE SET seen_at_s = unixepoch(), heard = ?2";
const REMOVE: &str = "DELETE FROM nodes WHERE id = ?1";
const BEHIND: &str =
    "SELECT id FROM nodes WHERE heard < ?1 AND seen_at_s >= unixepoch() - ?2 ORDER BY id";
/// Notes and nodes that are too old to mean anything.
pub(super) const PRUNE_NOTES: &str = "DELETE FROM inval_log WHERE (bucket_s, kind, id) IN \
    (SELECT bucket_s, kind, id FROM inval_log WHERE bucket_s < unixepoch() - ?1 LIMIT ?2)";
pub(super) const PRUNE_NODES: &str = "DELETE FROM nodes WHERE id IN \
    (SELECT id FROM nodes WHERE seen_at_s < unixepoch() - ?1 LIMIT ?2)";
/// Whether the grant is about to become another one than its tokens say.
const CHANGES: &str = "SELECT id FROM grants LEFT JOIN grant_terms USING (terms) \
    WHERE id = ?1 AND (state <> 'active' OR scopes IS NOT ?2)";

thread_local! {
    /// What was noted in the batch that the thread which writes is at.
    static NOTED: RefCell<Vec<Noted>> = const { RefCell::new(Vec::new()) };
}

enum Noted {
    Epoch(Epoch),
    Outdated(Outdated),
}

#[async_trait]
impl Cluster for SqliteStore {
    fn marks(&self) -> &Marks {
        &self.marks
    }

    async fn bulletin(&self, since: Timestamp) -> Result<Bulletin> {
        let since = since.before(LOOKBACK).unix_seconds();
        self.read(|connection| in_snapshot(connection, |snapshot| read_bulletin(snapshot, since)))
    }

    async fn begin_epoch(&self, epoch: &Epoch) -> Result<u64> {
        let epoch = epoch.clone();
        self.write(move |connection| begin_epoch(connection, epoch)).await
    }

    async fn report_node(&self, node: NodeId, heard: u64) -> Result<()> {
        let heard = i64::try_from(heard).unwrap_or(i64::MAX);
        self.write(move |connection| {
            execute(connection, REPORT, params![node.as_bytes(), heard]).map(drop)
        })
        .await
    }

    async fn remove_node(&self, node: NodeId) -> Result<()> {
        self.write(move |connection| execute(connection, REMOVE, [node.as_bytes()]).map(drop)).await
    }

    async fn nodes_behind(&self, roll_call: u64) -> Result<Vec<NodeId>> {
        let roll_call = i64::try_from(roll_call).unwrap_or(i64::MAX);
        let behind = params![roll_call, seconds(NODE_IS_DEAD_AFTER)];
        self.read(|connection| {
            all(connection, BEHIND, behind, |row| Cells::of(row, "nodes").id("id"))
        })
    }
}

fn read_bulletin(snapshot: &Connection, since: i64) -> Done<Bulletin> {
    let settled = one(snapshot, SETTLED, [], |row| Cells::of(row, "nodes").number("settled_s"))?;
    Ok(Bulletin {
        settled: Timestamp::from_unix_seconds(settled.unwrap_or_default()),
        epochs: all(snapshot, EPOCHS, [], epoch_of)?,
        notes: all(snapshot, NOTES, [since], note_of)?.into_iter().collect(),
    })
}

/// A word of a later release is no reason to go on believing what it speaks of.
fn note_of(row: &Row<'_>) -> Result<Note> {
    let mut cells = Cells::of(row, "inval_log");
    let second = cells.number("bucket_s")?;
    let kind = cells.text("kind")?;
    let id = cells.take("id", |cell| cell.as_blob().ok()?.try_into().ok())?;
    let outdated = Outdated::of_row(&kind, id).ok_or_else(|| cells.inconsistent("kind"))?;
    Ok(Note { second, outdated, changes: cells.number("changes")? })
}

fn epoch_of(row: &Row<'_>) -> Result<(Epoch, u64)> {
    let mut cells = Cells::of(row, "epochs");
    Ok((cells.parsed("name")?, cells.number("epoch")?))
}

/// Notes what nobody may go on believing, inside whatever transaction is open. Here it is struck when that is
/// committed, before anybody hears of it.
pub(super) fn note(connection: &Connection, outdated: Outdated) -> Done<()> {
    let (kind, id) = outdated.row();
    execute(connection, NOTE, params![kind, id])?;
    NOTED.with_borrow_mut(|noted| noted.push(Noted::Outdated(outdated)));
    Ok(())
}

/// The same of an epoch.
pub(super) fn begin_epoch(connection: &Connection, epoch: Epoch) -> Done<u64> {
    let begun = one(connection, BEGIN_EPOCH, [epoch.to_string()], epoch_of)?;
    NOTED.with_borrow_mut(|noted| noted.push(Noted::Epoch(epoch)));
    Ok(begun.map_or(0, |(_, count)| count))
}

/// Strikes what was noted on this thread. What was noted and taken back is struck as well, which costs a read.
pub(super) fn strike_noted(marks: &Marks) {
    for noted in NOTED.take() {
        match noted {
            Noted::Epoch(epoch) => marks.strike_epoch(&epoch),
            Noted::Outdated(outdated) => marks.strike(&outdated),
        }
    }
}

/// What a sign-in outdates, noted before it is written: a new identity its subject; a grant that was dead, or opened
/// something else, its user.
pub(super) fn note_sign_in(
    connection: &Connection,
    sign_in: &SignIn,
    user: UserId,
    is_new: bool,
) -> Done<()> {
    if is_new {
        let Identity { provider, subject, .. } = &sign_in.identity;
        note(connection, Outdated::Subject(SubjectId::of(provider, subject)))?;
    }
    match &sign_in.grant {
        Some(grant) if changes(connection, grant)? => note(connection, Outdated::User(user)),
        Some(_) | None => Ok(()),
    }
}

fn changes(connection: &Connection, grant: &Grant) -> Done<bool> {
    let row = params![grant.id.as_bytes(), grant.scopes.to_string()];
    Ok(one(connection, CHANGES, row, |_| Ok(()))?.is_some())
}

pub(super) fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
