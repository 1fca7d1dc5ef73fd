//! Sessions: found by the hash of their cookie, with one point read.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use standin::id::{SessionId, UserId};
use standin::store::{
    NewSession, Result, SessionHash, SessionRow, SessionView, Sessions, StoreError,
};
use standin::time::Timestamp;
use standin::verify::{IdentityHash, ProviderSession};

use super::failure::Failure;
use super::reader::in_snapshot;
use super::rows::{Cells, all, execute, hash, one, optional, text};
use super::{SqliteStore, accounts, grants, users};

macro_rules! columns {
    () => {
        "sessions.id, sessions.hash, sessions.user_id, sessions.created_at, sessions.expires_at, \
         sessions.last_seen_at, sessions.opened_by, sessions.device"
    };
}

/// How many columns a session has: where the user's begin in a row of both.
const COLUMNS: usize = 8;

const BY_HASH: &str = concat!("SELECT ", columns!(), " FROM sessions WHERE hash = ?1");
const WITH_USER: &str = concat!(
    "SELECT ",
    columns!(),
    ", users.id, users.email, users.email_verified, users.name, users.picture, users.hosted_domain, \
     users.created_at FROM sessions JOIN users ON users.id = sessions.user_id WHERE hash = ?1"
);
const OF_USER: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM sessions WHERE user_id = ?1 ORDER BY created_at DESC, id DESC"
);
const OPEN: &str = "INSERT INTO sessions \
    (id, hash, user_id, created_at, expires_at, last_seen_at, provider_session, opened_by, device) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?4, ?6, ?7, ?8)";
const TOUCH: &str = "UPDATE sessions SET last_seen_at = ?2 WHERE hash = ?1 AND last_seen_at < ?2";
const END: &str = "DELETE FROM sessions WHERE hash = ?1";
const END_BY_ID: &str = "DELETE FROM sessions WHERE user_id = ?1 AND id = ?2";
const END_ALL: &str = "DELETE FROM sessions WHERE user_id = ?1";
const END_BEGUN_BEFORE: &str = "DELETE FROM sessions WHERE user_id = ?1 AND created_at < ?2";
const END_UNNAMED_BEFORE: &str = "DELETE FROM sessions \
    WHERE user_id = ?1 AND created_at < ?2 AND provider_session IS NULL";
const END_OPENED_BY: &str = "DELETE FROM sessions WHERE user_id = ?1 AND opened_by = ?2";
const END_FROM: &str = "DELETE FROM sessions WHERE provider_session = ?1";
const USER_OF: &str = "SELECT id, user_id FROM sessions WHERE provider_session = ?1 LIMIT 1";

#[async_trait]
impl Sessions for SqliteStore {
    async fn session(&self, hash: &SessionHash) -> Result<Option<SessionRow>> {
        self.read(|connection| one(connection, BY_HASH, [hash.0], session_of))
    }

    async fn session_view(&self, hash: &SessionHash) -> Result<Option<SessionView>> {
        self.views.get(hash, || {
            self.read(|connection| in_snapshot(connection, |snapshot| view(snapshot, hash)))
        })
    }

    async fn touch_session(&self, hash: &SessionHash, at: Timestamp) -> Result<()> {
        let hash = *hash;
        self.write(move |connection| {
            execute(connection, TOUCH, params![hash.0, at.unix_ms()])?;
            Ok(())
        })
        .await
    }

    async fn end_session(&self, hash: &SessionHash) -> Result<bool> {
        let hash = *hash;
        self.write(move |connection| end(connection, &hash)).await
    }

    async fn end_session_by_id(&self, user: UserId, id: SessionId) -> Result<bool> {
        self.write(move |connection| {
            let key = params![user.as_bytes(), id.as_bytes()];
            Ok(execute(connection, END_BY_ID, key)? > 0)
        })
        .await
    }

    async fn end_sessions_of(&self, user: UserId) -> Result<usize> {
        self.write(move |connection| execute(connection, END_ALL, [user.as_bytes()])).await
    }

    async fn sessions_of(&self, user: UserId) -> Result<Vec<SessionRow>> {
        self.read(|connection| all(connection, OF_USER, [user.as_bytes()], session_of))
    }
}

