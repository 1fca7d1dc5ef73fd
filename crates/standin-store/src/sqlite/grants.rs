//! Grants: written only over the version that was read, which the statement that writes them checks.

use async_trait::async_trait;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, ToSql, params};
use standin::id::{GrantId, UserId};
use standin::provider::Scopes;
use standin::store::{
    Damaged, Event, Grants, Listed, Outdated, Page, Result, RevocationRow, StoreError,
};
use standin::time::Timestamp;
use standin::vault::{
    Grant, NamedToken, ScopeRecord, Sealed, SealedTokens, TokenTrace, TraceHash, header,
};
use standin::verify::{Identity, ProviderId};

use super::failure::Failure;
use super::rewraps::none_retired;
use super::rows::{Cells, all, execute, instant, limit, one, optional, word};
use super::{SqliteStore, cluster, events, revocations, scope_ledger};
use crate::terms::Terms;
use crate::words::{Word, state_of};

/// A grant that has lost its terms is found all the same, and is refused.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, user_id, provider, issuer, subject, created_at, version, provider_client, \
             token_endpoint, scopes, requested, state, reason, generation, sealed_access, \
             sealed_refresh, access_expires_at, refresh_expires_at, updated_at, token_hash, \
             token_prefix, token_given_at, refusals, due_at \
             FROM grants LEFT JOIN grant_terms USING (terms) ",
            $rest
        )
    };
}

const BY_ID: &str = select!("WHERE id = ?1");
const BY_IDENTITY: &str = select!("WHERE provider = ?1 AND subject = ?2 AND issuer = ?3");
// One row as a rule, of kilobytes: putting several in order is cheaper here than in SQLite's sorter.
const AT_PROVIDER: &str = select!("WHERE user_id = ?1 AND provider = ?2");
const OF_USER: &str = select!("WHERE user_id = ?1");
const BY_TOKEN_HASH: &str = select!("WHERE token_hash = ?1 AND provider = ?2");
const BY_TOKEN_PREFIX: &str = select!("WHERE token_prefix = ?1 AND provider = ?2");
const PAGE: &str = select!("WHERE id > ?1 ORDER BY id LIMIT ?2");

/// The last of the rows that are looked at.
const LAST_OF_PAGE: &str = "SELECT id FROM (SELECT id FROM grants WHERE id > ?1 ORDER BY id LIMIT ?2) \
    ORDER BY id DESC LIMIT 1";
/// Of those that are looked at, and of no others: most rows may be well.
const TO_REWRAP: &str = select!(
    "WHERE id > ?1 AND id <= ?2 \
     AND (substr(sealed_access, 1, 6) <> ?3 OR substr(sealed_refresh, 1, 6) <> ?3) ORDER BY id"
);

/// Whether the terms that are written are there, and say what they are to say.
macro_rules! has_terms {
    () => {
        "EXISTS (SELECT 1 FROM grant_terms WHERE terms = ?8 AND provider_client = ?24 \
         AND token_endpoint = ?25 AND scopes = ?26 AND requested = ?27)"
    };
}

const HAS_TERMS: &str = "SELECT terms FROM grant_terms WHERE terms = ?1 AND provider_client = ?2 \
    AND token_endpoint = ?3 AND scopes = ?4 AND requested = ?5";

const ADD_TERMS: &str = "INSERT INTO grant_terms \
    (terms, provider_client, token_endpoint, scopes, requested) VALUES (?1, ?2, ?3, ?4, ?5) \
    ON CONFLICT DO NOTHING";

