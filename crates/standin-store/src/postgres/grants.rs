//! Grants: written only over the version that was read, which the statement that writes them checks.

use async_trait::async_trait;
use standin::id::{GrantId, UserId};
use standin::store::{
    Damaged, Event, Grants, Listed, Outdated, Page, Result, RevocationRow, StoreError,
};
use standin::time::Timestamp;
use standin::vault::{
    Grant, NamedToken, ScopeRecord, Sealed, SealedTokens, TokenTrace, TraceHash, header,
};
use standin::verify::{Identity, ProviderId};
use tokio_postgres::Row;

use super::accounts::key_of;
use super::connection::Connection;
use super::rewraps::none_retired;
use super::rows::{Cell, Cells, Value, bytes, hash, instant, limit, optional, params, word};
use super::terms::Found;
use super::work::{Done, work};
use super::{PostgresStore, cluster, events, revocations, scope_ledger};
use crate::terms::Terms;
use crate::words::{Word, state_of};

/// Their terms are kept in the process (`terms.rs`). A grant that has lost its own is found all the same, and is refused.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, terms, user_id, provider, issuer, subject, created_at, version, state, reason, \
             generation, sealed_access, sealed_refresh, access_expires_at, refresh_expires_at, \
             updated_at, token_hash, token_prefix, token_given_at, refusals, due_at FROM grants ",
            $rest
        )
    };
}

const BY_ID: &str = select!("WHERE id = $1");
const BY_IDENTITY: &str = select!("WHERE provider = $1 AND subject = $2 AND issuer = $3");
// One row as a rule, of kilobytes: putting several in order is cheaper here.
const AT_PROVIDER: &str = select!("WHERE user_id = $1 AND provider = $2");
const OF_USER: &str = select!("WHERE user_id = $1");
const PAGE: &str = select!("WHERE ($1 IS NULL OR id > $1) ORDER BY id LIMIT $2");
// What is going to be written over is locked: it must not move in between. A statement that has waited for a lock sees
// the row as it is then.
const LOCK_BY_IDENTITY: &str =
    select!("WHERE provider = $1 AND subject = $2 AND issuer = $3 FOR UPDATE");
const LOCK_BY_TOKEN_HASH: &str =
    select!("WHERE token_hash = $1 AND provider = $2 ORDER BY id FOR UPDATE");
const LOCK_BY_TOKEN_PREFIX: &str =
    select!("WHERE token_prefix = $1 AND provider = $2 ORDER BY id FOR UPDATE");
const REMOVE: &str = "DELETE FROM grants WHERE id = $1";
const DELETE_OF_USER: &str = "DELETE FROM grants WHERE user_id = $1 RETURNING id";

/// The last of the rows that are looked at.
const LAST_OF_PAGE: &str = "SELECT id FROM (SELECT id FROM grants WHERE $1 IS NULL OR id > $1 \
    ORDER BY id LIMIT $2) AS page ORDER BY id DESC LIMIT 1";
/// Of those that are looked at, and of no others: most rows may be well.
const TO_REWRAP: &str = select!(
    "WHERE ($1 IS NULL OR id > $1) AND id <= $2 \
     AND (substr(sealed_access, 1, 6) <> $3 OR substr(sealed_refresh, 1, 6) <> $3) ORDER BY id"
);

/// Whether the terms that are written are there, and say what they are to say.
macro_rules! has_terms {
    () => {
        "EXISTS (SELECT 1 FROM grant_terms WHERE terms = $8 AND provider_client = $24 \
         AND token_endpoint = $25 AND scopes = $26 AND requested = $27)"
    };
}

const HAS_TERMS: &str = "SELECT terms FROM grant_terms WHERE terms = $1 AND provider_client = $2 \
    AND token_endpoint = $3 AND scopes = $4 AND requested = $5";

const ADD_TERMS: &str = "INSERT INTO grant_terms \
    (terms, provider_client, token_endpoint, scopes, requested) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT DO NOTHING";

