//! The one thread that writes.
//!
//! Jobs wait in a queue. The thread takes what is there, up to [`BATCH`], runs each in a savepoint of its own
//! (one that fails takes back only itself) and commits once: with `synchronous=FULL` that is one fsync for
//! all of them. Only then does anybody hear of it. A caller that goes away does not take its job with it.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use standin::store::{Marks, Result, StoreError};
use tokio::runtime::{self, Runtime};
use tokio::sync::{mpsc, oneshot};

use super::anchor::Anchor;
use super::cluster;
use super::failure::Failure;
use super::recent::Writes;

/// How many jobs share a commit: beyond this an fsync weighs next to nothing, and the first would wait.
const BATCH: usize = 256;

/// How many jobs may wait; further callers wait until there is room.
const QUEUE: usize = 4_096;

const BEGIN: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";
const SAVE: &str = "SAVEPOINT job";
const TAKE_BACK: &str = "ROLLBACK TO job";
const RELEASE: &str = "RELEASE job";

/// The queue and its thread.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Takes the connection to a thread of its own.
    pub(super) fn start(
        connection: Connection,
        anchor: Anchor,
        writes: Writes,
        marks: Arc<Marks>,
    ) -> io::Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let runtime = runtime::Builder::new_current_thread().enable_time().build()?;
        let thread = thread::Builder::new()
            .name("standin-sqlite".to_owned())
            .spawn(move || run_jobs(&runtime, &connection, anchor, jobs, &writes, &marks))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// How many changes wait for their turn.
    pub(super) fn waiting(&self) -> u64 {
        let queue = self.queue.as_ref();
        queue.map_or(0, |queue| (queue.max_capacity() - queue.capacity()) as u64)
    }

    /// Queues a change and waits until it is on the disk, or was not made.
    pub(super) async fn write<T, W>(&self, change: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> std::result::Result<T, Failure> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Change { work: Some(change), result: Err(stopped()), reply });
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send(job).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    /// Lets the thread finish what is queued, and close the file.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the thread that writes to the database has panicked");
        }
    }
}

/// A change with a type of its own, seen from the thread.
trait Job: Send {
    /// Makes the change, and keeps what came of it.
    fn run(&mut self, connection: &Connection) -> Result<()>;
    /// Tells the caller: what came of it if the batch is on the disk, the error otherwise. A job that
    /// conflicted hears of the error as well: it may have conflicted with one that is now taken back.
    fn answer(self: Box<Self>, committed: &Result<()>);
}

struct Change<T, W> {
    work: Option<W>,
    result: Result<T>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, W> Job for Change<T, W>
where
    T: Send,
    W: FnOnce(&Connection) -> std::result::Result<T, Failure> + Send,
{
    fn run(&mut self, connection: &Connection) -> Result<()> {
        if let Some(work) = self.work.take() {
            self.result = work(connection).map_err(StoreError::from);
        }
        self.result.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    fn answer(self: Box<Self>, committed: &Result<()>) {
        let answer = committed.clone().and(self.result);
        // Nobody may be left to hear it; the change stands all the same.
        drop(self.reply.send(answer));
    }
}

/// The anchor goes before the connection: the last to be closed is the one that writes.
fn run_jobs(
    runtime: &Runtime,
    connection: &Connection,
    mut anchor: Anchor,
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
    writes: &Writes,
    marks: &Marks,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while runtime.block_on(anchor.until(jobs.recv_many(&mut batch, BATCH))) > 0 {
        let committed = commit(connection, &mut batch);
        if let Err(error) = &committed {
            tracing::error!(%error, jobs = batch.len(), "a batch of writes was not committed");
        }
        writes.happened();
        cluster::strike_noted(marks);
        for job in batch.drain(..) {
            job.answer(&committed);
        }
    }
}

/// All of the batch that succeeds, or nothing.
fn commit(connection: &Connection, batch: &mut [Box<dyn Job>]) -> Result<()> {
    let committed = execute(connection, BEGIN)
        .and_then(|()| batch.iter_mut().try_for_each(|job| try_job(connection, job.as_mut())))
        .and_then(|()| execute(connection, COMMIT));
    if committed.is_err() && !connection.is_autocommit() {
        // Should even this fail, then so does the next BEGIN, and this is tried again.
        drop(execute(connection, ROLLBACK));
    }
    committed
}

/// Runs one job; an error is one of the whole batch.
fn try_job(connection: &Connection, job: &mut dyn Job) -> Result<()> {
    execute(connection, SAVE)?;
    if let Err(error) = job.run(connection) {
        // A full or failing disk makes SQLite roll back the transaction itself, with all jobs before.
        if connection.is_autocommit() {
            return Err(error);
        }
        execute(connection, TAKE_BACK)?;
    }
    execute(connection, RELEASE)
}

fn execute(connection: &Connection, sql: &'static str) -> Result<()> {
    let run = || connection.prepare_cached(sql)?.execute([]);
    run().map(|_| ()).map_err(|error| Failure::from(error).into())
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the thread that writes has stopped".to_owned())
}