const INSERT: &str = concat!(
    "INSERT INTO grants (id, user_id, provider, issuer, subject, created_at, version, terms, state, \
     reason, generation, sealed_access, sealed_refresh, access_expires_at, refresh_expires_at, \
     updated_at, token_hash, token_prefix, token_given_at, refusals, due_at) \
     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, \
     ?20, ?21 WHERE ",
    has_terms!(),
    " AND ",
    none_retired!("?22, ?23"),
    " ON CONFLICT DO NOTHING"
);
/// Takes the same parameters. What never changes is not written but compared. A value that stays may be under a
/// retired key; none that is new.
const REPLACE: &str = concat!(
    "UPDATE grants SET version = ?7, terms = ?8, state = ?9, reason = ?10, generation = ?11, \
    sealed_access = ?12, sealed_refresh = ?13, access_expires_at = ?14, refresh_expires_at = ?15, \
    updated_at = ?16, token_hash = ?17, token_prefix = ?18, token_given_at = ?19, \
    refusals = ?20, due_at = ?21 \
    WHERE id = ?1 AND version = ?7 - 1 AND user_id = ?2 AND provider = ?3 AND issuer = ?4 \
    AND subject = ?5 AND ?6 IS NOT NULL AND ",
    has_terms!(),
    " AND ",
    none_retired!(
        "CASE WHEN sealed_access IS ?12 THEN NULL ELSE ?22 END, \
         CASE WHEN sealed_refresh IS ?13 THEN NULL ELSE ?23 END"
    )
);

const REMOVE: &str = "DELETE FROM grants WHERE id = ?1";

#[async_trait]
impl Grants for SqliteStore {
    async fn grant(&self, id: GrantId) -> Result<Option<Grant>> {
        self.read(|connection| one(connection, BY_ID, [id.as_bytes()], grant_of))
    }

    async fn grant_of_identity(&self, identity: &Identity) -> Result<Option<Grant>> {
        self.read(|connection| of_identity(connection, identity))
    }

    async fn grant_at(&self, user: UserId, provider: &ProviderId) -> Result<Option<Grant>> {
        let key = params![user.as_bytes(), provider.as_str()];
        let grants = self.read(|connection| all(connection, AT_PROVIDER, key, grant_of))?;
        Ok(grants.into_iter().min_by_key(Grant::precedence))
    }

    async fn grants_of(&self, user: UserId) -> Result<Vec<Grant>> {
        self.read(|connection| of_user(connection, user))
    }

    async fn list_grants(
        &self,
        after: Option<GrantId>,
        rows: usize,
    ) -> Result<Vec<Listed<Grant, GrantId>>> {
        let after: &[u8] = after.as_ref().map_or(&[], |id| id.as_bytes());
        let page = params![after, limit(rows)];
        self.read(|connection| all(connection, PAGE, page, listed))
    }

    async fn replace_grant(&self, grant: Grant, event: Option<Event>) -> Result<()> {
        self.write(move |connection| {
            write(connection, REPLACE, &grant)?;
            cluster::note(connection, Outdated::Grant(grant.id))?;
            event.map_or(Ok(()), |event| events::append(connection, &event))
        })
        .await
    }

    async fn change_scopes(
        &self,
        grant: Grant,
        scopes: Vec<ScopeRecord>,
        events: Vec<Event>,
    ) -> Result<()> {
        self.write(move |connection| {
            write(connection, REPLACE, &grant)?;
            cluster::note(connection, Outdated::Grant(grant.id))?;
            scope_ledger::put(connection, grant.id, &scopes)?;
            events.iter().try_for_each(|event| events::append(connection, event))
        })
        .await
    }

    async fn scope_ledger(&self, grant: GrantId) -> Result<Vec<ScopeRecord>> {
        self.read(|connection| scope_ledger::of_grant(connection, grant))
    }

    async fn queue_revocation(&self, revocation: RevocationRow) -> Result<()> {
        self.write(move |connection| revocations::queue(connection, &revocation)).await
    }

    async fn due_revocations(&self, now: Timestamp, rows: usize) -> Result<Vec<RevocationRow>> {
        self.read(|connection| revocations::due(connection, now, rows))
    }

    async fn finish_revocation(&self, grant: GrantId, queued_at: Timestamp) -> Result<()> {
        self.write(move |connection| revocations::finish(connection, grant, queued_at)).await
    }

    async fn postpone_revocation(
        &self,
        grant: GrantId,
        queued_at: Timestamp,
        attempts: u32,
        retry_at: Timestamp,
    ) -> Result<bool> {
        self.write(move |connection| {
            revocations::postpone(connection, grant, queued_at, attempts, retry_at)
        })
        .await
    }
}