const INSERT: &str = concat!(
    "INSERT INTO grants (id, user_id, provider, issuer, subject, created_at, version, terms, state, \
     reason, generation, sealed_access, sealed_refresh, access_expires_at, refresh_expires_at, \
     updated_at, token_hash, token_prefix, token_given_at, refusals, due_at) \
     SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
     $20, $21 WHERE ",
    has_terms!(),
    " AND ",
    none_retired!("$22, $23"),
    " ON CONFLICT DO NOTHING"
);
/// Takes the same parameters. What never changes is not written but compared. A value that stays may be under a
/// retired key; none that is new.
const REPLACE: &str = concat!(
    "UPDATE grants SET version = $7, terms = $8, state = $9, reason = $10, generation = $11, \
    sealed_access = $12, sealed_refresh = $13, access_expires_at = $14, refresh_expires_at = $15, \
    updated_at = $16, token_hash = $17, token_prefix = $18, token_given_at = $19, \
    refusals = $20, due_at = $21 \
    WHERE id = $1 AND version = $7 - 1 AND user_id = $2 AND provider = $3 AND issuer = $4 \
    AND subject = $5 AND $6 IS NOT NULL AND ",
    has_terms!(),
    " AND ",
    none_retired!(
        "CASE WHEN sealed_access IS NOT DISTINCT FROM $12 THEN NULL ELSE $22 END, \
         CASE WHEN sealed_refresh IS NOT DISTINCT FROM $13 THEN NULL ELSE $23 END"
    )
);

#[async_trait]
impl Grants for PostgresStore {
    async fn grant(&self, id: GrantId) -> Result<Option<Grant>> {
        work!(self, Read, |connection| {
            Ok(read(connection, BY_ID, params![id.as_bytes()], grant_of).await?.pop())
        })
    }

    async fn grant_of_identity(&self, identity: &Identity) -> Result<Option<Grant>> {
        work!(self, Read, |connection| {
            Ok(read(connection, BY_IDENTITY, &key_of(identity), grant_of).await?.pop())
        })
    }

    async fn grant_at(&self, user: UserId, provider: &ProviderId) -> Result<Option<Grant>> {
        let grants = work!(self, Read, |connection| {
            let key = params![user.as_bytes(), provider.as_str()];
            read(connection, AT_PROVIDER, key, grant_of).await
        })?;
        Ok(grants.into_iter().min_by_key(Grant::precedence))
    }

    async fn grants_of(&self, user: UserId) -> Result<Vec<Grant>> {
        work!(self, Read, |connection| of_user(connection, user).await)
    }

    async fn list_grants(
        &self,
        after: Option<GrantId>,
        rows: usize,
    ) -> Result<Vec<Listed<Grant, GrantId>>> {
        let after = after.as_ref().map(GrantId::as_bytes);
        work!(self, Scan, |connection| {
            read(connection, PAGE, params![after, limit(rows)], listed).await
        })
    }

    async fn replace_grant(&self, grant: Grant, event: Option<Event>) -> Result<()> {
        work!(self, Write, |connection| {
            write(connection, REPLACE, &grant).await?;
            cluster::note(connection, Outdated::Grant(grant.id)).await?;
            events::append_all(connection, event.as_slice()).await
        })
    }

    async fn change_scopes(
        &self,
        grant: Grant,
        scopes: Vec<ScopeRecord>,
        events: Vec<Event>,
    ) -> Result<()> {
        work!(self, Write, |connection| {
            write(connection, REPLACE, &grant).await?;
            cluster::note(connection, Outdated::Grant(grant.id)).await?;
            scope_ledger::put(connection, grant.id, &scopes).await?;
            events::append_all(connection, &events).await
        })
    }

    async fn scope_ledger(&self, grant: GrantId) -> Result<Vec<ScopeRecord>> {
        work!(self, Read, |connection| scope_ledger::of_grant(connection, grant).await)
    }

