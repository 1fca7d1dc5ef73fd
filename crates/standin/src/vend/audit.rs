//! The record of every vend and every refusal.
//!
//! A job may ask a thousand times a second; a row for each would make the disk the limit of the service.
//! Equal vends (same client, grant, outcome and purpose) within a second are therefore one event with a
//! count: nothing is left out, and the writing is bounded by how many different things happen. What is
//! counted is written once a second, and at shutdown, a part of it in each transaction.
//!
//! While the database takes nothing it is counted on. There is an end to that: what is new then is only counted by its
//! kind and client, and such an event says so.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{VendRequest, Vended};
use crate::error::{Error, Refusal};
use crate::id::{ClientId, GrantId, UserId};
use crate::measure;
use crate::store::{Event, EventKind, Store};
use crate::time::Timestamp;
use crate::vault::Grant;

/// So many different things are remembered until they are written: some tens of megabytes.
const MOST: usize = 100_000;
/// So many are written in one transaction: whoever else writes waits no longer than for these.
const AT_A_TIME: usize = 500;
/// The detail of an event that stands for others of its kind, of which nothing else is known any more.
const CUT: &str = "details_not_kept";

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    kind: EventKind,
    client: Option<ClientId>,
    user: Option<UserId>,
    grant: Option<GrantId>,
    detail: Option<String>,
}

#[derive(Clone, Copy)]
struct Counted {
    first_at: Timestamp,
    count: u32,
}

#[derive(Default)]
struct Counts {
    waiting: HashMap<Key, Counted>,
    /// How many a flush has in its hands.
    being_written: usize,
}

/// Counts now, writes at the next flush. Clones share the count.
#[derive(Clone, Default)]
pub struct Audit(Arc<Mutex<Counts>>);

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
        let has_no_more_room = self.counts().add(key, now);
        if has_no_more_room {
            tracing::error!(
                "so much waits for the record that what is new is only counted: the database takes nothing"
            );
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that waits. Every vend waits for the guard, and it is gone when this returns.
    fn taken(&self) -> HashMap<Key, Counted> {
        self.counts().take()
    }

    fn put_back(&self, taken: Vec<(Key, Counted)>) {
        let taken = taken.into_iter().collect();
        self.counts().put_back(taken);
    }

    /// How many different things are not on the record yet.
    pub(crate) fn waiting(&self) -> usize {
        self.counts().len()
    }

    /// Writes what was counted since the last flush, the oldest first.
    ///
    /// # Errors
    /// Those of the store; what could not be written is counted on and written next time.
    ///
    /// # Cancel safety
    /// None: what is neither written nor put back when this is dropped is not on the record.
    pub async fn flush(&self, store: &dyn Store) -> Result<(), Error> {
        let mut newest_first = newest_first(self.taken());
        while !newest_first.is_empty() {
            let rest = newest_first.len().saturating_sub(AT_A_TIME);
            let oldest = newest_first[rest..].iter().rev();
            let events = oldest.map(|(key, counted)| key.event(counted)).collect();
            if let Err(error) = store.append_events(events).await {
                self.put_back(newest_first);
                return Err(error.into());
            }
            self.counts().being_written -= newest_first.len() - rest;
            newest_first.truncate(rest);
        }
        Ok(())
    }
}

impl Counts {
    fn len(&self) -> usize {
        self.waiting.len() + self.being_written
    }

    /// One more. Whether it is the first of its kind of which there is only a count.
    fn add(&mut self, key: Key, now: Timestamp) -> bool {
        let one = Counted { first_at: now, count: 1 };
        if self.len() < MOST || self.waiting.contains_key(&key) {
            self.merge(key, one);
            return false;
        }
        measure::count(&measure::RECORD_CUT);
        let key = key.cut();
        let is_first = !self.waiting.contains_key(&key);
        self.merge(key, one);
        is_first
    }

    fn merge(&mut self, key: Key, more: Counted) {
        let Counted { first_at, count } = more;
        let counted = self.waiting.entry(key).or_insert(Counted { first_at, count: 0 });
        counted.first_at = counted.first_at.min(first_at);
        counted.count = counted.count.saturating_add(count);
    }

