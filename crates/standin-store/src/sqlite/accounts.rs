//! The accounts of a user: their identities, with what tells them apart.

use rusqlite::{Connection, params};
use standin::id::UserId;
use standin::store::{Account, Event, Outdated, SignIn, StoreError, Unlinked, User};
use standin::vault::GrantState;
use standin::verify::Identity;

use super::failure::Failure;
use super::rows::{Cells, all, execute, limit, one, optional, text};
use super::{cluster, events, grants, sessions, users};

type Done<T> = Result<T, Failure>;

const OWNER: &str = "SELECT subject, user_id FROM identities \
    WHERE provider = ?1 AND subject = ?2 AND issuer = ?3";
const OF_USER: &str = "SELECT subject, provider, issuer, email FROM identities \
    WHERE user_id = ?1 ORDER BY provider, subject, issuer";
const BY_EMAIL: &str = "SELECT DISTINCT user_id FROM identities \
    WHERE email = ?1 COLLATE NOCASE ORDER BY user_id LIMIT ?2";
const ADD: &str = "INSERT INTO identities (provider, subject, issuer, user_id, email) \
    VALUES (?1, ?2, ?3, ?4, ?5)";
const SET_EMAIL: &str = "UPDATE identities SET email = ?4 \
    WHERE provider = ?1 AND subject = ?2 AND issuer = ?3 AND email IS NOT ?4";
/// Not the last one.
const REMOVE: &str = "DELETE FROM identities \
    WHERE provider = ?1 AND subject = ?2 AND issuer = ?3 AND user_id = ?4 \
    AND (SELECT count(*) FROM identities AS theirs WHERE theirs.user_id = ?4) > 1";

/// Whose identity it is, inside whatever transaction is open.
pub(super) fn owner(connection: &Connection, identity: &Identity) -> Done<Option<UserId>> {
    let key = params![identity.provider.as_str(), identity.subject, identity.issuer];
    one(connection, OWNER, key, |row| {
        let mut cells = Cells::of(row, "identities");
        cells.text("subject")?;
        cells.id("user_id")
    })
}

/// A user's accounts, inside whatever snapshot is open.
pub(super) fn of_user(connection: &Connection, user: UserId) -> Done<Vec<Account>> {
    all(connection, OF_USER, [user.as_bytes()], |row| {
        let mut cells = Cells::of(row, "identities");
        let subject = cells.text("subject")?;
        let (provider, issuer) = (cells.parsed("provider")?, cells.text("issuer")?);
        let email = cells.take("email", optional(text))?;
        Ok(Account { identity: Identity { provider, issuer, subject }, email })
    })
}

/// Who has this address, inside whatever snapshot is open.
pub(super) fn users_by_email(connection: &Connection, email: &str, rows: usize) -> Done<Vec<User>> {
    let ids: Vec<UserId> = all(connection, BY_EMAIL, params![email, limit(rows)], |row| {
        Cells::of(row, "identities").id("user_id")
    })?;
    let users = ids.into_iter().map(|id| users::by_id(connection, id));
    users.filter_map(Result::transpose).collect()
}

/// Adds the identity to `user`, or notes what the provider calls a known one now.
pub(super) fn put(
    connection: &Connection,
    user: UserId,
    is_known: bool,
    sign_in: &SignIn,
) -> Done<()> {
    let Identity { provider, issuer, subject } = &sign_in.identity;
    let email = sign_in.profile.email.as_ref().filter(|_| !sign_in.untold.email);
    if !is_known {
        let row = params![provider.as_str(), subject, issuer, user.as_bytes(), email];
        execute(connection, ADD, row)?;
    } else if !sign_in.untold.email {
        execute(connection, SET_EMAIL, params![provider.as_str(), subject, issuer, email])?;
    }
    Ok(())
}

/// Takes an identity from its user, inside whatever transaction is open.
pub(super) fn unlink(
    connection: &Connection,
    user: UserId,
    identity: &Identity,
    event: &Event,
) -> Done<Unlinked> {
    if owner(connection, identity)? != Some(user) {
        return Ok(Unlinked::Unknown);
    }
    let key =
        params![identity.provider.as_str(), identity.subject, identity.issuer, user.as_bytes()];
    if execute(connection, REMOVE, key)? == 0 {
        return Ok(Unlinked::Last);
    }
    if let Some(grant) = grants::of_identity(connection, identity)? {
        if grant.state != GrantState::Revoked {
            return Err(StoreError::Conflict.into());
        }
        grants::remove(connection, grant.id)?;
    }
    sessions::end_opened_by(connection, user, identity.hash())?;
    cluster::note(connection, Outdated::User(user))?;
    events::append(connection, event)?;
    Ok(Unlinked::Done)
}
