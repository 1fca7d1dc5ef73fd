//! Shredding: a tenant's data keys are destroyed, and with them whatever they have sealed, wherever a copy of it is.
//!
//! ```text
//! retire its keys ─▶ for each grant: queue its token, wipe it ─▶ destroy its keys ─▶ ask the providers
//! ```
//!
//! A provider that hangs holds up nothing that can be done here: it is asked last, and once it does not answer the rest
//! is left to whoever asks again for what waits.
//!
//! Nothing can be sealed with the keys any more before the first grant is looked at, so none slips through. What
//! waits to be revoked is sealed with everybody's key, since it must outlive the tenant's. Nothing here remembers how
//! far it has come: as long as a key is not destroyed, doing it again goes on from there.
//!
//! A row that cannot be read is in nobody else's way: it is passed over, and counted. It keeps the keys only if it is
//! sealed with one of them, which its ciphertext says however damaged the rest is.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};

use crate::error::Error;
use crate::id::GrantId;
use crate::provider::ProviderKind;
use crate::revoke::{AT_A_TIME, Again, Revocations, Revoked};
use crate::store::{Damaged, DataKeyRow, Event, EventKind, Listed, RevocationRow, StoreError};
use crate::vault::{Grant, Sealed, data_key_destroyed, data_key_retired};
use crate::verify::Profile;

/// How many grants are looked at in one go.
const PAGE: usize = 500;
/// How often all grants are looked through, while some of the tenant's are still being written.
const MAX_ROUNDS: usize = 16;

/// What was destroyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shredded {
    /// Data keys.
    pub keys: usize,
    /// Grants that were wiped.
    pub grants: usize,
    /// Grants whose provider has not confirmed that their tokens are revoked, yet or ever, or has confirmed it to
    /// another process.
    pub unconfirmed: usize,
    /// Grants whose rows cannot be read. None of the tenant's keys has sealed them; whether they are the tenant's by the
    /// rule that is in force, nobody can say. Each is in the log.
    pub unreadable: usize,
}

/// What is gone here already, or would be.
#[derive(Default)]
struct Wiped {
    grants: usize,
    /// What is wrong with rows that cannot be read.
    unreadable: BTreeMap<GrantId, StoreError>,
    /// What the providers are to be asked for.
    queued: Vec<RevocationRow>,
    /// Grants with a token that does not open.
    untold: BTreeSet<GrantId>,
}

impl Wiped {
    fn pass_over(&mut self, unreadable: Vec<Damaged<GrantId>>) {
        for Damaged { key, error } in unreadable {
            if !self.unreadable.contains_key(&key) {
                tracing::error!(grant.id = %key, %error, "a grant is passed over: its row cannot be read");
            }
            self.unreadable.insert(key, error);
        }
    }
}

/// A page of grants.
struct Page {
    /// The tenant's.
    own: Vec<Grant>,
    unreadable: Vec<Damaged<GrantId>>,
    last: GrantId,
}

impl Revocations {
    /// Takes back every grant of a tenant, and destroys its data keys. `None` if it has none.
    ///
    /// A grant is a tenant's if one of its data keys has sealed it; and one that everybody's key has sealed, if it would
    /// be the tenant's by the rule that is in force and only waits for its user to sign in again. Whoever signs in
    /// meanwhile, or later, begins anew under a new key.
    ///
    /// # Errors
    /// Those of the store and of the keys. [`StoreError::Conflict`] if grants are still being written under the tenant's
    /// keys after many rounds, and [`StoreError::Inconsistent`] if one of them has sealed a row that cannot be read: no
    /// key is destroyed then. What was wiped stays so; go on by calling it again.
    ///
    /// # Cancel safety
    /// May be begun again at any point. What has been wiped is queued, and is revoked later if it is not now.
    pub async fn shred(&self, tenant: &str) -> Result<Option<Shredded>, Error> {
        let keys = self.retire_keys_of(tenant).await?;
        if keys.is_empty() {
            return Ok(None);
        }
        let mut wiped = Wiped::default();
        self.wipe_all_of(tenant, &keys, &mut wiped).await?;
        self.destroy(tenant, &keys).await?;
        let (keys, grants, unreadable) = (keys.len(), wiped.grants, wiped.unreadable.len());
        let mut unconfirmed = wiped.untold;
        unconfirmed.extend(self.ask_while_they_answer(wiped.queued).await);
        Ok(Some(Shredded { keys, grants, unconfirmed: unconfirmed.len(), unreadable }))
    }

