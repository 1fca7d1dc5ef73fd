//! A store in memory: the shortest reading of the contract, and the store of tests that need no file.
//!
//! One lock over plain maps. Each method is one critical section, and looks at everything that could be in
//! the way before it changes anything: that makes each of them one transaction.

mod admission;
mod census;
mod cluster;
mod failed_requests;
mod receipts;
mod refreshes;
mod signals;
mod users;

#[cfg(test)]
pub(crate) use self::refreshes::Standby;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{
    Account, AttemptOutcome, AttemptRow, Attempts, ClientRow, Clients, DataKeyRow, DataKeyUse,
    DataKeys, Event, Events, FailedInWindow, Grants, Housekeeping, Listed, Marks, Network,
    NewSession, Outdated, Page, ReceiptRow, Result, RevocationRow, RewrappedGrant, Rewraps,
    SessionHash, SessionRow, SessionView, Sessions, Spent, SpentKind, StoreError, StoredEvent,
    Timeline, User,
};
use crate::id::{AttemptId, ClientId, GrantId, SessionId, UserId};
use crate::time::Timestamp;
use crate::vault::{Grant, ScopeRecord, Sealed, SealedTokens};
use crate::verify::{Identity, ProviderId, ProviderSession};

/// Forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
    wire: Option<Arc<dyn Wire>>,
    marks: Marks,
}

