//! Who is admitted, and who was the first: one row, taken by the statement that asks whether it is free.

use rusqlite::{Connection, Row};
use standin::id::UserId;
use standin::store::{Admits, StoreError};

use super::failure::Failure;
use super::rows::{Cells, execute, one};

const CLAIM: &str = "INSERT INTO first_user (place, user_id) \
    SELECT 1, ?1 WHERE NOT EXISTS (SELECT 1 FROM users WHERE id <> ?1) ON CONFLICT DO NOTHING";
const FIRST: &str = "SELECT user_id FROM first_user";

/// Refuses whom the sign-in does not admit, inside the transaction that has made them if they are new.
pub(super) fn admit(
    connection: &Connection,
    admits: Admits,
    user: UserId,
    is_new: bool,
) -> Result<(), Failure> {
    let is_first = is_new && execute(connection, CLAIM, [user.as_bytes()])? == 1;
    let is_admitted = match admits {
        Admits::Anybody => true,
        Admits::FirstUser => is_first || first_user(connection)? == Some(user),
        Admits::Known => !is_new,
    };
    if is_admitted { Ok(()) } else { Err(StoreError::NotAdmitted.into()) }
}

/// Who was made while there was nobody else.
pub(super) fn first_user(connection: &Connection) -> Result<Option<UserId>, Failure> {
    one(connection, FIRST, [], |row: &Row<'_>| Cells::of(row, "first_user").id("user_id"))
}