    async fn queue_revocation(&self, revocation: RevocationRow) -> Result<()> {
        work!(self, Write, |connection| revocations::queue(connection, &revocation).await)
    }

    async fn due_revocations(&self, now: Timestamp, rows: usize) -> Result<Vec<RevocationRow>> {
        work!(self, Upkeep, |connection| revocations::due(connection, now, rows).await)
    }

    async fn finish_revocation(&self, grant: GrantId, queued_at: Timestamp) -> Result<()> {
        work!(self, Write, |connection| revocations::finish(connection, grant, queued_at).await)
    }

    async fn postpone_revocation(
        &self,
        grant: GrantId,
        queued_at: Timestamp,
        attempts: u32,
        retry_at: Timestamp,
    ) -> Result<bool> {
        work!(self, Write, |connection| {
            revocations::postpone(connection, grant, queued_at, attempts, retry_at).await
        })
    }
}

/// Inserts a grant of version 1 and replaces any other, inside whatever transaction is open.
pub(super) async fn put(connection: &Connection, grant: &Grant) -> Done<()> {
    let sql = if grant.version == 1 { INSERT } else { REPLACE };
    write(connection, sql, grant).await
}

/// Forgets a grant that this transaction has locked, and the ledger of its scopes.
pub(super) async fn remove(connection: &Connection, id: GrantId) -> Done<()> {
    connection.execute(REMOVE, params![id.as_bytes()]).await?;
    scope_ledger::forget(connection, id).await
}

/// Grants that hold a value which does not begin as the active key's do.
pub(super) async fn to_rewrap(
    connection: &Connection,
    active: u32,
    after: Option<GrantId>,
    look_at: usize,
) -> Done<Page<Grant, GrantId>> {
    let (after, header) = (after.as_ref().map(GrantId::as_bytes), header(active));
    let next = params![after, limit(look_at.max(1))];
    let Some(last) = connection.one(LAST_OF_PAGE, next, id_of).await? else {
        return Ok(Page { rows: Vec::new(), last: None });
    };
    let page = params![after, last.as_bytes(), header.as_slice()];
    let rows = read(connection, TO_REWRAP, page, listed).await?;
    Ok(Page { rows, last: Some(last) })
}

/// A user's grants, oldest first, inside whatever snapshot is open.
pub(super) async fn of_user(connection: &Connection, user: UserId) -> Done<Vec<Grant>> {
    let mut grants = read(connection, OF_USER, params![user.as_bytes()], grant_of).await?;
    grants.sort_by_key(|grant| grant.id);
    Ok(grants)
}

/// The grant of one identity, which nobody else changes before this transaction ends.
pub(super) async fn lock_of_identity(
    connection: &Connection,
    identity: &Identity,
) -> Done<Option<Grant>> {
    Ok(read(connection, LOCK_BY_IDENTITY, &key_of(identity), grant_of).await?.pop())
}

/// The grants that hold a refresh token which their provider names so, locked in the same way.
pub(super) async fn lock_of_token(
    connection: &Connection,
    provider: &ProviderId,
    token: NamedToken,
) -> Done<Vec<Grant>> {
    let (sql, trace) = match token {
        NamedToken::Hash(hash) => (LOCK_BY_TOKEN_HASH, hash),
        NamedToken::Prefix(prefix) => (LOCK_BY_TOKEN_PREFIX, prefix),
    };
    read(connection, sql, params![trace.0.as_slice(), provider.as_str()], grant_of).await
}

