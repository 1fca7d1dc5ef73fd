//! A server, as whoever looks after it sees it.

use standin::store::StoreError;
use standin::time::{Clock as _, SystemClock, Timestamp};
use tokio_postgres::Row;

use super::PostgresStore;
use super::address::Address;
use super::refusal::ServerError;
use super::rows::{Cells, params};
use super::work::work;
use crate::inspect::ServerFacts;

/// A session that may not look at others counts them, and finds no word in their columns.
const ASK: &str = "SELECT current_setting('server_version') AS version, \
    (extract(epoch from now()) * 1000)::bigint AS now_ms, \
    current_setting('fsync') = 'on' AS fsync, \
    current_setting('full_page_writes') = 'on' AS full_page_writes, \
    current_setting('synchronous_commit') AS synchronous_commit, \
    current_setting('synchronous_standby_names') AS synchronous_standby_names, \
    (SELECT count(*) FROM pg_stat_replication) AS standbys, \
    (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')) AS in_step, \
    (SELECT count(*) FROM pg_stat_replication WHERE sync_state IS NULL) AS unknown, \
    current_setting('port')::bigint AS port";

/// Asks it. A standby does not come so far: it is refused as one that takes no writes.
pub(crate) async fn ask(url: &str) -> Result<ServerFacts, ServerError> {
    let ports = Address::parse(url)?.config.get_ports().to_vec();
    let store = PostgresStore::connect(url).await?;
    let begun_at = SystemClock.now();
    let asked: Result<Option<ServerFacts>, StoreError> =
        work!(&store, Read, |connection| connection.one(ASK, params![], facts).await);
    let ended_at = SystemClock.now();
    let facts = asked.map_err(|error| store.unreachable(&error))?;
    let facts = facts.ok_or_else(|| store.unreachable(&StoreError::Conflict))?;
    let asked_at = begun_at.after(ended_at.remaining(begun_at) / 2);
    let asked_ports = if ports.is_empty() { vec![5432] } else { ports };
    Ok(ServerFacts { name: store.name.clone(), asked_at, asked_ports, ..facts })
}

fn facts(row: &Row) -> Result<ServerFacts, StoreError> {
    let mut cells = Cells::of(row, "settings");
    Ok(ServerFacts {
        name: String::new(),
        asked_at: Timestamp::default(),
        asked_ports: Vec::new(),
        version: cells.text("version")?,
        now: Timestamp::from_unix_ms(cells.number("now_ms")?),
        fsync: cells.flag("fsync")?,
        full_page_writes: cells.flag("full_page_writes")?,
        synchronous_commit: cells.text("synchronous_commit")?,
        synchronous_standby_names: cells.text("synchronous_standby_names")?,
        standbys: cells.number("standbys")?,
        synchronous_standbys: synchronous(cells.number("in_step")?, cells.number("unknown")?),
        port: cells.number("port")?,
    })
}

const fn synchronous(in_step: u64, unknown: u64) -> Option<u64> {
    if unknown == 0 { Some(in_step) } else { None }
}