/// What lies between a node and its database, for simulations: what refreshes do goes over it, and what nodes hear.
#[async_trait]
pub(crate) trait Wire: std::fmt::Debug + Send + Sync {
    /// The way there. An error says that nothing was done.
    async fn there(&self, what: &'static str) -> Result<()>;
    /// The way back: it is done, whoever hears of it.
    async fn back(&self, what: &'static str) -> Result<()>;
    /// The clock of the database, which is no node's.
    fn now(&self) -> Timestamp;
}

#[derive(Debug, Default)]
struct Tables {
    attempts: BTreeMap<AttemptId, (Timestamp, AttemptOutcome)>,
    spent: BTreeMap<(SpentKind, [u8; 32]), Timestamp>,
    users: BTreeMap<UserId, User>,
    identities: HashMap<Identity, UserId>,
    emails: HashMap<Identity, String>,
    first_user: Option<UserId>,
    grants: BTreeMap<GrantId, Grant>,
    scope_ledger: BTreeMap<(GrantId, String), ScopeRecord>,
    sessions: HashMap<SessionHash, SessionRow>,
    provider_sessions: HashMap<SessionHash, ProviderSession>,
    standings: HashMap<Identity, (Timestamp, bool)>,
    clients: BTreeMap<ClientId, ClientRow>,
    revoked_clients: HashSet<ClientId>,
    events: Vec<Event>,
    data_keys: BTreeMap<u32, DataKeyRow>,
    receipts: BTreeMap<AttemptId, ReceiptRow>,
    revocations: BTreeMap<(Timestamp, GrantId), RevocationRow>,
    leases: BTreeMap<GrantId, refreshes::Lease>,
    /// What another server began when it took over, in a simulation.
    timeline: Option<Timeline>,
    failed_requests: BTreeMap<Network, FailedInWindow>,
    notes: cluster::Notes,
    /// By the signal that is being taken.
    withdrawn: Vec<GrantId>,
}

impl MemoryStore {
    /// The same rows, as a node sees them over `wire`.
    #[cfg(test)]
    pub(crate) fn over(&self, wire: Arc<dyn Wire>) -> Self {
        let (tables, marks) = (Arc::clone(&self.tables), Marks::default());
        Self { tables, wire: Some(wire), marks }
    }

    /// Does something there, and comes back with what it gave.
    async fn reach<T: Send>(
        &self,
        what: &'static str,
        work: impl FnOnce(&mut Tables, Option<Timestamp>) -> Result<T> + Send,
    ) -> Result<T> {
        let Some(wire) = &self.wire else { return work(&mut self.tables(), None) };
        wire.there(what).await?;
        let done = work(&mut self.tables(), Some(wire.now()))?;
        wire.back(what).await?;
        Ok(done)
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // A test that failed while it held the lock has left no half-done change behind.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tokens that are not those of `kept`.
fn changed(tokens: &SealedTokens, kept: Option<&SealedTokens>) -> SealedTokens {
    let Some(kept) = kept else { return tokens.clone() };
    SealedTokens {
        access: tokens.access.clone().filter(|token| kept.access.as_ref() != Some(token)),
        refresh: tokens.refresh.clone().filter(|token| kept.refresh.as_ref() != Some(token)),
        trace: None,
    }
}

impl Tables {
    fn grant_of(&self, identity: &Identity) -> Option<&Grant> {
        let is_theirs = |grant: &&Grant| grant.identity == *identity;
        self.grants.values().find(is_theirs)
    }

    /// Whether `grant`, belonging to `user`, may be written over what is there.
    fn fits(&self, grant: &Grant, user: UserId) -> Result<()> {
        let stored = self.grants.get(&grant.id);
        let fits = match stored {
            None => grant.version == 1 && self.grant_of(&grant.identity).is_none(),
            Some(stored) => {
                grant.version > 1
                    && stored.version == grant.version - 1
                    && stored.user == user
                    && stored.identity == grant.identity
            }
        };
        // What only stays as it was is not sealed now: a row that slipped in before its key was retired lives on.
        let kept = stored.map(|stored| &stored.tokens);
        let fits = fits && !self.is_retired(&changed(&grant.tokens, kept));
        fits.then_some(()).ok_or(StoreError::Conflict)
    }

    fn is_retired(&self, tokens: &SealedTokens) -> bool {
        keys_of(tokens).into_iter().flatten().any(|key| self.is_key_retired(key))
    }

    fn is_key_retired(&self, key: u32) -> bool {
        self.data_keys.get(&key).is_some_and(|row| row.retired_at.is_some())
    }

    fn put_grant(&mut self, grant: Grant) {
        let created_at = self.grants.get(&grant.id).map(|stored| stored.created_at);
        let grant = Grant { created_at: created_at.unwrap_or(grant.created_at), ..grant };
        self.grants.insert(grant.id, grant);
    }

    fn put_scopes(&mut self, grant: GrantId, scopes: Vec<ScopeRecord>) {
        let rows = scopes.into_iter().map(|record| ((grant, record.scope.clone()), record));
        self.scope_ledger.extend(rows);
    }

    fn open_session(&mut self, session: &NewSession, user: UserId) {
        let row = SessionRow {
            hash: session.hash,
            id: session.id,
            user,
            created_at: session.created_at,
            expires_at: session.expires_at,
            last_seen_at: session.created_at,
            opened_by: Some(session.opened_by),
            device: session.device.clone(),
        };
        self.provider_sessions.extend(session.provider_session.map(|from| (row.hash, from)));
        self.sessions.insert(row.hash, row);
    }

    fn accounts_of(&self, user: UserId) -> Vec<Account> {
        let theirs = self.identities.iter().filter(|(_, owner)| **owner == user);
        let account = |identity: &Identity| Account {
            identity: identity.clone(),
            email: self.emails.get(identity).cloned(),
        };
        let mut accounts: Vec<Account> = theirs.map(|(identity, _)| account(identity)).collect();
        let key = |account: &Account| {
            let Identity { provider, issuer, subject } = account.identity.clone();
            (provider, subject, issuer)
        };
        accounts.sort_by_key(key);
        accounts
    }

    fn grants_of(&self, user: UserId) -> Vec<Grant> {
        let theirs = self.grants.values().filter(|grant| grant.user == user);
        theirs.cloned().collect()
    }
}

/// What the sealed values of a grant name, each once.
fn keys_of(tokens: &SealedTokens) -> BTreeSet<Option<u32>> {
    tokens.iter().map(Sealed::data_key).collect()
}

/// Those of the next rows that need something.
fn page<'r, T: Clone + 'r, K: Copy + 'r>(
    rest: impl Iterator<Item = (&'r K, &'r T)>,
    look_at: usize,
    needs_it: impl Fn(&T) -> bool,
) -> Page<T, K> {
    let looked_at: Vec<_> = rest.take(look_at.max(1)).collect();
    let last = looked_at.last().map(|(key, _)| **key);
    let rows = looked_at.into_iter().map(|(_, row)| row).filter(|row| needs_it(row));
    Page { rows: rows.cloned().map(Ok).collect(), last }
}

fn key_of(revocation: &RevocationRow) -> Option<u32> {
    Sealed::from_bytes(revocation.sealed_token.clone()).data_key()
}

#[async_trait]
impl Attempts for MemoryStore {
    async fn consume_attempt(&self, attempt: AttemptRow) -> Result<bool> {
        let mut tables = self.tables();
        let is_first = !tables.attempts.contains_key(&attempt.id);
        let pending = (attempt.expires_at, AttemptOutcome::Pending);
        tables.attempts.entry(attempt.id).or_insert(pending);
        Ok(is_first)
    }

    async fn finish_attempt(&self, id: AttemptId, outcome: AttemptOutcome) -> Result<()> {
        if let Some(attempt) = self.tables().attempts.get_mut(&id) {
            attempt.1 = outcome;
        }
        Ok(())
    }

    async fn attempt_outcome(&self, id: AttemptId) -> Result<Option<AttemptOutcome>> {
        let tables = self.tables();
        Ok(tables.attempts.get(&id).map(|(_, outcome)| outcome.clone()))
    }
}

#[async_trait]
impl Spent for MemoryStore {
    async fn spend(&self, kind: SpentKind, sha256: &[u8; 32], until: Timestamp) -> Result<bool> {
        let mut tables = self.tables();
        let is_first = !tables.spent.contains_key(&(kind, *sha256));
        tables.spent.entry((kind, *sha256)).or_insert(until);
        Ok(is_first)
    }
}

#[async_trait]
impl Grants for MemoryStore {
    async fn grant(&self, id: GrantId) -> Result<Option<Grant>> {
        self.reach("read", |tables, _| Ok(tables.grants.get(&id).cloned())).await
    }

    async fn grant_of_identity(&self, identity: &Identity) -> Result<Option<Grant>> {
        Ok(self.tables().grant_of(identity).cloned())
    }

    async fn grant_at(&self, user: UserId, provider: &ProviderId) -> Result<Option<Grant>> {
        let theirs = self.tables().grants_of(user).into_iter();
        let there = theirs.filter(|grant| grant.identity.provider == *provider);
        Ok(there.min_by_key(Grant::precedence))
    }

    async fn grants_of(&self, user: UserId) -> Result<Vec<Grant>> {
        Ok(self.tables().grants_of(user))
    }

    async fn list_grants(
        &self,
        after: Option<GrantId>,
        limit: usize,
    ) -> Result<Vec<Listed<Grant, GrantId>>> {
        let tables = self.tables();
        let rest = tables.grants.values().filter(|row| Some(row.id) > after);
        Ok(rest.take(limit).cloned().map(Ok).collect())
    }

    async fn replace_grant(&self, grant: Grant, event: Option<Event>) -> Result<()> {
        self.change_scopes(grant, Vec::new(), event.into_iter().collect()).await
    }

    async fn change_scopes(
        &self,
        grant: Grant,
        scopes: Vec<ScopeRecord>,
        events: Vec<Event>,
    ) -> Result<()> {
        let mut tables = self.tables();
        if !tables.grants.contains_key(&grant.id) {
            return Err(StoreError::Conflict);
        }
        tables.fits(&grant, grant.user)?;
        tables.put_scopes(grant.id, scopes);
        self.note(&mut tables, Outdated::Grant(grant.id));
        tables.put_grant(grant);
        tables.events.extend(events);
        Ok(())
    }

    async fn scope_ledger(&self, grant: GrantId) -> Result<Vec<ScopeRecord>> {
        let tables = self.tables();
        let theirs = tables.scope_ledger.iter().filter(|((id, _), _)| *id == grant);
        Ok(theirs.map(|(_, record)| record.clone()).collect())
    }

    async fn queue_revocation(&self, revocation: RevocationRow) -> Result<()> {
        let key = (revocation.queued_at, revocation.grant);
        let mut tables = self.tables();
        let is_retired = key_of(&revocation).is_some_and(|key| tables.is_key_retired(key));
        if is_retired || tables.revocations.contains_key(&key) {
            return Err(StoreError::Conflict);
        }
        tables.revocations.insert(key, revocation);
        Ok(())
    }

    async fn due_revocations(&self, now: Timestamp, limit: usize) -> Result<Vec<RevocationRow>> {
        let tables = self.tables();
        let mut due: Vec<_> =
            tables.revocations.values().filter(|row| row.retry_at <= now).collect();
        due.sort_by_key(|row| row.retry_at);
        Ok(due.into_iter().take(limit).cloned().collect())
    }

    async fn finish_revocation(&self, grant: GrantId, queued_at: Timestamp) -> Result<()> {
        self.tables().revocations.remove(&(queued_at, grant));
        Ok(())
    }

    async fn postpone_revocation(
        &self,
        grant: GrantId,
        queued_at: Timestamp,
        attempts: u32,
        retry_at: Timestamp,
    ) -> Result<bool> {
        let mut tables = self.tables();
        let row = tables.revocations.get_mut(&(queued_at, grant));
        let Some(row) = row.filter(|row| row.attempts == attempts) else { return Ok(false) };
        row.retry_at = retry_at;
        row.attempts += 1;
        Ok(true)
    }
}

#[async_trait]
impl Sessions for MemoryStore {
    async fn session(&self, hash: &SessionHash) -> Result<Option<SessionRow>> {
        Ok(self.tables().sessions.get(hash).cloned())
    }

    async fn session_view(&self, hash: &SessionHash) -> Result<Option<SessionView>> {
        let tables = self.tables();
        Ok(tables.sessions.get(hash).and_then(|session| {
            Some(SessionView {
                session: session.clone(),
                user: tables.users.get(&session.user)?.clone(),
                accounts: tables.accounts_of(session.user),
                grants: tables.grants_of(session.user),
            })
        }))
    }

    async fn touch_session(&self, hash: &SessionHash, at: Timestamp) -> Result<()> {
        if let Some(session) = self.tables().sessions.get_mut(hash) {
            session.last_seen_at = session.last_seen_at.max(at);
        }
        Ok(())
    }

    async fn end_session(&self, hash: &SessionHash) -> Result<bool> {
        Ok(self.tables().sessions.remove(hash).is_some())
    }

    async fn end_session_by_id(&self, user: UserId, id: SessionId) -> Result<bool> {
        let mut tables = self.tables();
        let before = tables.sessions.len();
        let is_it = |session: &SessionRow| session.user == user && session.id == id;
        tables.sessions.retain(|_, session| !is_it(session));
        Ok(tables.sessions.len() < before)
    }

    async fn end_sessions_of(&self, user: UserId) -> Result<usize> {
        let mut tables = self.tables();
        let before = tables.sessions.len();
        tables.sessions.retain(|_, session| session.user != user);
        Ok(before - tables.sessions.len())
    }

    async fn sessions_of(&self, user: UserId) -> Result<Vec<SessionRow>> {
        let tables = self.tables();
        let theirs = tables.sessions.values().filter(|row| row.user == user);
        let mut sessions: Vec<SessionRow> = theirs.cloned().collect();
        sessions.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.id)));
        Ok(sessions)
    }
}

