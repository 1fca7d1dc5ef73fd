//! Who is admitted, and who was the first.

use super::Tables;
use crate::id::UserId;
use crate::store::{Admits, Result, StoreError};

impl Tables {
    /// Whether this user may sign in; they need not be there yet.
    pub(super) fn admits(&self, admits: Admits, user: UserId) -> Result<()> {
        let is_admitted = match admits {
            Admits::Anybody => true,
            Admits::FirstUser => self.first_user == Some(user) || self.users.is_empty(),
            Admits::Known => self.users.contains_key(&user),
        };
        is_admitted.then_some(()).ok_or(StoreError::NotAdmitted)
    }

    /// Whoever is made while there is nobody else is the first user.
    pub(super) fn note_first(&mut self, user: UserId) {
        if self.users.is_empty() {
            self.first_user = Some(user);
        }
    }
}
