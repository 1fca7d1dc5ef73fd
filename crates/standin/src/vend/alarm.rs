//! Grants whose rows were changed behind our back: the operator is told once of each, and of nobody else's.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;
use crate::id::GrantId;
use crate::store::StoreError;

/// More than this at once are one trouble and not many.
const MOST: usize = 10_000;

/// Who was told of already, since this process started. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Alarms(Arc<Mutex<HashSet<GrantId>>>);

impl Alarms {
    /// Whether this is damage that nobody was told of yet; then it is told in the log. Callers ask again and again.
    pub(super) fn raise(&self, grant: GrantId, error: &Error) -> bool {
        if !is_damage(error) {
            return false;
        }
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = told.len() < MOST && told.insert(grant);
        if is_new {
            let code = error.code();
            tracing::error!(grant.id = %grant, code, %error, "a grant is not as it was written, and nobody gets a token of it");
        }
        is_new
    }
}

/// What no provider and no bad day does.
fn is_damage(error: &Error) -> bool {
    match error {
        Error::Store(error) => matches!(error, StoreError::Inconsistent { .. }),
        Error::Vault(error) => error.is_damage(),
        _ => false,
    }
}
