//! Shredding: a tenant's data keys are destroyed, and with them whatever they have sealed, wherever a copy of it is.
//!
//! ```text
//! retire its keys ─▶ for each grant: queue its token, wipe it, ask the provider ─▶ destroy its keys
//! ```
//!
//! Nothing can be sealed with the keys any more before the first grant is looked at, so none slips through. What
//! waits to be revoked is sealed with everybody's key, since it must outlive the tenant's. Nothing here remembers how
//! far it has come: as long as a key is not destroyed, doing it again goes on from there.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::id::GrantId;
use crate::revoke::{Revocations, Revoked};
use crate::store::{DataKeyRow, Event, EventKind, StoreError};
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
    /// Grants whose provider has not confirmed that their tokens are revoked, yet or ever.
    pub unconfirmed: usize,
}

impl Revocations {
    /// Takes back every grant of a tenant, and destroys its data keys. `None` if it has none.
    ///
    /// A grant is a tenant's if one of its data keys has sealed it; and one that everybody's key has sealed, if it would
    /// be the tenant's by the rule that is in force and only waits for its user to sign in again. Whoever signs in
    /// meanwhile, or later, begins anew under a new key.
    ///
    /// # Errors
    /// Those of the store and of everybody's key. What was wiped stays so; go on by calling it again.
    ///
    /// # Cancel safety
    /// May be begun again at any point. What has been wiped is queued, and is revoked later if it is not now.
    pub async fn shred(&self, tenant: &str) -> Result<Option<Shredded>, Error> {
        let keys = self.retire_keys_of(tenant).await?;
        if keys.is_empty() {
            return Ok(None);
        }
        let mut shredded = Shredded { keys: keys.len(), ..Shredded::default() };
        for _ in 0..MAX_ROUNDS {
            self.take_back_all(tenant, &keys, &mut shredded).await?;
            if !self.is_needed(&keys).await? {
                break;
            }
        }
        let own = self.keys_of(tenant).await?.into_iter().filter(|row| keys.contains(&row.id));
        for row in own {
            let destroyed = data_key_destroyed(row, self.core.now());
            self.core.store.replace_data_key(destroyed).await?;
        }
        let event = Event {
            detail: Some(tenant.to_owned()),
            ..Event::new(EventKind::TenantShredded, self.core.now())
        };
        self.core.store.append_events(vec![event]).await?;
        Ok(Some(shredded))
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
        let mut shredded = Shredded { keys: keys.len(), ..Shredded::default() };
        let mut after = None;
        while let Some((grants, last)) = self.grants_of(tenant, &keys, after).await? {
            shredded.grants += grants.len();
            after = Some(last);
        }
        Ok(Some(shredded))
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

    async fn take_back_all(
        &self,
        tenant: &str,
        keys: &BTreeSet<u32>,
        shredded: &mut Shredded,
    ) -> Result<(), Error> {
        let mut after = None;
        while let Some((grants, last)) = self.grants_of(tenant, keys, after).await? {
            for grant in grants {
                shredded.grants += 1;
                let revoked = self.take_back(grant).await?;
                shredded.unconfirmed += usize::from(revoked != Revoked::Confirmed);
            }
            after = Some(last);
        }
        Ok(())
    }

    /// Of the next page of grants those of the tenant, and where the page ends.
    async fn grants_of(
        &self,
        tenant: &str,
        keys: &BTreeSet<u32>,
        after: Option<GrantId>,
    ) -> Result<Option<(Vec<Grant>, GrantId)>, StoreError> {
        let rows = self.core.store.data_keys().await?;
        let of_nobody = rows.iter().filter(|row| row.tenant.is_none()).map(|row| row.id).collect();
        let page = self.core.store.grants(after, PAGE).await?;
        let Some(last) = page.last().map(|grant| grant.id) else { return Ok(None) };
        let mut own = Vec::new();
        for grant in page {
            if self.is_of(tenant, (keys, &of_nobody), &grant).await? {
                own.push(grant);
            }
        }
        Ok(Some((own, last)))
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
        Ok(self.core.tenants.would_be(tenant, grant, &profile))
    }

    /// Whether there is a row that one of these keys has sealed.
    async fn is_needed(&self, keys: &BTreeSet<u32>) -> Result<bool, StoreError> {
        let counts = self.core.store.data_key_use().await?;
        let is_one = |key: Option<u32>| key.is_some_and(|key| keys.contains(&key));
        Ok(counts.iter().any(|count| is_one(count.key) && count.grants + count.revocations > 0))
    }
}
