//! One connection at work: outside of a transaction, or inside one that opens with its first statement.
//!
//! Nothing is left behind on the server's side: no setting, no lock, and no prepared statement unless the URL asks for
//! it. Whatever is set is set for one transaction, so that a pooler between us and the server may give each of them to
//! another session.
//!
//! With `prepared=on` the reads by a key are prepared, once on each connection: planning them costs the server more than
//! carrying them out. Only these: what a statement's name stands for is the server's to know, and one that changes
//! something must never be mistaken for another.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::Object;
use futures_util::future::try_join;
use standin::store::{Epoch, Outdated, StoreError};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::failure::Failure;
use super::intents::Intent;
use super::lines::Line;
use super::rows::Value;

/// What the statements of one piece of work stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// One statement that finds rows by their key, and seldom another behind it (`terms.rs`). It shares a connection
    /// with others (`lines.rs`).
    Read,
    /// One that may go through many rows, and so has a connection of its own.
    Scan,
    /// The same for what a process does by itself, all the time: those who wait for an answer do not keep it from that.
    Upkeep,
    /// Several that read the same state of the database.
    Snapshot,
    /// One that looks at every row.
    Count,
    /// What makes tables.
    Migration,
    /// Whatever changes something.
    Write,
}

impl Mode {
    /// The statements that open the transaction. A commit that was acknowledged is on the disk of the server, and of
    /// its synchronous standbys, whatever the server's default is (requirement ST-4). Whether the database may be written
    /// is its owner's to say: `READ WRITE` would overrule them, and on a standby fail the BEGIN itself, so that the
    /// statement behind it stood in no transaction.
    const fn opening(self) -> Option<&'static str> {
        match self {
            Self::Read | Self::Scan | Self::Upkeep => None,
            Self::Snapshot => Some(
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '5s'",
            ),
            Self::Count => Some("BEGIN READ ONLY; SET LOCAL statement_timeout = '5min'"),
            // Whoever comes after it waits behind it while it waits: it tries again instead (`schema.rs`).
            Self::Migration => {
                Some("BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '1s'")
            }
            // One whose process was stopped is ended: others wait for its locks, and for what it has noted (`reports.rs`).
            Self::Write => Some(
                "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = on; \
                 SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '3s'; \
                 SET LOCAL idle_in_transaction_session_timeout = '10s'",
            ),
        }
    }

    /// How long the whole work may take before its connection is given up. Readers who share one ask another then.
    pub(super) const fn limit(self) -> Duration {
        match self {
            Self::Read => Duration::from_secs(2),
            Self::Scan | Self::Upkeep | Self::Snapshot => Duration::from_secs(5),
            Self::Write => Duration::from_secs(10),
            Self::Count => Duration::from_mins(6),
            Self::Migration => Duration::from_mins(31),
        }
    }
}

/// A connection while it works. Dropped in the middle of a transaction it is closed, and the server rolls back. One that
/// only reads: see `lines.rs`.
pub(super) struct Connection {
    line: Arc<Line>,
    mode: Mode,
    prepares: bool,
    is_open: AtomicBool,
    intent: Intent,
    events: AtomicI64,
    noted: Mutex<Vec<Noted>>,
}

/// What is to be struck in this process once it is committed.
pub(super) enum Noted {
    Epoch(Epoch),
    Outdated(Outdated),
}

impl Connection {
    pub(super) fn new(line: Arc<Line>, mode: Mode, intent: Intent) -> Self {
        let (is_open, events) = (AtomicBool::new(false), AtomicI64::new(0));
        Self { line, mode, prepares: false, is_open, intent, events, noted: Mutex::default() }
    }

    /// The same, which prepares what it reads, or not.
    pub(super) fn preparing(mut self, prepares: bool) -> Self {
        self.prepares = prepares;
        self
    }