/// Inserts a grant of version 1 and replaces any other, inside whatever transaction is open.
pub(super) fn put(connection: &Connection, grant: &Grant) -> std::result::Result<(), Failure> {
    let sql = if grant.version == 1 { INSERT } else { REPLACE };
    write(connection, sql, grant)
}

/// Forgets a grant and the ledger of its scopes, inside whatever transaction is open.
pub(super) fn remove(connection: &Connection, id: GrantId) -> std::result::Result<(), Failure> {
    execute(connection, REMOVE, [id.as_bytes()])?;
    Ok(())
}

/// Grants that hold a value which does not begin as the active key's do.
pub(super) fn to_rewrap(
    connection: &Connection,
    active: u32,
    after: Option<GrantId>,
    look_at: usize,
) -> std::result::Result<Page<Grant, GrantId>, Failure> {
    let after: &[u8] = after.as_ref().map_or(&[], |id| id.as_bytes());
    let next = params![after, limit(look_at.max(1))];
    let Some(last) = one(connection, LAST_OF_PAGE, next, id_of)? else {
        return Ok(Page { rows: Vec::new(), last: None });
    };
    let page = params![after, last.as_bytes(), header(active)];
    let rows = all(connection, TO_REWRAP, page, listed)?;
    Ok(Page { rows, last: Some(last) })
}

fn id_of(row: &Row<'_>) -> Result<GrantId> {
    Cells::of(row, "grants").id("id")
}

/// A user's grants, oldest first, inside whatever snapshot is open.
pub(super) fn of_user(
    connection: &Connection,
    user: UserId,
) -> std::result::Result<Vec<Grant>, Failure> {
    let mut grants = all(connection, OF_USER, [user.as_bytes()], grant_of)?;
    grants.sort_by_key(|grant| grant.id);
    Ok(grants)
}

/// The grant of one identity, inside whatever transaction is open.
pub(super) fn of_identity(
    connection: &Connection,
    identity: &Identity,
) -> std::result::Result<Option<Grant>, Failure> {
    let key = params![identity.provider.as_str(), identity.subject, identity.issuer];
    one(connection, BY_IDENTITY, key, grant_of)
}

/// The grants that hold a refresh token which their provider names so.
pub(super) fn of_token(
    connection: &Connection,
    provider: &ProviderId,
    token: NamedToken,
) -> std::result::Result<Vec<Grant>, Failure> {
    let (sql, trace) = match token {
        NamedToken::Hash(hash) => (BY_TOKEN_HASH, hash),
        NamedToken::Prefix(prefix) => (BY_TOKEN_PREFIX, prefix),
    };
    all(connection, sql, params![trace.0, provider.as_str()], grant_of)
}

fn write(
    connection: &Connection,
    sql: &'static str,
    grant: &Grant,
) -> std::result::Result<(), Failure> {
    let (tokens, terms) = (&grant.tokens, Terms::of(grant));
    // A number beyond SQLite's own is the successor of none that is stored.
    let number = |number: u64| i64::try_from(number).map_err(|_| StoreError::Conflict);
    let row: &[&dyn ToSql] = params![
        grant.id.as_bytes(),
        grant.user.as_bytes(),
        grant.identity.provider.as_str(),
        grant.identity.issuer,
        grant.identity.subject,
        grant.created_at.unix_ms(),
        number(grant.version)?,
        terms.number,
        grant.state.word(),
        grant.reason.map(Word::word),
        number(grant.generation)?,
        tokens.access.as_ref().map(Sealed::as_bytes),
        tokens.refresh.as_ref().map(Sealed::as_bytes),
        grant.access_expires_at.unix_ms(),
        grant.refresh_expires_at.map(Timestamp::unix_ms),
        grant.updated_at.unix_ms(),
        tokens.trace.map(|trace| trace.hash.0),
        tokens.trace.map(|trace| trace.prefix.0),
        tokens.trace.map(|trace| trace.given_at.unix_ms()),
        grant.refusals,
        grant.due_at.map(Timestamp::unix_ms),
        tokens.access.as_ref().and_then(Sealed::data_key),
        tokens.refresh.as_ref().and_then(Sealed::data_key),
        terms.provider_client,
        terms.token_endpoint,
        terms.scopes,
        terms.requested,
    ];
    if execute(connection, sql, row)? == 1 {
        return Ok(());
    }
    // Hardly ever the first grant with these terms.
    let terms: &[&dyn ToSql] = params![
        terms.number,
        terms.provider_client,
        terms.token_endpoint,
        terms.scopes,
        terms.requested
    ];
    execute(connection, ADD_TERMS, terms)?;
    if execute(connection, sql, row)? == 1 {
        return Ok(());
    }
    let row = grant.id.to_string();
    match one(connection, HAS_TERMS, terms, |_| Ok(()))? {
        Some(()) => Err(StoreError::Conflict.into()),
        // Reading again would help nobody.
        None => Err(StoreError::Inconsistent { table: "grants", column: "terms", row }.into()),
    }
}

