//! Attempts: the insert that finds a row in its way is the one that came too late.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use standin::id::AttemptId;
use standin::store::{AttemptOutcome, AttemptRow, Attempts, Result};

use super::SqliteStore;
use super::failure::Failure;
use super::rows::{Cells, execute, one, optional, text};

const CONSUME: &str = "INSERT INTO attempts (id, provider, status, expires_at) \
    VALUES (?1, ?2, 'pending', ?3) ON CONFLICT DO NOTHING";
const FINISH: &str = "UPDATE attempts SET status = ?2, code = ?3 WHERE id = ?1";
const OUTCOME: &str = "SELECT id, status, code FROM attempts WHERE id = ?1";

#[async_trait]
impl Attempts for SqliteStore {
    async fn consume_attempt(&self, attempt: AttemptRow) -> Result<bool> {
        self.write(move |connection| {
            let row = params![
                attempt.id.as_bytes(),
                attempt.provider.as_str(),
                attempt.expires_at.unix_ms()
            ];
            Ok(execute(connection, CONSUME, row)? == 1)
        })
        .await
    }

    async fn finish_attempt(&self, id: AttemptId, outcome: AttemptOutcome) -> Result<()> {
        self.write(move |connection| finish(connection, id, &outcome)).await
    }

    async fn attempt_outcome(&self, id: AttemptId) -> Result<Option<AttemptOutcome>> {
        self.read(|connection| one(connection, OUTCOME, [id.as_bytes()], outcome_of))
    }
}

/// Writes the outcome, inside whatever transaction is open.
pub(super) fn finish(
    connection: &Connection,
    id: AttemptId,
    outcome: &AttemptOutcome,
) -> std::result::Result<(), Failure> {
    let (status, code) = match outcome {
        AttemptOutcome::Pending => ("pending", None),
        AttemptOutcome::Done => ("done", None),
        AttemptOutcome::Failed { code } => ("failed", Some(code)),
    };
    execute(connection, FINISH, params![id.as_bytes(), status, code])?;
    Ok(())
}

fn outcome_of(row: &Row<'_>) -> Result<AttemptOutcome> {
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