/// The rows of a statement, read together with their terms.
async fn read<T>(
    connection: &Connection,
    sql: &'static str,
    params: &[Value<'_>],
    read: impl Fn(&Row, &Found) -> Result<T>,
) -> Done<Vec<T>> {
    let rows = connection.rows(sql, params).await?;
    let terms = Found::of(connection, &rows).await?;
    Ok(rows.iter().map(|row| read(row, &terms)).collect::<Result<_>>()?)
}

fn id_of(row: &Row) -> Result<GrantId> {
    Cells::of(row, "grants").id("id")
}

/// Deletes a user's grants and what hangs on them, after their user was deleted by this transaction.
pub(super) async fn delete_of_user(connection: &Connection, user: UserId) -> Done<()> {
    for grant in connection.all(DELETE_OF_USER, params![user.as_bytes()], id_of).await? {
        scope_ledger::forget(connection, grant).await?;
    }
    Ok(())
}

async fn write(connection: &Connection, sql: &'static str, grant: &Grant) -> Done<()> {
    let (tokens, terms) = (&grant.tokens, Terms::of(grant));
    // A number beyond PostgreSQL's own is the successor of none that is stored.
    let number = |number: u64| i64::try_from(number).map_err(|_| StoreError::Conflict);
    let row = params![
        grant.id.as_bytes(),
        grant.user.as_bytes(),
        grant.identity.provider.as_str(),
        &grant.identity.issuer,
        &grant.identity.subject,
        grant.created_at,
        number(grant.version)?,
        terms.number,
        grant.state.word(),
        grant.reason.map(Word::word),
        number(grant.generation)?,
        tokens.access.as_ref().map(Sealed::as_bytes),
        tokens.refresh.as_ref().map(Sealed::as_bytes),
        grant.access_expires_at,
        grant.refresh_expires_at,
        grant.updated_at,
        tokens.trace.as_ref().map(|trace| trace.hash.0.as_slice()),
        tokens.trace.as_ref().map(|trace| trace.prefix.0.as_slice()),
        tokens.trace.map(|trace| trace.given_at),
        i64::from(grant.refusals),
        grant.due_at,
        tokens.access.as_ref().and_then(Sealed::data_key),
        tokens.refresh.as_ref().and_then(Sealed::data_key),
        terms.provider_client,
        terms.token_endpoint,
        &terms.scopes,
        &terms.requested,
    ];
    if connection.execute(sql, row).await? == 1 {
        return Ok(());
    }
    // Hardly ever the first grant with these terms. Somebody else may have put them in just now.
    let terms = params![
        terms.number,
        terms.provider_client,
        terms.token_endpoint,
        &terms.scopes,
        &terms.requested,
    ];
    connection.execute(ADD_TERMS, terms).await?;
    if connection.execute(sql, row).await? == 1 {
        return Ok(());
    }
    let row = grant.id.to_string();
    match connection.one(HAS_TERMS, terms, |_| Ok(())).await? {
        Some(()) => Err(StoreError::Conflict.into()),
        // Reading again would help nobody.
        None => Err(StoreError::Inconsistent { table: "grants", column: "terms", row }.into()),
    }
}

/// One that cannot be read is in nobody's way, unless it has no id.
fn listed(row: &Row, terms: &Found) -> Result<Listed<Grant, GrantId>> {
    let key = id_of(row)?;
    Ok(grant_of(row, terms).map_err(|error| Damaged { key, error }))
}

fn grant_of(row: &Row, terms: &Found) -> Result<Grant> {
    let mut cells = Cells::of(row, "grants");
    let id = cells.id("id")?;
    let number = cells.number("terms")?;
    let terms = terms.get(number).ok_or_else(|| cells.inconsistent("terms"))?;
    let mut grant = Grant {
        id,
        user: cells.id("user_id")?,
        identity: Identity {
            provider: cells.parsed("provider")?,
            issuer: cells.text("issuer")?,
            subject: cells.text("subject")?,
        },
        created_at: cells.instant("created_at")?,
        version: cells.number("version")?,
        provider_client: terms.provider_client.clone(),
        token_endpoint: terms.token_endpoint.clone(),
        scopes: terms.scopes.clone(),
        requested: terms.requested.clone(),
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

fn trace_hash(cell: Cell<'_>) -> Option<TraceHash> {
    hash(cell).map(TraceHash)
}

fn sealed(cell: Cell<'_>) -> Option<Sealed> {
    bytes(cell).map(Sealed::from_bytes)
}