    fn take(&mut self) -> HashMap<Key, Counted> {
        self.being_written += self.waiting.len();
        std::mem::take(&mut self.waiting)
    }

    /// The smaller one is merged into the larger: there may be very many, and every vend waits meanwhile.
    fn put_back(&mut self, mut taken: HashMap<Key, Counted>) {
        self.being_written -= taken.len();
        if taken.len() > self.waiting.len() {
            std::mem::swap(&mut taken, &mut self.waiting);
        }
        for (key, counted) in taken {
            self.merge(key, counted);
        }
    }
}

fn newest_first(taken: HashMap<Key, Counted>) -> Vec<(Key, Counted)> {
    let mut taken: Vec<_> = taken.into_iter().collect();
    taken.sort_by_key(|(_, counted)| Reverse(counted.first_at));
    taken
}

impl Key {
    /// All that is left of it when there is no room. There are few clients; what they say is theirs to choose.
    fn cut(self) -> Self {
        Self { user: None, grant: None, detail: Some(CUT.to_owned()), ..self }
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Events as _;
    use crate::store::conformance::samples::{at, client, grant_id, user};
    use crate::store::memory::MemoryStore;

    fn vend(audit: &Audit, number: usize) {
        let number = u64::try_from(number).unwrap();
        audit.record(EventKind::TokenVended, user(number), grant_id(number), at(number));
    }

    async fn events(store: &MemoryStore) -> Vec<Event> {
        store.events(0, 2 * MOST).await.unwrap().into_iter().map(|stored| stored.event).collect()
    }

    #[tokio::test]
    async fn ls_6_what_waits_for_the_record_has_an_end_and_what_is_beyond_it_is_counted_and_said() {
        let (audit, store) = (Audit::default(), MemoryStore::default());
        (0..MOST + 70).for_each(|number| vend(&audit, number));
        // Whatever is known goes on.
        vend(&audit, 0);
        assert_eq!(audit.waiting(), MOST + 1);

        audit.flush(&store).await.unwrap();

        let written = events(&store).await;
        assert_eq!((written.len(), audit.waiting()), (MOST + 1, 0));
        assert!(written.is_sorted_by_key(|event| event.at));
        let (last, first) = (written.last().unwrap(), &written[0]);
        assert_eq!((last.count, last.detail.as_deref()), (70, Some("details_not_kept")));
        assert_eq!((last.kind, last.user, last.grant), (EventKind::TokenVended, None, None));
        assert_eq!((first.count, first.user), (2, Some(user(0))));
        // There is room again.
        vend(&audit, 3);
        audit.flush(&store).await.unwrap();
        assert_eq!(events(&store).await.last().unwrap().user, Some(user(3)));
    }

    #[test]
    fn ls_6_of_what_is_beyond_the_end_it_is_known_whose_it_was_and_nothing_that_they_chose() {
        let client = Some(client(1).id);
        let (user, grant) = (Some(user(1)), Some(grant_id(1)));
        let detail = Some("any purpose".to_owned());
        let cut = Key { kind: EventKind::TokenVended, client, user, grant, detail }.cut();
        assert_eq!((cut.client, cut.user, cut.grant), (client, None, None));
        assert_eq!(cut.detail.as_deref(), Some(CUT));
    }

    /// Whichever is more.
    #[test]
    fn ls_6_what_is_put_back_is_added_to_what_came_meanwhile() {
        for (before, meanwhile) in [(0..4, 3..5), (0..2, 1..5)] {
            let audit = Audit::default();
            before.for_each(|number| vend(&audit, number));
            let taken = newest_first(audit.taken());
            assert!(taken.is_sorted_by_key(|(_, counted)| Reverse(counted.first_at)));
            meanwhile.for_each(|number| vend(&audit, number));

            audit.put_back(taken);

            assert_eq!((audit.waiting(), audit.counts().being_written), (5, 0));
            let counts = audit.taken().into_values().map(|counted| counted.count);
            assert_eq!(counts.sum::<u32>(), 6, "one of them twice");
        }
    }
}