    /// Executes, and gives how many rows it touched.
    pub(super) async fn execute(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<usize, Failure> {
        let statement = async |client: &Object| client.execute_typed(sql, &typed(params)).await;
        Ok(usize::try_from(self.ask(statement).await?).unwrap_or(usize::MAX))
    }

    /// The only row, if there is one.
    pub(super) async fn one<T>(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
        read: impl FnOnce(&Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, Failure> {
        let rows = self.rows(sql, params).await?;
        Ok(rows.first().map(read).transpose()?)
    }

    /// All rows, in their order.
    pub(super) async fn all<T>(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
        read: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, Failure> {
        let rows = self.rows(sql, params).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// All rows, as they came.
    pub(super) async fn rows(
        &self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<Vec<Row>, Failure> {
        let typed = typed(params);
        if self.prepares {
            self.ask(async |client: &Object| prepared(client, sql, &typed).await).await
        } else {
            self.ask(async |client: &Object| client.query_typed(sql, &typed).await).await
        }
    }

    /// The first statement of a transaction travels together with what opens it.
    async fn ask<T>(
        &self,
        statement: impl AsyncFnOnce(&Object) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Failure> {
        match self.mode.opening() {
            Some(opening) if !self.is_open.swap(true, Ordering::Relaxed) => {
                let opened = async |client: &Object| {
                    try_join(client.batch_execute(opening), statement(client)).await
                };
                let ((), answer) = self.line.ask(opened).await?;
                Ok(answer)
            }
            _ => self.line.ask(statement).await,
        }
    }

    /// Several statements at once, for schemas.
    pub(super) async fn script(&self, sql: &str) -> Result<(), Failure> {
        self.ask(async |client: &Object| client.batch_execute(sql).await).await
    }

    /// By what this transaction is known, should it be lost while it is committed.
    pub(super) const fn intent(&self) -> &Intent {
        &self.intent
    }

    pub(super) fn note(&self, noted: Noted) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).push(noted);
    }

    pub(super) fn take_noted(&mut self) -> Vec<Noted> {
        std::mem::take(self.noted.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

    /// The place of the next event within the transaction.
    pub(super) fn next_event(&self) -> i64 {
        self.events.fetch_add(1, Ordering::Relaxed)
    }

    /// Commits, if anything was done. The transaction's intent and the COMMIT travel together: an intent that cannot
    /// be put in makes it a ROLLBACK.
    pub(super) async fn commit(mut self) -> Result<(), Failure> {
        if *self.is_open.get_mut() {
            let client = self.line.client()?;
            let intent = async { self.intent.put_in(client).await };
            try_join(intent, client.batch_execute("COMMIT")).await?;
            *self.is_open.get_mut() = false;
        }
        Ok(())
    }

    /// Commits what needs no intent: tables, whose history is looked at then (`schema.rs`), and a fence, which is put in
    /// again.
    pub(super) async fn commit_alone(mut self) -> Result<(), Failure> {
        self.line.client()?.batch_execute("COMMIT").await?;
        *self.is_open.get_mut() = false;
        Ok(())
    }

    /// Ends what only read, or what failed.
    pub(super) async fn end(mut self) -> Result<(), Failure> {
        if *self.is_open.get_mut() {
            self.line.client()?.batch_execute("ROLLBACK").await?;
            *self.is_open.get_mut() = false;
        }
        Ok(())
    }

    /// Closes the connection: it does not answer. What only reads is stopped at the server.
    pub(super) fn give_up(self) {
        self.line.give_up();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if *self.is_open.get_mut() {
            self.line.give_up();
        }
    }
}

/// The first time on a connection this is one turn more.
async fn prepared(
    client: &Object,
    sql: &str,
    typed: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let types: Vec<Type> = typed.iter().map(|(_, kind)| kind.clone()).collect();
    let values: Vec<_> = typed.iter().map(|(value, _)| *value).collect();
    let statement = client.prepare_typed_cached(sql, &types).await?;
    client.query(&statement, &values).await
}

fn typed<'p>(params: &'p [Value<'_>]) -> Vec<(&'p (dyn ToSql + Sync), Type)> {
    params.iter().map(|value| (value as &(dyn ToSql + Sync), value.kind())).collect()
}
