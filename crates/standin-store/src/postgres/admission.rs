//! Who is admitted, and who was the first: one row, taken by the statement that asks whether it is free. Of two who
//! ask at once, the second waits for the first, and then there is somebody.

use standin::id::UserId;
use standin::store::{Admits, StoreError};
use tokio_postgres::Row;

use super::connection::Connection;
use super::rows::{Cells, params};
use super::work::Done;

const CLAIM: &str = "INSERT INTO first_user (place, user_id) \
    SELECT 1, $1 WHERE NOT EXISTS (SELECT 1 FROM users WHERE id <> $1) ON CONFLICT DO NOTHING";
const FIRST: &str = "SELECT user_id FROM first_user";
const LEAVE: &str = "DELETE FROM first_user WHERE user_id = $1";

/// Refuses whom the sign-in does not admit, inside the transaction that has made them if they are new.
pub(super) async fn admit(
    connection: &Connection,
    admits: Admits,
    user: UserId,
    is_new: bool,
) -> Done<()> {
    let is_first = is_new && connection.execute(CLAIM, params![user.as_bytes()]).await? == 1;
    let is_admitted = match admits {
        Admits::Anybody => true,
        Admits::FirstUser => is_first || first_user(connection).await? == Some(user),
        Admits::Known => !is_new,
    };
    if is_admitted { Ok(()) } else { Err(StoreError::NotAdmitted.into()) }
}

/// Who was made while there was nobody else.
pub(super) async fn first_user(connection: &Connection) -> Done<Option<UserId>> {
    let user = |row: &Row| Cells::of(row, "first_user").id("user_id");
    connection.one(FIRST, params![], user).await
}

/// Frees the place, if it was this user's, who is being deleted.
pub(super) async fn leave(connection: &Connection, user: UserId) -> Done<()> {
    connection.execute(LEAVE, params![user.as_bytes()]).await?;
    Ok(())
}