/// Opens a session, inside whatever transaction is open.
pub(super) fn open(
    connection: &Connection,
    user: UserId,
    session: &NewSession,
) -> std::result::Result<(), Failure> {
    let row = params![
        session.id.as_bytes(),
        session.hash.0,
        user.as_bytes(),
        session.created_at.unix_ms(),
        session.expires_at.unix_ms(),
        session.provider_session.map(|session| session.0),
        session.opened_by.0,
        session.device
    ];
    execute(connection, OPEN, row)?;
    Ok(())
}

/// Ends a session, inside whatever transaction is open. Whether there was one.
pub(super) fn end(
    connection: &Connection,
    hash: &SessionHash,
) -> std::result::Result<bool, Failure> {
    Ok(execute(connection, END, [hash.0])? == 1)
}

/// Ends what a user began before this time, inside whatever transaction is open.
pub(super) fn end_begun_before(
    connection: &Connection,
    user: UserId,
    before: Timestamp,
) -> std::result::Result<(), Failure> {
    execute(connection, END_BEGUN_BEFORE, params![user.as_bytes(), before.unix_ms()])?;
    Ok(())
}

/// The same, but only sessions of which it is not known what they came from.
pub(super) fn end_unnamed_before(
    connection: &Connection,
    user: UserId,
    before: Timestamp,
) -> std::result::Result<(), Failure> {
    execute(connection, END_UNNAMED_BEFORE, params![user.as_bytes(), before.unix_ms()])?;
    Ok(())
}

/// Ends what this identity of a user opened, inside whatever transaction is open.
pub(super) fn end_opened_by(
    connection: &Connection,
    user: UserId,
    identity: IdentityHash,
) -> std::result::Result<(), Failure> {
    execute(connection, END_OPENED_BY, params![user.as_bytes(), identity.0])?;
    Ok(())
}

/// Ends what came from this session at the provider, inside whatever transaction is open.
pub(super) fn end_from(
    connection: &Connection,
    session: ProviderSession,
) -> std::result::Result<(), Failure> {
    execute(connection, END_FROM, [session.0])?;
    Ok(())
}

/// Who has a session that came from this one at the provider.
pub(super) fn user_of(
    connection: &Connection,
    session: ProviderSession,
) -> std::result::Result<Option<UserId>, Failure> {
    one(connection, USER_OF, [session.0], |row| {
        let mut cells = Cells::of(row, "sessions");
        let _: SessionId = cells.id("id")?;
        cells.id("user_id")
    })
}

fn view(
    snapshot: &Connection,
    hash: &SessionHash,
) -> std::result::Result<Option<SessionView>, Failure> {
    let both = |row: &Row<'_>| Ok((session_of(row)?, users::user_of(row, COLUMNS)?));
    let Some((session, user)) = one(snapshot, WITH_USER, [hash.0], both)? else {
        return Ok(None);
    };
    Ok(Some(SessionView {
        accounts: accounts::of_user(snapshot, user.id)?,
        grants: grants::of_user(snapshot, user.id)?,
        session,
        user,
    }))
}

fn session_of(row: &Row<'_>) -> std::result::Result<SessionRow, StoreError> {
    let mut cells = Cells::of(row, "sessions");
    Ok(SessionRow {
        id: cells.id("id")?,
        hash: SessionHash(cells.hash("hash")?),
        user: cells.id("user_id")?,
        created_at: cells.instant("created_at")?,
        expires_at: cells.instant("expires_at")?,
        last_seen_at: cells.instant("last_seen_at")?,
        opened_by: cells.take("opened_by", optional(hash))?.map(IdentityHash),
        device: cells.take("device", optional(text))?,
    })
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::sqlite::{connection, file, schema};

    #[test]
    fn a_view_is_not_planned_anew_for_each_cookie() {
        let directory = tempfile::tempdir().unwrap();
        let path = file::make_private(&directory.path().join("standin.db")).unwrap();
        schema::migrate(&path).unwrap();
        let reader = connection::open_reader(&path).unwrap();
        for number in 0..9 {
            let mut statement = reader.prepare_cached(WITH_USER).unwrap();
            assert!(!statement.exists([[number; 32]]).unwrap());
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        }
    }
}
