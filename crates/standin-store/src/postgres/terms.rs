//! The terms of grants, which a process reads once.
//!
//! ```text
//! rows of grants ─ their numbers ─▶ kept in this process? ─ yes ─▶ terms
//!                                     └ no ─▶ one statement ─▶ terms ─ the number is the hash of them? ─▶ kept
//! ```
//!
//! A number that is the hash of what it stands for means the same in every database and at every time: there is nothing to
//! ask again, and a row that somebody has changed is noticed. Those that the migration V17 has given are positions, and
//! mean something else elsewhere; they are believed, and asked for each time, until the next write of the grant.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use standin::provider::Scopes;
use tokio_postgres::Row;

use super::connection::Connection;
use super::rows::{Cells, params};
use super::work::Done;
use crate::terms::{LAST_OF_MIGRATION, number_of};

const BY_NUMBER: &str = "SELECT terms, provider_client, token_endpoint, scopes, requested \
    FROM grant_terms WHERE terms = $1";

/// There is one for each registration and set of scopes: more than this are no longer few, and it is begun anew.
const MOST: usize = 1_000;

static KEPT: RwLock<BTreeMap<i64, Arc<GrantTerms>>> = RwLock::new(BTreeMap::new());

/// The terms on which grants were given, as they were read.
#[derive(Debug)]
pub(super) struct GrantTerms {
    pub(super) provider_client: String,
    pub(super) token_endpoint: String,
    pub(super) scopes: Scopes,
    pub(super) requested: Scopes,
}

/// Those of some rows, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Found(Vec<(i64, Option<Arc<GrantTerms>>)>);

impl Found {
    /// Those of rows that have a column `terms`. What is not there, or does not say what its number was made from, is
    /// not found.
    pub(super) async fn of(connection: &Connection, rows: &[Row]) -> Done<Self> {
        let numbers = rows.iter().filter_map(|row| row.try_get::<_, i64>("terms").ok());
        let mut found = Self::default();
        for number in numbers.collect::<Vec<_>>() {
            if !found.0.iter().any(|(other, _)| *other == number) {
                found.0.push((number, terms(connection, number).await?));
            }
        }
        Ok(found)
    }

    pub(super) fn get(&self, number: i64) -> Option<&GrantTerms> {
        let mut found = self.0.iter().filter(|(other, _)| *other == number);
        found.next().and_then(|(_, terms)| terms.as_deref())
    }
}

async fn terms(connection: &Connection, number: i64) -> Done<Option<Arc<GrantTerms>>> {
    if let Some(terms) = KEPT.read().unwrap_or_else(PoisonError::into_inner).get(&number) {
        return Ok(Some(Arc::clone(terms)));
    }
    // Whoever sees the grant sees them: they were there before it, and never go.
    let read = connection.one(BY_NUMBER, params![number], |row| Ok(terms_of(row, number))).await?;
    Ok(read.flatten())
}

fn terms_of(row: &Row, number: i64) -> Option<Arc<GrantTerms>> {
    let mut cells = Cells::of(row, "grant_terms");
    let _: i64 = cells.number("terms").ok()?;
    let mut text = |column| cells.text(column).ok();
    let texts =
        [text("provider_client")?, text("token_endpoint")?, text("scopes")?, text("requested")?];
    let is_hash = number_of(texts.each_ref().map(String::as_str)) == number;
    if !is_hash && number > LAST_OF_MIGRATION {
        return None;
    }
    let [provider_client, token_endpoint, scopes, requested] = texts;
    let (scopes, requested) = (Scopes::parse(&scopes).ok()?, Scopes::parse(&requested).ok()?);
    let terms = Arc::new(GrantTerms { provider_client, token_endpoint, scopes, requested });
    if is_hash {
        keep(number, &terms);
    }
    Some(terms)
}

fn keep(number: i64, terms: &Arc<GrantTerms>) {
    let mut kept = KEPT.write().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= MOST {
        kept.clear();
    }
    kept.insert(number, Arc::clone(terms));
}
