//! Attempts: the insert that finds a row in its way is the one that came too late.

use async_trait::async_trait;
use standin::id::AttemptId;
use standin::store::{AttemptOutcome, AttemptRow, Attempts, Result};
use tokio_postgres::Row;

use super::PostgresStore;
use super::connection::Connection;
use super::rows::{Cells, optional, params, text};
use super::work::{Done, work};

const CONSUME: &str = "INSERT INTO attempts (id, provider, status, expires_at) \
    VALUES ($1, $2, 'pending', $3) ON CONFLICT DO NOTHING";
const FINISH: &str = "UPDATE attempts SET status = $2, code = $3 WHERE id = $1";
const OUTCOME: &str = "SELECT id, status, code FROM attempts WHERE id = $1";

#[async_trait]
impl Attempts for PostgresStore {
    async fn consume_attempt(&self, attempt: AttemptRow) -> Result<bool> {
        work!(self, Write, |connection| {
            let row = params![attempt.id.as_bytes(), attempt.provider.as_str(), attempt.expires_at];
            Ok(connection.execute(CONSUME, row).await? == 1)
        })
    }

    async fn finish_attempt(&self, id: AttemptId, outcome: AttemptOutcome) -> Result<()> {
        work!(self, Write, |connection| finish(connection, id, &outcome).await)
    }

    async fn attempt_outcome(&self, id: AttemptId) -> Result<Option<AttemptOutcome>> {
        work!(self, Read, |connection| {
            connection.one(OUTCOME, params![id.as_bytes()], outcome_of).await
        })
    }
}

/// Writes the outcome, inside whatever transaction is open.
pub(super) async fn finish(
    connection: &Connection,
    id: AttemptId,
    outcome: &AttemptOutcome,
) -> Done<()> {
    let (status, code) = match outcome {
        AttemptOutcome::Pending => ("pending", None),
        AttemptOutcome::Done => ("done", None),
        AttemptOutcome::Failed { code } => ("failed", Some(code.as_str())),
    };
    connection.execute(FINISH, params![id.as_bytes(), status, code]).await?;
    Ok(())
}

fn outcome_of(row: &Row) -> Result<AttemptOutcome> {
    let mut cells = Cells::of(row, "attempts");
    let _: AttemptId = cells.id("id")?;
    let status = cells.text("status")?;
    let code = cells.take("code", optional(text))?;
    match (status.as_str(), code) {
        ("pending", None) => Ok(AttemptOutcome::Pending),
        ("done", None) => Ok(AttemptOutcome::Done),
        ("failed", Some(code)) => Ok(AttemptOutcome::Failed { code }),
        _ => Err(cells.inconsistent("status")),
    }
}