#[async_trait]
impl Clients for MemoryStore {
    async fn add_client(&self, client: ClientRow) -> Result<()> {
        let mut tables = self.tables();
        let is_taken = |row: &ClientRow| row.id == client.id || row.key_sha256 == client.key_sha256;
        if tables.clients.values().any(is_taken) {
            return Err(StoreError::Conflict);
        }
        tables.events.push(client.event_added());
        tables.clients.insert(client.id, client);
        Ok(())
    }

    async fn client_by_key(&self, key_sha256: &[u8; 32]) -> Result<Option<ClientRow>> {
        let clients = self.clients().await?;
        Ok(clients.into_iter().find(|row| row.key_sha256 == *key_sha256))
    }

    async fn clients(&self) -> Result<Vec<ClientRow>> {
        let tables = self.tables();
        let is_live = |row: &&ClientRow| !tables.revoked_clients.contains(&row.id);
        Ok(tables.clients.values().filter(is_live).cloned().collect())
    }

    async fn revoke_client(&self, id: ClientId, at: Timestamp) -> Result<bool> {
        let mut tables = self.tables();
        let is_revoked = tables.clients.contains_key(&id) && tables.revoked_clients.insert(id);
        if is_revoked {
            tables.events.push(ClientRow::event_revoked(id, at));
            self.note(&mut tables, Outdated::Client(id));
        }
        Ok(is_revoked)
    }
}