/// One that cannot be read is in nobody's way, unless it has no id.
fn listed(row: &Row<'_>) -> Result<Listed<Grant, GrantId>> {
    let key = id_of(row)?;
    Ok(grant_of(row).map_err(|error| Damaged { key, error }))
}

fn grant_of(row: &Row<'_>) -> Result<Grant> {
    let mut cells = Cells::of(row, "grants");
    let mut grant = Grant {
        id: cells.id("id")?,
        user: cells.id("user_id")?,
        identity: Identity {
            provider: cells.parsed("provider")?,
            issuer: cells.text("issuer")?,
            subject: cells.text("subject")?,
        },
        created_at: cells.instant("created_at")?,
        version: cells.number("version")?,
        provider_client: cells.text("provider_client")?,
        token_endpoint: cells.text("token_endpoint")?,
        scopes: cells.take("scopes", scopes)?,
        requested: cells.take("requested", scopes)?,
        state: cells.word("state")?,
        reason: cells.take("reason", optional(word))?,
        generation: cells.number("generation")?,
        tokens: SealedTokens {
            access: cells.take("sealed_access", optional(sealed))?,
            refresh: cells.take("sealed_refresh", optional(sealed))?,
            trace: None,
        },
        access_expires_at: cells.instant("access_expires_at")?,
        refresh_expires_at: cells.take("refresh_expires_at", optional(instant))?,
        updated_at: cells.instant("updated_at")?,
        refusals: 0,
        due_at: None,
    };
    grant.tokens.trace = trace_of(&mut cells)?;
    grant.refusals = cells.number("refusals")?;
    grant.state = state_of(grant.state, grant.refusals);
    grant.due_at = cells.take("due_at", optional(instant))?;
    Ok(grant)
}

/// All of it, or nothing.
fn trace_of(cells: &mut Cells<'_>) -> Result<Option<TokenTrace>> {
    let hash = cells.take("token_hash", optional(trace_hash))?;
    let prefix = cells.take("token_prefix", optional(trace_hash))?;
    let given_at = cells.take("token_given_at", optional(instant))?;
    match (hash, prefix, given_at) {
        (Some(hash), Some(prefix), Some(given_at)) => {
            Ok(Some(TokenTrace { hash, prefix, given_at }))
        }
        (None, None, None) => Ok(None),
        _ => Err(cells.inconsistent("token_hash")),
    }
}

fn trace_hash(cell: ValueRef<'_>) -> Option<TraceHash> {
    cell.as_blob().ok()?.try_into().ok().map(TraceHash)
}

fn scopes(cell: ValueRef<'_>) -> Option<Scopes> {
    Scopes::parse(cell.as_str().ok()?).ok()
}

fn sealed(cell: ValueRef<'_>) -> Option<Sealed> {
    let bytes = cell.as_blob().ok()?;
    Some(Sealed::from_bytes(bytes.to_vec()))
}
