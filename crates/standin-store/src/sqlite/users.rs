//! People, how providers know them, and the transaction that ends a sign-in.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use standin::fail_point::FailPoint;
use standin::id::UserId;
use standin::store::{
    Account, AttemptOutcome, Event, Outdated, Result, SignIn, SignedIn, StoreError, Unlinked, User,
    Users,
};
use standin::verify::{Identity, Profile, ProviderId};

use super::failure::Failure;
use super::reader::in_snapshot;
use super::rows::{Cells, all, execute, limit, one, optional, text};
use super::{
    SqliteStore, accounts, admission, attempts, cluster, events, grants, receipts, scope_ledger,
    sessions,
};

macro_rules! columns {
    () => {
        "id, email, email_verified, name, picture, hosted_domain, created_at"
    };
}

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM users WHERE id = ?1");
const PAGE: &str = concat!("SELECT ", columns!(), " FROM users WHERE id > ?1 ORDER BY id LIMIT ?2");
const INSERT: &str = concat!(
    "INSERT INTO users (",
    columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING"
);
/// What is untold (?7 address, ?8 name, ?9 picture) stays as it is.
const UPDATE: &str = "UPDATE users SET email = CASE WHEN ?7 THEN email ELSE ?2 END, \
    email_verified = CASE WHEN ?7 THEN email_verified ELSE ?3 END, \
    name = CASE WHEN ?8 THEN name ELSE ?4 END, \
    picture = CASE WHEN ?9 THEN picture ELSE ?5 END, hosted_domain = ?6 WHERE id = ?1";
const DELETE: &str = "DELETE FROM users WHERE id = ?1";

const OWNERS: &str = "SELECT DISTINCT user_id FROM identities \
    WHERE provider = ?1 AND subject = ?2 LIMIT 2";

#[async_trait]
impl Users for SqliteStore {
    async fn complete_sign_in(&self, sign_in: SignIn) -> Result<SignedIn> {
        self.write(move |connection| complete(connection, &sign_in)).await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>> {
        self.read(|connection| by_id(connection, id))
    }

    async fn first_user(&self) -> Result<Option<UserId>> {
        self.read(admission::first_user)
    }

    async fn user_by_subject(
        &self,
        provider: &ProviderId,
        subject: &str,
    ) -> Result<Option<UserId>> {
        let owner = |row: &Row<'_>| Cells::of(row, "identities").id("user_id");
        let named = params![provider.as_str(), subject];
        let owners = self.read(|connection| all(connection, OWNERS, named, owner))?;
        Ok(owners.first().copied().filter(|_| owners.len() == 1))
    }

    async fn users(&self, after: Option<UserId>, rows: usize) -> Result<Vec<User>> {
        let after: &[u8] = after.as_ref().map_or(&[], |id| id.as_bytes());
        let page = params![after, limit(rows)];
        self.read(|connection| all(connection, PAGE, page, |row| user_of(row, 0)))
    }

    async fn user_of_identity(&self, identity: &Identity) -> Result<Option<UserId>> {
        self.read(|connection| accounts::owner(connection, identity))
    }

    async fn users_by_email(&self, email: &str, rows: usize) -> Result<Vec<User>> {
        self.read(|connection| {
            in_snapshot(connection, |snapshot| accounts::users_by_email(snapshot, email, rows))
        })
    }

    async fn accounts_of(&self, user: UserId) -> Result<Vec<Account>> {
        self.read(|connection| accounts::of_user(connection, user))
    }

    async fn unlink_identity(
        &self,
        user: UserId,
        identity: &Identity,
        event: Event,
    ) -> Result<Unlinked> {
        let identity = identity.clone();
        self.write(move |connection| accounts::unlink(connection, user, &identity, &event)).await
    }

    async fn delete_user(&self, id: UserId) -> Result<bool> {
        // Identities, grants, sessions and receipts go with the row that they refer to.
        self.write(move |connection| {
            let is_deleted = execute(connection, DELETE, [id.as_bytes()])? == 1;
            if is_deleted {
                cluster::note(connection, Outdated::User(id))?;
            }
            Ok(is_deleted)
        })
        .await
    }
}

fn complete(connection: &Connection, sign_in: &SignIn) -> std::result::Result<SignedIn, Failure> {
    let known = accounts::owner(connection, &sign_in.identity)?;
    let user = known.unwrap_or(sign_in.new_user);
    let is_new = put(connection, user, known, sign_in)?;
    admission::admit(connection, sign_in.admits, user, is_new)?;
    accounts::put(connection, user, known.is_some(), sign_in)?;
    cluster::note_sign_in(connection, sign_in, user, known.is_none())?;
    let events = sign_in.events_of(user);
    let signed_in = SignedIn { user, is_new };
    let receipt = sign_in.receipt_of(signed_in);
    if let Some(grant) = sign_in.grant_of(user)? {
        grants::put(connection, grant)?;
        scope_ledger::put(connection, grant.id, &sign_in.scopes)?;
    }
    if let Some(hash) = &sign_in.replaces {
        sessions::end(connection, hash)?;
    }
    if let Some(session) = &sign_in.session {
        sessions::open(connection, user, session)?;
    }
    attempts::finish(connection, sign_in.attempt, &AttemptOutcome::Done)?;
    events.iter().try_for_each(|event| events::append(connection, event))?;
    if let Some(receipt) = &receipt {
        receipts::put(connection, receipt)?;
    }
    FailPoint::DatabaseSignedIn.reach_now().map_err(StoreError::from)?;
    Ok(signed_in)
}

/// The row of the user. Whether they are new; a bound sign-in makes nobody and changes nobody.
fn put(
    connection: &Connection,
    user: UserId,
    known: Option<UserId>,
    sign_in: &SignIn,
) -> std::result::Result<bool, Failure> {
    if sign_in.is_bound {
        let is_theirs = user == sign_in.new_user && by_id(connection, user)?.is_some();
        return if is_theirs { Ok(false) } else { Err(StoreError::Conflict.into()) };
    }
    let is_new = known.is_none() && insert(connection, user, sign_in)?;
    if !is_new {
        update(connection, user, sign_in)?;
    }
    Ok(is_new)
}

/// Whether there was no such user.
fn insert(
    connection: &Connection,
    user: UserId,
    sign_in: &SignIn,
) -> std::result::Result<bool, Failure> {
    let profile = &sign_in.profile;
    let row = params![
        user.as_bytes(),
        profile.email,
        profile.email_verified,
        profile.name,
        profile.picture,
        profile.hosted_domain,
        sign_in.at.unix_ms()
    ];
    Ok(execute(connection, INSERT, row)? == 1)
}

fn update(
    connection: &Connection,
    user: UserId,
    sign_in: &SignIn,
) -> std::result::Result<(), Failure> {
    let (profile, untold) = (&sign_in.profile, sign_in.untold);
    let row = params![
        user.as_bytes(),
        profile.email,
        profile.email_verified,
        profile.name,
        profile.picture,
        profile.hosted_domain,
        untold.email,
        untold.name,
        untold.picture
    ];
    execute(connection, UPDATE, row)?;
    Ok(())
}

/// By id, inside whatever snapshot is open.
pub(super) fn by_id(
    connection: &Connection,
    id: UserId,
) -> std::result::Result<Option<User>, Failure> {
    one(connection, BY_ID, [id.as_bytes()], |row| user_of(row, 0))
}

/// The user whose columns start at `first`.
pub(super) fn user_of(row: &Row<'_>, first: usize) -> std::result::Result<User, StoreError> {
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