#[async_trait]
impl Events for MemoryStore {
    async fn append_events(&self, events: Vec<Event>) -> Result<()> {
        self.tables().events.extend(events);
        Ok(())
    }

    async fn events(&self, after: u64, limit: usize) -> Result<Vec<StoredEvent>> {
        let tables = self.tables();
        let numbered = (1_u64..).zip(tables.events.iter().cloned());
        let rest = numbered.filter(|(sequence, _)| *sequence > after);
        let stored = rest.map(|(sequence, event)| StoredEvent { sequence, event });
        Ok(stored.take(limit).collect())
    }
}

#[async_trait]
impl DataKeys for MemoryStore {
    async fn data_keys(&self) -> Result<Vec<DataKeyRow>> {
        self.reach("keys", |tables, _| Ok(tables.data_keys.values().cloned().collect())).await
    }

    async fn add_data_key(&self, key: DataKeyRow) -> Result<()> {
        let mut tables = self.tables();
        if tables.data_keys.contains_key(&key.id) {
            return Err(StoreError::Conflict);
        }
        tables.data_keys.insert(key.id, key);
        Ok(())
    }

    async fn replace_data_key(&self, key: DataKeyRow) -> Result<()> {
        let mut tables = self.tables();
        let stored = tables.data_keys.get_mut(&key.id).ok_or(StoreError::Conflict)?;
        if key.version == 0 || stored.version != key.version - 1 || stored.tenant != key.tenant {
            return Err(StoreError::Conflict);
        }
        let is_removed = key.removed_at.is_some();
        *stored = DataKeyRow { created_at: stored.created_at, ..key };
        if is_removed {
            self.outdate_everything(&mut tables);
        }
        Ok(())
    }

