//! The record of every vend and every refusal.
//!
//! A job may ask a thousand times a second; a row for each would make the disk the limit of the service.
//! Equal vends (same client, grant, outcome and purpose) within a second are therefore one event with a
//! count: nothing is left out, and the writing is bounded by how many different things happen. What is
//! counted is written once a second, and at shutdown.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{VendRequest, Vended};
use crate::error::{Error, Refusal};
use crate::id::{ClientId, GrantId, UserId};
use crate::store::{Event, EventKind, Store};
use crate::time::Timestamp;
use crate::vault::Grant;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    kind: EventKind,
    client: Option<ClientId>,
    user: Option<UserId>,
    grant: Option<GrantId>,
    detail: Option<String>,
}

struct Counted {
    first_at: Timestamp,
    count: u32,
}

/// Counts now, writes at the next flush. Clones share the count.
#[derive(Clone, Default)]
pub struct Audit(Arc<Mutex<HashMap<Key, Counted>>>);

impl Audit {
    pub(super) fn vend(
        &self,
        client: ClientId,
        request: &VendRequest,
        vended: &Result<Vended, Error>,
        now: Timestamp,
    ) {
        let key = match vended {
            Ok(vended) => Key {
                kind: EventKind::TokenVended,
                client: Some(client),
                user: Some(vended.user),
                grant: Some(vended.token.grant),
                detail: request.purpose.clone(),
            },
            Err(error) => Key {
                kind: EventKind::VendRefused,
                client: Some(client),
                user: None,
                grant: None,
                detail: Some(error.code().to_owned()),
            },
        };
        self.count(key, now);
    }

    pub(super) fn record(&self, kind: EventKind, user: UserId, grant: GrantId, now: Timestamp) {
        let key = Key { kind, client: None, user: Some(user), grant: Some(grant), detail: None };
        self.count(key, now);
    }

    /// Somebody whose key is none of ours.
    pub(super) fn stranger(&self, now: Timestamp) {
        let detail = Some(Refusal::InvalidClient.code().to_owned());
        let kind = EventKind::VendRefused;
        self.count(Key { kind, client: None, user: None, grant: None, detail }, now);
    }

    /// A page of this user was refused.
    pub(super) fn page_refused(&self, user: UserId, error: &Error, now: Timestamp) {
        let detail = Some(error.code().to_owned());
        let kind = EventKind::VendRefused;
        self.count(Key { kind, client: None, user: Some(user), grant: None, detail }, now);
    }

    /// A new token was needed, and none could be had.
    pub(super) fn refresh_failed(&self, grant: &Grant, error: &Error, now: Timestamp) {
        let detail = Some(error.code().to_owned());
        let (user, grant) = (Some(grant.user), Some(grant.id));
        self.count(Key { kind: EventKind::RefreshFailed, client: None, user, grant, detail }, now);
    }

    /// A grant's row was changed behind our back; `code` is what callers get.
    pub(super) fn damaged(&self, user: UserId, grant: GrantId, code: &str, now: Timestamp) {
        let (kind, detail) = (EventKind::GrantDamaged, Some(code.to_owned()));
        self.count(Key { kind, client: None, user: Some(user), grant: Some(grant), detail }, now);
    }

    fn count(&self, key: Key, now: Timestamp) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = counts.entry(key).or_insert(Counted { first_at: now, count: 0 });
        counted.count = counted.count.saturating_add(1);
    }

    /// Writes what was counted since the last flush.
    ///
    /// # Errors
    /// Those of the store; what could not be written is counted on and written next time.
    pub async fn flush(&self, store: &dyn Store) -> Result<(), Error> {
        let counts = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if counts.is_empty() {
            return Ok(());
        }
        let mut events: Vec<_> = counts.iter().map(|(key, counted)| key.event(counted)).collect();
        events.sort_by_key(|event| event.at);
        if let Err(error) = store.append_events(events).await {
            self.put_back(counts);
            return Err(error.into());
        }
        Ok(())
    }

    fn put_back(&self, counts: HashMap<Key, Counted>) {
        let mut newer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, counted) in counts {
            let entry =
                newer.entry(key).or_insert(Counted { first_at: counted.first_at, count: 0 });
            entry.first_at = entry.first_at.min(counted.first_at);
            entry.count = entry.count.saturating_add(counted.count);
        }
    }
}

impl Key {
    fn event(&self, counted: &Counted) -> Event {
        Event {
            user: self.user,
            grant: self.grant,
            client: self.client,
            detail: self.detail.clone(),
            count: counted.count,
            ..Event::new(self.kind, counted.first_at)
        }
    }
}
