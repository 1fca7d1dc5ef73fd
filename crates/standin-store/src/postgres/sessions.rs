//! Sessions: found by the hash of their cookie, with one point read.

use async_trait::async_trait;
use futures_util::future::try_join;
use standin::id::{SessionId, UserId};
use standin::store::{
    NewSession, Result, SessionHash, SessionRow, SessionView, Sessions, StoreError,
};
use standin::time::Timestamp;
use standin::verify::{IdentityHash, ProviderSession};
use tokio_postgres::Row;

use super::connection::Connection;
use super::rows::{Cells, hash, optional, params, text};
use super::work::{Done, work};
use super::{PostgresStore, accounts, grants, users};

macro_rules! columns {
    () => {
        "sessions.id, sessions.hash, sessions.user_id, sessions.created_at, sessions.expires_at, \
         sessions.last_seen_at, sessions.opened_by, sessions.device"
    };
}

/// How many columns a session has: where the user's begin in a row of both.
const COLUMNS: usize = 8;

const BY_HASH: &str = concat!("SELECT ", columns!(), " FROM sessions WHERE hash = $1");
const WITH_USER: &str = concat!(
    "SELECT ",
    columns!(),
    ", users.id, users.email, users.email_verified, users.name, users.picture, users.hosted_domain, \
     users.created_at FROM sessions JOIN users ON users.id = sessions.user_id WHERE hash = $1"
);
const OF_USER: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM sessions WHERE user_id = $1 ORDER BY created_at DESC, id DESC"
);
const OPEN: &str = "INSERT INTO sessions \
    (id, hash, user_id, created_at, expires_at, last_seen_at, provider_session, opened_by, device) \
    VALUES ($1, $2, $3, $4, $5, $4, $6, $7, $8)";
const TOUCH: &str = "UPDATE sessions SET last_seen_at = $2 WHERE hash = $1 AND last_seen_at < $2";
const END: &str = "DELETE FROM sessions WHERE hash = $1";
const END_BY_ID: &str = "DELETE FROM sessions WHERE user_id = $1 AND id = $2";
const END_ALL: &str = "DELETE FROM sessions WHERE user_id = $1";
const END_BEGUN_BEFORE: &str = "DELETE FROM sessions WHERE user_id = $1 AND created_at < $2";
const END_UNNAMED_BEFORE: &str = "DELETE FROM sessions \
    WHERE user_id = $1 AND created_at < $2 AND provider_session IS NULL";
const END_OPENED_BY: &str = "DELETE FROM sessions WHERE user_id = $1 AND opened_by = $2";
const END_FROM: &str = "DELETE FROM sessions WHERE provider_session = $1";
const USER_OF: &str = "SELECT id, user_id FROM sessions WHERE provider_session = $1 LIMIT 1";

#[async_trait]
impl Sessions for PostgresStore {
    async fn session(&self, hash: &SessionHash) -> Result<Option<SessionRow>> {
        work!(self, Read, |connection| {
            connection.one(BY_HASH, params![&hash.0], session_of).await
        })
    }

    async fn session_view(&self, hash: &SessionHash) -> Result<Option<SessionView>> {
        work!(self, Snapshot, |connection| view(connection, hash).await)
    }

    async fn touch_session(&self, hash: &SessionHash, at: Timestamp) -> Result<()> {
        work!(self, Write, |connection| {
            connection.execute(TOUCH, params![&hash.0, at]).await?;
            Ok(())
        })
    }

    async fn end_session(&self, hash: &SessionHash) -> Result<bool> {
        work!(self, Write, |connection| end(connection, hash).await)
    }

    async fn end_session_by_id(&self, user: UserId, id: SessionId) -> Result<bool> {
        work!(self, Write, |connection| {
            let key = params![user.as_bytes(), id.as_bytes()];
            Ok(connection.execute(END_BY_ID, key).await? > 0)
        })
    }

    async fn end_sessions_of(&self, user: UserId) -> Result<usize> {
        work!(self, Write, |connection| end_all(connection, user).await)
    }

    async fn sessions_of(&self, user: UserId) -> Result<Vec<SessionRow>> {
        work!(self, Read, |connection| {
            connection.all(OF_USER, params![user.as_bytes()], session_of).await
        })
    }
}

/// Opens a session for a user whose row this transaction has locked.
pub(super) async fn open(connection: &Connection, user: UserId, session: &NewSession) -> Done<()> {
    let row = params![
        session.id.as_bytes(),
        &session.hash.0,
        user.as_bytes(),
        session.created_at,
        session.expires_at,
        session.provider_session.map(|session| session.0),
        &session.opened_by.0,
        &session.device
    ];
    connection.execute(OPEN, row).await?;
    Ok(())
}

/// Ends a session, inside whatever transaction is open. Whether there was one.
pub(super) async fn end(connection: &Connection, hash: &SessionHash) -> Done<bool> {
    Ok(connection.execute(END, params![&hash.0]).await? == 1)
}

/// Ends all of a user's, inside whatever transaction is open. How many there were.
pub(super) async fn end_all(connection: &Connection, user: UserId) -> Done<usize> {
    connection.execute(END_ALL, params![user.as_bytes()]).await
}

/// Ends what a user began before this time, inside whatever transaction is open.
pub(super) async fn end_begun_before(
    connection: &Connection,
    user: UserId,
    before: Timestamp,
) -> Done<()> {
    connection.execute(END_BEGUN_BEFORE, params![user.as_bytes(), before]).await?;
    Ok(())
}

/// The same, but only sessions of which it is not known what they came from.
pub(super) async fn end_unnamed_before(
    connection: &Connection,
    user: UserId,
    before: Timestamp,
) -> Done<()> {
    connection.execute(END_UNNAMED_BEFORE, params![user.as_bytes(), before]).await?;
    Ok(())
}

/// Ends what this identity of a user opened, inside whatever transaction is open.
pub(super) async fn end_opened_by(
    connection: &Connection,
    user: UserId,
    identity: IdentityHash,
) -> Done<()> {
    connection.execute(END_OPENED_BY, params![user.as_bytes(), &identity.0]).await?;
    Ok(())
}

/// Ends what came from this session at the provider, inside whatever transaction is open.
pub(super) async fn end_from(connection: &Connection, session: ProviderSession) -> Done<()> {
    connection.execute(END_FROM, params![&session.0]).await?;
    Ok(())
}

/// Who has a session that came from this one at the provider.
pub(super) async fn user_of(
    connection: &Connection,
    session: ProviderSession,
) -> Done<Option<UserId>> {
    let user = |row: &Row| {
        let mut cells = Cells::of(row, "sessions");
        let _: SessionId = cells.id("id")?;
        cells.id("user_id")
    };
    connection.one(USER_OF, params![&session.0], user).await
}

async fn view(snapshot: &Connection, hash: &SessionHash) -> Done<Option<SessionView>> {
    let both = |row: &Row| Ok((session_of(row)?, users::user_of(row, COLUMNS)?));
    let found = snapshot.one(WITH_USER, params![&hash.0], both).await?;
    let Some((session, user)) = found else {
        return Ok(None);
    };
    let (accounts, grants) =
        try_join(accounts::of_user(snapshot, user.id), grants::of_user(snapshot, user.id)).await?;
    Ok(Some(SessionView { accounts, grants, session, user }))
}

fn session_of(row: &Row) -> std::result::Result<SessionRow, StoreError> {
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