    async fn data_key_use(&self) -> Result<Vec<DataKeyUse>> {
        let tables = self.tables();
        let mut counts: BTreeMap<Option<u32>, (u64, u64)> = BTreeMap::new();
        for key in tables.grants.values().flat_map(|grant| keys_of(&grant.tokens)) {
            counts.entry(key).or_default().0 += 1;
        }
        for key in tables.revocations.values().map(key_of) {
            counts.entry(key).or_default().1 += 1;
        }
        let count = |(key, (grants, revocations))| DataKeyUse { key, grants, revocations };
        Ok(counts.into_iter().map(count).collect())
    }
}

#[async_trait]
impl Rewraps for MemoryStore {
    async fn grants_to_rewrap(
        &self,
        active: u32,
        after: Option<GrantId>,
        look_at: usize,
    ) -> Result<Page<Grant, GrantId>> {
        let tables = self.tables();
        let rest = tables.grants.iter().filter(|(id, _)| Some(**id) > after);
        let needs_it = |row: &Grant| keys_of(&row.tokens).iter().any(|key| *key != Some(active));
        Ok(page(rest, look_at, needs_it))
    }

    async fn rewrap_grants(&self, grants: Vec<RewrappedGrant>) -> Result<usize> {
        let mut tables = self.tables();
        let mut written = 0;
        for RewrappedGrant { id, version, tokens } in grants {
            if tables.is_retired(&tokens) {
                continue;
            }
            let stored = tables.grants.get_mut(&id).filter(|stored| stored.version == version);
            if let Some(stored) = stored {
                stored.tokens = tokens;
                stored.version += 1;
                written += 1;
            }
        }
        Ok(written)
    }

    async fn revocations_to_rewrap(
        &self,
        active: u32,
        after: Option<(Timestamp, GrantId)>,
        look_at: usize,
    ) -> Result<Page<RevocationRow, (Timestamp, GrantId)>> {
        let tables = self.tables();
        let rest = tables.revocations.iter().filter(|(key, _)| Some(**key) > after);
        Ok(page(rest, look_at, |row| key_of(row) != Some(active)))
    }

    async fn rewrap_revocations(&self, revocations: Vec<RevocationRow>) -> Result<usize> {
        let mut tables = self.tables();
        let mut written = 0;
        for row in revocations {
            let is_retired = key_of(&row).is_some_and(|key| tables.is_key_retired(key));
            let stored = tables.revocations.get_mut(&(row.queued_at, row.grant));
            if let Some(stored) = stored.filter(|_| !is_retired) {
                stored.sealed_token = row.sealed_token;
                written += 1;
            }
        }
        Ok(written)
    }
}

#[async_trait]
impl Housekeeping for MemoryStore {
    async fn prune(&self, now: Timestamp) -> Result<usize> {
        let mut tables = self.tables();
        let rows = |tables: &Tables| {
            let failed = tables.failed_requests.len();
            tables.attempts.len() + tables.sessions.len() + tables.spent.len() + failed
        };
        let before = rows(&tables);
        tables.attempts.retain(|_, (expires_at, _)| *expires_at > now);
        tables.sessions.retain(|_, row| row.expires_at > now);
        tables.spent.retain(|_, until| *until > now);
        tables.failed_requests.retain(|_, row| row.until > now);
        Ok(before - rows(&tables))
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryStore;

    crate::store_laws!(Box::new(MemoryStore::default()));
}
