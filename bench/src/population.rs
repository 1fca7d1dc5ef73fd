//! Many people at once, written straight into the database file: copies of one who has really signed in, each with
//! tokens of its own, which are sealed for it with the vault's key. A vend opens them.
//!
//! Whatever columns there are come along; only what tells people apart is another. Nothing is sorted beforehand, but
//! for the ids, which are made in their order in life, too: so the file is as full as one that has grown.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use data_encoding::BASE64URL_NOPAD;
use rusqlite::{Connection, Statement, params};
use standin::entropy::{SystemEntropy, random_bytes};
use standin::id::{GrantId, UserId};
use standin::secret::{AccessToken, RefreshToken};
use standin::store::DataKeys as _;
use standin::store::memory::MemoryStore;
use standin::time::{Clock as _, SystemClock, Timestamp};
use standin::vault::{Binding, Grant, KeyFile, Sealed, SealedTokens, Vault};

use crate::strangers::Strangers;

/// As many of them are told to whoever asks for tokens afterwards, evenly spread.
const TOLD: u64 = 50_000;
/// Random bytes of an access token and of a refresh token, which make them as long as Google's.
const ACCESS: usize = 160;
const REFRESH: usize = 74;

/// Makes `count` of whom the provider `id` calls `person`. Nobody may have the database open. Some of them.
pub(crate) async fn fill(
    strangers: &Strangers,
    (id, person): (&str, &str),
    count: u64,
) -> Result<Vec<UserId>> {
    let one = One::of(strangers, id, person).await?;
    let connection = open(Path::new(&strangers.path("standin.db")))?;
    connection.execute_batch("BEGIN")?;
    let told = one.copy(&connection, count)?;
    connection.execute_batch("COMMIT")?;
    Ok(told)
}

/// Whoever is copied.
struct One {
    grant: Grant,
    vault: Vault,
}

impl One {
    async fn of(strangers: &Strangers, id: &str, person: &str) -> Result<Self> {
        let store = standin_store::open(&strangers.database()).await?;
        let user = store.user_by_subject(&id.parse()?, person).await?.context("a user")?;
        let grant = store.grants_of(user).await?.pop().context("a grant")?;
        let keys = KeyFile::read(Path::new(&strangers.path("keys.toml")))?;
        // The vault lives on with the keys, and the file is closed.
        let alone = Arc::new(MemoryStore::default());
        for key in store.data_keys().await? {
            alone.add_data_key(key).await?;
        }
        let vault = Vault::open(&keys, alone, Arc::new(SystemClock), &SystemEntropy).await?;
        Ok(Self { grant, vault })
    }

    fn copy(&self, connection: &Connection, count: u64) -> Result<Vec<UserId>> {
        let mut tables = Tables::of(connection, &self.grant)?;
        let (mut told, step) = (Vec::new(), (count / TOLD).max(1));
        for number in 0..count {
            let (grant, subject) = self.another();
            let tokens = self.tokens(&grant)?;
            tables.put(&grant, &subject, &tokens)?;
            if number % step == 0 {
                told.push(grant.user);
            }
        }
        Ok(told)
    }

    /// Somebody else with the same grant, and what the provider calls them.
    fn another(&self) -> (Grant, String) {
        let mut grant = self.grant.clone();
        grant.id = GrantId::new(&SystemClock, &SystemEntropy);
        grant.user = UserId::new(&SystemClock, &SystemEntropy);
        let chance = u64::from_be_bytes(random_bytes(&SystemEntropy));
        let subject = format!("1{chance:020}");
        grant.identity.subject.clone_from(&subject);
        (grant, subject)
    }

    fn tokens(&self, grant: &Grant) -> Result<SealedTokens> {
        let access = BASE64URL_NOPAD.encode(&random_bytes::<ACCESS>(&SystemEntropy));
        let refresh = BASE64URL_NOPAD.encode(&random_bytes::<REFRESH>(&SystemEntropy));
        let access = AccessToken::new(format!("ya29.{access}"));
        let refresh = RefreshToken::new(format!("1//0{refresh}"));
        let binding = Binding::of(grant, grant.generation);
        let now = SystemClock.now();
        Ok(self.vault.seal_tokens(&binding, &access, Some(&refresh), now, &SystemEntropy)?)
    }
}

/// A statement for each table that has rows of the one who is copied.
struct Tables<'c> {
    users: Statement<'c>,
    identities: Statement<'c>,
    grants: Statement<'c>,
    scopes: Statement<'c>,
}

impl<'c> Tables<'c> {
    fn of(connection: &'c Connection, one: &Grant) -> Result<Self> {
        let (user, grant) = (one.user.as_bytes(), one.id.as_bytes());
        let copies = |table, key, value, changed| copies(connection, table, (key, value), changed);
        Ok(Self {
            users: copies("users", "id", user, &["id", "email"])?,
            identities: copies("identities", "user_id", user, &["user_id", "subject", "email"])?,
            grants: copies(
                "grants",
                "id",
                grant,
                &[
                    "id",
                    "user_id",
                    "subject",
                    "sealed_access",
                    "sealed_refresh",
                    "token_hash",
                    "token_prefix",
                    "token_given_at",
                ],
            )?,
            scopes: copies("scope_ledger", "grant_id", grant, &["grant_id"])?,
        })
    }

    fn put(&mut self, grant: &Grant, subject: &str, tokens: &SealedTokens) -> Result<()> {
        let (user, id) = (grant.user.as_bytes(), grant.id.as_bytes());
        let email = format!("{subject}@example.com");
        self.users.execute(params![user, email])?;
        self.identities.execute(params![user, subject, email])?;
        self.grants.execute(params![
            id,
            user,
            subject,
            tokens.access.as_ref().map(Sealed::as_bytes),
            tokens.refresh.as_ref().map(Sealed::as_bytes),
            tokens.trace.map(|trace| trace.hash.0),
            tokens.trace.map(|trace| trace.prefix.0),
            tokens.trace.map(|trace| Timestamp::unix_ms(trace.given_at)),
        ])?;
        self.scopes.execute(params![id])?;
        Ok(())
    }
}

/// A statement that puts in the rows of one key again, with other values in the columns that are `changed`.
fn copies<'c>(
    connection: &'c Connection,
    table: &str,
    (key, value): (&str, &[u8; 16]),
    changed: &[&str],
) -> Result<Statement<'c>> {
    let keep = format!("CREATE TEMP TABLE one_{table} AS SELECT * FROM {table} WHERE {key} = ?1");
    connection.execute(&keep, [value])?;
    let mut columns = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let columns = columns.query_map([table], |row| row.get::<_, String>(0))?;
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let value_of = |column: &String| {
        let place = changed.iter().position(|changed| changed == column);
        place.map_or_else(|| column.clone(), |place| format!("?{}", place + 1))
    };
    let values: Vec<_> = columns.iter().map(value_of).collect();
    let (columns, values) = (columns.join(", "), values.join(", "));
    let insert = format!("INSERT INTO {table} ({columns}) SELECT {values} FROM temp.one_{table}");
    Ok(connection.prepare(&insert)?)
}

/// Without a journal and without waiting for the disk: if this fails, the file is thrown away.
fn open(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    for (name, value) in [("journal_mode", "OFF"), ("locking_mode", "EXCLUSIVE")] {
        connection.pragma_update(None, name, value)?;
    }
    for (name, value) in [("synchronous", 0), ("foreign_keys", 0), ("cache_size", -4_000_000)] {
        connection.pragma_update(None, name, value)?;
    }
    Ok(connection)
}