    /// Until nothing is left that one of these keys has sealed.
    async fn wipe_all_of(
        &self,
        tenant: &str,
        keys: &BTreeSet<u32>,
        wiped: &mut Wiped,
    ) -> Result<(), Error> {
        for round in 0..MAX_ROUNDS {
            let (mut after, before) = (None, wiped.grants);
            while let Some(page) = self.grants_of(tenant, keys, after).await? {
                wiped.pass_over(page.unreadable);
                for grant in page.own {
                    let id = grant.id;
                    wiped.grants += 1;
                    if self.wipe_all(grant, &mut wiped.queued).await? != Revoked::Confirmed {
                        wiped.untold.insert(id);
                    }
                }
                after = Some(page.last);
            }
            if !self.is_needed(keys).await? {
                return Ok(());
            }
            // Whoever began to write before the keys were retired has finished by now, and nobody else does: what a second
            // round does not find is one of these.
            let is_found = round == 0 || wiped.grants > before;
            if let Some(error) = wiped.unreadable.values().next().filter(|_| !is_found) {
                return Err(error.clone().into());
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// The event comes first: with the last key it could not be told any more whose they were.
    async fn destroy(&self, tenant: &str, keys: &BTreeSet<u32>) -> Result<(), Error> {
        let event = Event {
            detail: Some(tenant.to_owned()),
            ..Event::new(EventKind::TenantShredded, self.core.now())
        };
        self.core.store.append_events(vec![event]).await?;
        let own = self.keys_of(tenant).await?.into_iter().filter(|row| keys.contains(&row.id));
        for row in own {
            let destroyed = data_key_destroyed(row, self.core.now());
            self.core.store.replace_data_key(destroyed).await?;
        }
        Ok(())
    }

    /// Asks several at a time. A provider that does not answer is asked no more: what is left is in the queue. The
    /// grants whose provider has not confirmed it.
    async fn ask_while_they_answer(&self, queued: Vec<RevocationRow>) -> BTreeSet<GrantId> {
        let (mut unconfirmed, mut away) = (BTreeSet::new(), BTreeSet::new());
        for some in queued.chunks(AT_A_TIME) {
            let (left, asked): (Vec<_>, Vec<_>) =
                some.iter().partition(|row| away.contains(&row.provider));
            unconfirmed.extend(left.into_iter().map(|row| row.grant));
            let asking: Vec<BoxFuture<'_, _>> =
                asked.iter().map(|row| self.again((*row).clone()).boxed()).collect();
            for (row, answered) in asked.into_iter().zip(join_all(asking).await) {
                match answered {
                    Ok(Again::Dropped | Again::Tried(Revoked::Confirmed)) => continue,
                    // Elsewhere: a service that runs asks for what has waited a minute, too.
                    Ok(Again::Elsewhere | Again::Tried(Revoked::NotOffered | Revoked::Untold)) => {}
                    Ok(Again::Tried(Revoked::Queued)) => drop(away.insert(row.provider.clone())),
                    // The keys are gone, and the row still waits.
                    Err(error) => {
                        tracing::warn!(grant.id = %row.grant, %error, "a revocation is tried again later");
                    }
                }
                unconfirmed.insert(row.grant);
            }
        }
        unconfirmed
    }

    /// What [`shred`](Self::shred) would destroy now; none of it is touched. `None` if the tenant has no data key.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn would_shred(&self, tenant: &str) -> Result<Option<Shredded>, Error> {
        let keys: BTreeSet<u32> = self.keys_of(tenant).await?.iter().map(|row| row.id).collect();
        if keys.is_empty() {
            return Ok(None);
        }
        let (mut seen, mut after) = (Wiped::default(), None);
        while let Some(page) = self.grants_of(tenant, &keys, after).await? {
            seen.grants += page.own.len();
            seen.pass_over(page.unreadable);
            after = Some(page.last);
        }
        let (keys, grants, unreadable) = (keys.len(), seen.grants, seen.unreadable.len());
        Ok(Some(Shredded { keys, grants, unreadable, ..Shredded::default() }))
    }

    async fn keys_of(&self, tenant: &str) -> Result<Vec<DataKeyRow>, StoreError> {
        let rows = self.core.store.data_keys().await?.into_iter();
        let is_live = |row: &DataKeyRow| row.removed_at.is_none();
        Ok(rows.filter(|row| row.tenant.as_deref() == Some(tenant) && is_live(row)).collect())
    }

    /// From here on no store takes anything that these have sealed.
    async fn retire_keys_of(&self, tenant: &str) -> Result<BTreeSet<u32>, Error> {
        for _ in 0..MAX_ROUNDS {
            let keys = self.keys_of(tenant).await?;
            if keys.iter().all(|row| row.retired_at.is_some()) {
                return Ok(keys.iter().map(|row| row.id).collect());
            }
            for row in keys.into_iter().filter(|row| row.retired_at.is_none()) {
                match self.core.store.replace_data_key(data_key_retired(row, self.core.now())).await
                {
                    // Somebody else changed it: it is looked at again.
                    Ok(()) | Err(StoreError::Conflict) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Of the next page of grants those of the tenant, and those of which nobody can say whose they are.
    async fn grants_of(
        &self,
        tenant: &str,
        keys: &BTreeSet<u32>,
        after: Option<GrantId>,
    ) -> Result<Option<Page>, StoreError> {
        let rows = self.core.store.data_keys().await?;
        let of_nobody = rows.iter().filter(|row| row.tenant.is_none()).map(|row| row.id).collect();
        let listed = self.core.store.list_grants(after, PAGE).await?;
        let key_of = |row: &Listed<Grant, GrantId>| match row {
            Ok(grant) => grant.id,
            Err(damaged) => damaged.key,
        };
        let Some(last) = listed.last().map(key_of) else { return Ok(None) };
        let mut page = Page { own: Vec::new(), unreadable: Vec::new(), last };
        for row in listed {
            let grant = match row {
                Ok(grant) => grant,
                Err(damaged) => {
                    page.unreadable.push(damaged);
                    continue;
                }
            };
            match self.is_of(tenant, (keys, &of_nobody), &grant).await {
                Ok(true) => page.own.push(grant),
                Ok(false) => {}
                // Its user's row.
                Err(error @ StoreError::Inconsistent { .. }) => {
                    page.unreadable.push(Damaged { key: grant.id, error });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Some(page))
    }

    async fn is_of(
        &self,
        tenant: &str,
        (keys, of_nobody): (&BTreeSet<u32>, &BTreeSet<u32>),
        grant: &Grant,
    ) -> Result<bool, StoreError> {
        let sealed_with: BTreeSet<u32> = grant.tokens.iter().filter_map(Sealed::data_key).collect();
        if !sealed_with.is_disjoint(keys) {
            return Ok(true);
        }
        if sealed_with.is_empty() || !sealed_with.is_subset(of_nobody) {
            return Ok(false);
        }
        let profile = match self.core.store.user(grant.user).await? {
            Some(user) => user.profile,
            None => Profile::default(),
        };
        // Of a provider that is no longer configured it is believed: it was until it was taken out.
        let provider = self.core.providers.get(&grant.identity.provider);
        let is_google =
            provider.is_none_or(|provider| provider.config().kind == ProviderKind::Google);
        Ok(self.core.tenants.would_be(tenant, grant, &profile, is_google))
    }

    /// Whether there is a row that one of these keys has sealed.
    async fn is_needed(&self, keys: &BTreeSet<u32>) -> Result<bool, StoreError> {
        self.core.store.let_writers_finish().await?;
        let counts = self.core.store.data_key_use().await?;
        let is_one = |key: Option<u32>| key.is_some_and(|key| keys.contains(&key));
        Ok(counts.iter().any(|count| is_one(count.key) && count.grants + count.revocations > 0))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;

    use super::*;
    use crate::admission::SignUp;
    use crate::core::Core;
    use crate::entropy::SystemEntropy;
    use crate::http::{HttpClient, HttpError, Request, Response};
    use crate::revoke::queue;
    use crate::secret::RefreshToken;
    use crate::store::Grants as _;
    use crate::store::conformance::samples::{at, grant, grant_id};
    use crate::store::memory::MemoryStore;
    use crate::time::{MockClock, Timestamp};
    use crate::vault::{Destination, KeyFile, TenantRule, Vault};

    struct NoNetwork;

    #[async_trait]
    impl HttpClient for NoNetwork {
        async fn send(&self, _: Request) -> Result<Response, HttpError> {
            Err(HttpError::Unsent)
        }
    }

    /// No provider is configured, so that each revocation is done as soon as it is tried.
    async fn core(store: &Arc<MemoryStore>) -> Core {
        let (keys, clock) =
            (KeyFile::generate(&SystemEntropy), Arc::new(MockClock::new(at(1_000))));
        let vault = Vault::open(&keys, store.clone(), clock.clone(), &SystemEntropy).await.unwrap();
        Core {
            clock,
            entropy: Arc::new(SystemEntropy),
            http: Arc::new(NoNetwork),
            store: store.clone(),
            vault,
            providers: BTreeMap::new(),
            public_url: "https://app.example".parse().unwrap(),
            sign_up: SignUp::Open,
            keeps_alive: false,
            tenants: TenantRule::Off,
        }
    }

    /// A big tenant takes longer than a minute, and a running service begins with the first rows meanwhile.
    #[tokio::test]
    async fn vc_15_a_revocation_that_somebody_else_asks_for_keeps_none_behind_it() {
        let store = Arc::new(MemoryStore::default());
        let revocations = Revocations::new(Arc::new(core(&store).await));
        let mut queued = Vec::new();
        for number in 0..=2 * AT_A_TIME as u64 {
            let (to, token) = (Destination::of(&grant(number)), RefreshToken::new("1//dying"));
            queued.push(queue(&revocations.core, grant_id(number), &to, &token).await.unwrap());
        }
        let RevocationRow { queued_at, attempts, retry_at, .. } = queued[0];
        store.postpone_revocation(grant_id(0), queued_at, attempts, retry_at).await.unwrap();

        let unconfirmed = revocations.ask_while_they_answer(queued).await;

        assert_eq!(unconfirmed, BTreeSet::from([grant_id(0)]));
        let waiting = store.due_revocations(Timestamp::from_unix_ms(i64::MAX), 100).await.unwrap();
        assert!(waiting.iter().map(|row| row.grant).eq([grant_id(0)]), "the others were asked for");
    }
}
