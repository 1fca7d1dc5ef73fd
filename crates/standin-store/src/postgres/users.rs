//! People, how providers know them, and the transaction that ends a sign-in.

use async_trait::async_trait;
use standin::fail_point::FailPoint;
use standin::id::UserId;
use standin::store::{
    Account, AttemptOutcome, Event, Outdated, Result, SignIn, SignedIn, StoreError, Unlinked, User,
    Users,
};
use standin::verify::{Identity, Profile, ProviderId};
use tokio_postgres::Row;

use super::connection::Connection;
use super::rows::{Cells, limit, optional, params, text};
use super::work::{Done, work};
use super::{
    PostgresStore, accounts, admission, attempts, cluster, events, grants, receipts, scope_ledger,
    sessions,
};

macro_rules! columns {
    () => {
        "id, email, email_verified, name, picture, hosted_domain, created_at"
    };
}

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM users WHERE id = $1");
const PAGE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM users WHERE ($1 IS NULL OR id > $1) ORDER BY id LIMIT $2"
);
const INSERT: &str = concat!(
    "INSERT INTO users (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING"
);
/// What is untold ($7 address, $8 name, $9 picture) stays as it is.
const UPDATE: &str = "UPDATE users SET email = CASE WHEN $7 THEN email ELSE $2 END, \
    email_verified = CASE WHEN $7 THEN email_verified ELSE $3 END, \
    name = CASE WHEN $8 THEN name ELSE $4 END, \
    picture = CASE WHEN $9 THEN picture ELSE $5 END, hosted_domain = $6 WHERE id = $1";
const DELETE: &str = "DELETE FROM users WHERE id = $1";
const LOCK: &str = concat!("SELECT ", columns!(), " FROM users WHERE id = $1 FOR UPDATE");

const OWNERS: &str = "SELECT DISTINCT user_id FROM identities \
    WHERE provider = $1 AND subject = $2 LIMIT 2";

#[async_trait]
impl Users for PostgresStore {
    async fn complete_sign_in(&self, sign_in: SignIn) -> Result<SignedIn> {
        work!(self, Write, |connection| complete(connection, &sign_in).await)
    }

    async fn user(&self, id: UserId) -> Result<Option<User>> {
        work!(self, Read, |connection| by_id(connection, id).await)
    }

    async fn first_user(&self) -> Result<Option<UserId>> {
        work!(self, Read, |connection| admission::first_user(connection).await)
    }

    async fn user_by_subject(
        &self,
        provider: &ProviderId,
        subject: &str,
    ) -> Result<Option<UserId>> {
        let owner = |row: &Row| Cells::of(row, "identities").id("user_id");
        let owners = work!(self, Read, |connection| {
            connection.all(OWNERS, params![provider.as_str(), subject], owner).await
        })?;
        Ok(owners.first().copied().filter(|_| owners.len() == 1))
    }

    async fn users(&self, after: Option<UserId>, rows: usize) -> Result<Vec<User>> {
        let after = after.as_ref().map(UserId::as_bytes);
        work!(self, Scan, |connection| {
            connection.all(PAGE, params![after, limit(rows)], |row| user_of(row, 0)).await
        })
    }

    async fn user_of_identity(&self, identity: &Identity) -> Result<Option<UserId>> {
        work!(self, Read, |connection| accounts::owner(connection, identity).await)
    }

    async fn users_by_email(&self, email: &str, rows: usize) -> Result<Vec<User>> {
        work!(self, Snapshot, |connection| {
            accounts::users_by_email(connection, email, rows).await
        })
    }

    async fn accounts_of(&self, user: UserId) -> Result<Vec<Account>> {
        work!(self, Read, |connection| accounts::of_user(connection, user).await)
    }

    async fn unlink_identity(
        &self,
        user: UserId,
        identity: &Identity,
        event: Event,
    ) -> Result<Unlinked> {
        work!(self, Write, |connection| {
            accounts::unlink(connection, user, identity, &event).await
        })
    }

    async fn delete_user(&self, id: UserId) -> Result<bool> {
        work!(self, Write, |connection| delete(connection, id).await)
    }
}

