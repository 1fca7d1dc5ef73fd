//! How a transaction whose COMMIT was not answered is found out about (requirement ST-4).
//!
//! Each transaction that writes puts in a row of its own, the intent. When the connection is lost while the
//! transaction is committed, a fence is put in by another connection under the same key:
//!
//! ```text
//! the row is an intent ─▶ it was committed
//! the row is a fence   ─▶ it was not, and never will be: its own row can no longer be put in
//! no answer            ─▶ it is not known, and said so
//! ```
//!
//! One that comes late is refused ([`MOST`]): whoever asks what may still be under way has a bound (`reports.rs`).
//!
//! A transaction that the server still works on makes the fence wait for it. The fence is a write like any other: its
//! COMMIT waits for the standbys that the server waits for, and they have what was before it, too. So nothing is ever
//! repeated that may have been done, and nothing is reported as failed that was.

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use deadpool_postgres::Object;
use standin::entropy::{SystemEntropy, random_bytes};
use standin::time::{Clock as _, SystemClock, Timestamp};
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Row};

use super::connection::Connection;
use super::failure::Failure;
use super::rows::{Cells, Value, params};
use super::work::Done;

/// How long after its beginning a transaction is committed at most: longer than work may take (`Mode::limit`), so it is
/// one whose process was stopped in the middle.
pub(super) const MOST: Duration = Duration::from_secs(12);

/// Of what comes later than [`MOST`] it is not said whether it is a fence, which the table does not take.
const PUT_IN: &str = "INSERT INTO write_intents (id, is_fence) VALUES \
    ($1, CASE WHEN statement_timestamp() - now() < interval '12 s' THEN false END)";
/// Changes nothing if there is a row, and gives it.
const FENCE: &str = "INSERT INTO write_intents (id, is_fence) VALUES ($1, true) \
    ON CONFLICT (id) DO UPDATE SET is_fence = write_intents.is_fence RETURNING is_fence";
/// Rows of this age are asked for by nobody. They are asked for within seconds; but whoever forgets them goes by a clock
/// that is not that of whoever put them in, and a row that is missed makes a write that was committed one that was not.
pub(super) const KEPT_FOR: Duration = Duration::from_hours(24);
pub(super) const PRUNE: &str = "DELETE FROM write_intents WHERE id IN \
    (SELECT id FROM write_intents WHERE id < $1 LIMIT $2)";

/// Makes intents that no other process makes, in the order of time, so that new ones stand beside each other.
#[derive(Debug)]
pub(super) struct Intents {
    process: [u8; 8],
    next: AtomicU16,
}

impl Intents {
    pub(super) fn new() -> Self {
        Self { process: random_bytes(&SystemEntropy), next: AtomicU16::new(0) }
    }

    pub(super) fn next(&self) -> Intent {
        let mut id = [0; 16];
        id[..6].copy_from_slice(&at(SystemClock.now()));
        id[6..8].copy_from_slice(&self.next.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        id[8..].copy_from_slice(&self.process);
        Intent(id)
    }
}

/// The first intent of an instant.
pub(super) fn first_of(instant: Timestamp) -> [u8; 16] {
    let mut id = [0; 16];
    id[..6].copy_from_slice(&at(instant));
    id
}

fn at(instant: Timestamp) -> [u8; 6] {
    let [_, _, rest @ ..] = instant.unix_ms().to_be_bytes();
    rest
}

/// The key of one transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Intent([u8; 16]);

impl Intent {
    pub(super) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// As the last statement of the transaction.
    pub(super) async fn put_in(&self, client: &Object) -> Result<(), Error> {
        client.execute_typed(PUT_IN, &[(&Value::Id(Some(self.0)), Type::UUID)]).await.map(drop)
    }

    /// Whether the transaction was committed. It never will be if this is `false`.
    pub(super) async fn was_committed(&self, connection: Connection) -> Done<bool> {
        let is_fence = |row: &Row| Cells::of(row, "write_intents").flag("is_fence");
        let is_fence = connection.one(FENCE, params![&self.0], is_fence).await?;
        connection.commit_alone().await?;
        is_fence.map(|is_fence| !is_fence).ok_or(Failure::Late("the fence has no row"))
    }
}
