//! The accounts of a user: their identities, with what tells them apart.
//!
//! Whoever changes what hangs on an identity locks its row first and its user's next, in this order.

use standin::id::UserId;
use standin::store::{Account, Event, Outdated, SignIn, StoreError, Unlinked, User};
use standin::vault::GrantState;
use standin::verify::Identity;
use tokio_postgres::Row;

use super::connection::Connection;
use super::rows::{Cells, Value, limit, optional, params, text};
use super::work::Done;
use super::{cluster, events, grants, sessions, users};

const OWNER: &str = "SELECT subject, user_id FROM identities \
    WHERE provider = $1 AND subject = $2 AND issuer = $3";
const LOCK_OWNER: &str = "SELECT subject, user_id FROM identities \
    WHERE provider = $1 AND subject = $2 AND issuer = $3 FOR UPDATE";
const OF_USER: &str = "SELECT subject, provider, issuer, email FROM identities \
    WHERE user_id = $1 ORDER BY provider, subject, issuer";
const BY_EMAIL: &str = "SELECT DISTINCT user_id FROM identities \
    WHERE lower(email) = lower($1 COLLATE \"C\") ORDER BY user_id LIMIT $2";
const ADD: &str = "INSERT INTO identities (provider, subject, issuer, user_id, email) \
    VALUES ($1, $2, $3, $4, $5)";
const SET_EMAIL: &str = "UPDATE identities SET email = $4 \
    WHERE provider = $1 AND subject = $2 AND issuer = $3 AND email IS DISTINCT FROM $4";
/// Not the last one. The user is locked: nobody else takes one at the same time.
const REMOVE: &str = "DELETE FROM identities \
    WHERE provider = $1 AND subject = $2 AND issuer = $3 AND user_id = $4 \
    AND (SELECT count(*) FROM identities AS theirs WHERE theirs.user_id = $4) > 1";
const REMOVE_ALL: &str = "DELETE FROM identities WHERE user_id = $1";

/// What an identity is found by.
pub(super) fn key_of(identity: &Identity) -> [Value<'_>; 3] {
    [identity.provider.as_str().into(), (&identity.subject).into(), (&identity.issuer).into()]
}

/// Whose identity it is.
pub(super) async fn owner(connection: &Connection, identity: &Identity) -> Done<Option<UserId>> {
    connection.one(OWNER, &key_of(identity), owner_of).await
}

/// Whose identity it is, and stays before this transaction ends.
pub(super) async fn lock_owner(
    connection: &Connection,
    identity: &Identity,
) -> Done<Option<UserId>> {
    connection.one(LOCK_OWNER, &key_of(identity), owner_of).await
}

/// A user's accounts, inside whatever snapshot is open.
pub(super) async fn of_user(connection: &Connection, user: UserId) -> Done<Vec<Account>> {
    connection.all(OF_USER, params![user.as_bytes()], account_of).await
}

/// Who has this address, inside whatever snapshot is open.
pub(super) async fn users_by_email(
    connection: &Connection,
    email: &str,
    rows: usize,
) -> Done<Vec<User>> {
    let id = |row: &Row| Cells::of(row, "identities").id("user_id");
    let mut found = Vec::new();
    for id in connection.all(BY_EMAIL, params![email, limit(rows)], id).await? {
        found.extend(users::by_id(connection, id).await?);
    }
    Ok(found)
}

/// Adds the identity to `user`, or notes what the provider calls a known one now.
pub(super) async fn put(
    connection: &Connection,
    user: UserId,
    is_known: bool,
    sign_in: &SignIn,
) -> Done<()> {
    let [provider, subject, issuer] = key_of(&sign_in.identity);
    let email = sign_in.profile.email.as_deref().filter(|_| !sign_in.untold.email);
    if !is_known {
        let row = [provider, subject, issuer, user.as_bytes().into(), email.into()];
        connection.execute(ADD, &row).await?;
    } else if !sign_in.untold.email {
        connection.execute(SET_EMAIL, &[provider, subject, issuer, email.into()]).await?;
    }
    Ok(())
}

/// Takes an identity from its user, inside whatever transaction is open.
pub(super) async fn unlink(
    connection: &Connection,
    user: UserId,
    identity: &Identity,
    event: &Event,
) -> Done<Unlinked> {
    if lock_owner(connection, identity).await? != Some(user) {
        return Ok(Unlinked::Unknown);
    }
    users::lock(connection, user).await?;
    let [provider, subject, issuer] = key_of(identity);
    let row = [provider, subject, issuer, user.as_bytes().into()];
    if connection.execute(REMOVE, &row).await? == 0 {
        return Ok(Unlinked::Last);
    }
    if let Some(grant) = grants::lock_of_identity(connection, identity).await? {
        if grant.state != GrantState::Revoked {
            return Err(StoreError::Conflict.into());
        }
        grants::remove(connection, grant.id).await?;
    }
    sessions::end_opened_by(connection, user, identity.hash()).await?;
    cluster::note(connection, Outdated::User(user)).await?;
    events::append(connection, event).await?;
    Ok(Unlinked::Done)
}

/// Takes all identities of a user who is being deleted.
pub(super) async fn remove_all(connection: &Connection, user: UserId) -> Done<()> {
    connection.execute(REMOVE_ALL, params![user.as_bytes()]).await?;
    Ok(())
}

fn owner_of(row: &Row) -> Result<UserId, StoreError> {
    let mut cells = Cells::of(row, "identities");
    cells.text("subject")?;
    cells.id("user_id")
}

fn account_of(row: &Row) -> Result<Account, StoreError> {
    let mut cells = Cells::of(row, "identities");
    let subject = cells.text("subject")?;
    let (provider, issuer) = (cells.parsed("provider")?, cells.text("issuer")?);
    let email = cells.take("email", optional(text))?;
    Ok(Account { identity: Identity { provider, issuer, subject }, email })
}