/// Locks the identity and the user before it writes anything that hangs on them: whoever deletes or unlinks them at
/// the same time has done so before, and this conflicts, or waits, and takes it all away.
async fn complete(connection: &Connection, sign_in: &SignIn) -> Done<SignedIn> {
    let known = accounts::lock_owner(connection, &sign_in.identity).await?;
    let user = known.unwrap_or(sign_in.new_user);
    let is_new = put(connection, user, known, sign_in).await?;
    admission::admit(connection, sign_in.admits, user, is_new).await?;
    accounts::put(connection, user, known.is_some(), sign_in).await?;
    cluster::note_sign_in(connection, sign_in, user, known.is_none()).await?;
    if let Some(grant) = sign_in.grant_of(user)? {
        grants::put(connection, grant).await?;
        scope_ledger::put(connection, grant.id, &sign_in.scopes).await?;
    }
    if let Some(hash) = &sign_in.replaces {
        sessions::end(connection, hash).await?;
    }
    if let Some(session) = &sign_in.session {
        sessions::open(connection, user, session).await?;
    }
    attempts::finish(connection, sign_in.attempt, &AttemptOutcome::Done).await?;
    for event in &sign_in.events_of(user) {
        events::append(connection, event).await?;
    }
    let signed_in = SignedIn { user, is_new };
    if let Some(receipt) = &sign_in.receipt_of(signed_in) {
        receipts::put(connection, receipt).await?;
    }
    FailPoint::DatabaseSignedIn.reach().await.map_err(StoreError::from)?;
    Ok(signed_in)
}

/// Identities, user, and what hangs on them, in the order in which everybody locks them. An identity that was added
/// while this waited for the user's row goes with the others.
async fn delete(connection: &Connection, id: UserId) -> Done<bool> {
    accounts::remove_all(connection, id).await?;
    if connection.execute(DELETE, params![id.as_bytes()]).await? == 0 {
        return Ok(false);
    }
    accounts::remove_all(connection, id).await?;
    admission::leave(connection, id).await?;
    grants::delete_of_user(connection, id).await?;
    sessions::end_all(connection, id).await?;
    receipts::forget(connection, id).await?;
    cluster::note(connection, Outdated::User(id)).await?;
    Ok(true)
}

/// The row of the user. Whether they are new; a bound sign-in makes nobody and changes nobody.
async fn put(
    connection: &Connection,
    user: UserId,
    known: Option<UserId>,
    sign_in: &SignIn,
) -> Done<bool> {
    if sign_in.is_bound {
        let is_theirs = user == sign_in.new_user && lock(connection, user).await?.is_some();
        return if is_theirs { Ok(false) } else { Err(StoreError::Conflict.into()) };
    }
    let is_new = known.is_none() && insert(connection, user, sign_in).await?;
    if !is_new {
        update(connection, user, sign_in).await?;
    }
    Ok(is_new)
}

/// Whether there was no such user.
async fn insert(connection: &Connection, user: UserId, sign_in: &SignIn) -> Done<bool> {
    let profile = &sign_in.profile;
    let row = params![
        user.as_bytes(),
        &profile.email,
        profile.email_verified,
        &profile.name,
        &profile.picture,
        &profile.hosted_domain,
        sign_in.at
    ];
    Ok(connection.execute(INSERT, row).await? == 1)
}

/// A user who is deleted at the same time is one to be read again.
async fn update(connection: &Connection, user: UserId, sign_in: &SignIn) -> Done<()> {
    let (profile, untold) = (&sign_in.profile, sign_in.untold);
    let row = params![
        user.as_bytes(),
        &profile.email,
        profile.email_verified,
        &profile.name,
        &profile.picture,
        &profile.hosted_domain,
        untold.email,
        untold.name,
        untold.picture
    ];
    match connection.execute(UPDATE, row).await? {
        1 => Ok(()),
        _ => Err(StoreError::Conflict.into()),
    }
}

/// By id, inside whatever snapshot is open.
pub(super) async fn by_id(connection: &Connection, id: UserId) -> Done<Option<User>> {
    connection.one(BY_ID, params![id.as_bytes()], |row| user_of(row, 0)).await
}

/// By id. Nobody deletes them, or adds to them, before this transaction ends.
pub(super) async fn lock(connection: &Connection, id: UserId) -> Done<Option<User>> {
    connection.one(LOCK, params![id.as_bytes()], |row| user_of(row, 0)).await
}

/// The user whose columns start at `first`.
pub(super) fn user_of(row: &Row, first: usize) -> std::result::Result<User, StoreError> {
    let mut cells = Cells::from(row, "users", first);
    Ok(User {
        id: cells.id("id")?,
        profile: Profile {
            email: cells.take("email", optional(text))?,
            email_verified: cells.flag("email_verified")?,
            name: cells.take("name", optional(text))?,
            picture: cells.take("picture", optional(text))?,
            hosted_domain: cells.take("hosted_domain", optional(text))?,
        },
        created_at: cells.instant("created_at")?,
    })
}
