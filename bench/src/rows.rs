//! Vends that read their row from PostgreSQL, beside tokio-postgres alone reading the same row.
//!
//! Both run on the first core and the server wherever it likes. The raw limit reads as the store does, with statements
//! that nobody has prepared, over as many connections as the store's pool has.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use standin_store::postgres::testing::{Database, is_installed};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls};

use crate::child::{Running, cpu_ms};
use crate::http::{self, vends_per_second};
use crate::report::{Row, median, share};
use crate::world::World;

const ROUNDS: usize = 5;
const TIME: Duration = Duration::from_secs(3);
const CONNECTIONS: usize = 8;
const CALLERS: usize = 32;

/// Nothing, where no server is installed.
pub(crate) async fn from_postgres(binary: &Path) -> Result<Option<Row>> {
    if !is_installed() {
        return Ok(None);
    }
    let database = Database::fresh();
    let world = World::of(Some(&database.url()), 0).await?;
    let service = world.serve(binary)?;
    let ada = world.sign_in(&service).await?;
    let (address, request) = (http::address(&service)?, ada.vend_request(&world));
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(vends_per_second(address, &request)?);
        raw.push(raw_reads(&database.url())?);
    }
    let (ours, raw) = (median(ours), median(raw));
    let work = "vend a live token, row from PostgreSQL";
    Ok(Some(share(work, ours, raw, "tokio-postgres", 0.7, "≥ 70 %")))
}

fn raw_reads(url: &str) -> Result<f64> {
    let reader = Running::start(&std::env::current_exe()?, &["read-rows", url])?;
    reader.ready["per_second"].as_f64().context("a number")
}

/// `standin-bench read-rows URL`: how many a second, as a line of JSON.
#[expect(clippy::print_stdout, reason = "the ready line")]
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub(crate) async fn read(url: &str) -> Result<()> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(connect(url).await?);
    }
    let statement = statement(&clients[0]).await?;
    let began = Instant::now();
    let callers = (0..CALLERS).map(|caller| {
        let (client, statement) = (&clients[caller % CONNECTIONS], &statement);
        async move {
            let mut read = 0_u32;
            while began.elapsed() < TIME {
                client.query_typed(statement, &[]).await?;
                read += 1;
            }
            Ok::<_, tokio_postgres::Error>(read)
        }
    });
    let read: u32 = futures_util::future::try_join_all(callers).await?.into_iter().sum();
    println!("{{\"per_second\":{}}}", f64::from(read) / began.elapsed().as_secs_f64());
    Ok(())
}

/// `standin-bench postgres-commits URL COUNT`: so many rows, each a transaction of its own, over as many connections
/// as the store's pool has.
#[expect(clippy::print_stdout, reason = "the ready line")]
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub(crate) async fn commit(url: &str, count: u32) -> Result<()> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(connect(url).await?);
    }
    clients[0].batch_execute("CREATE TABLE IF NOT EXISTS raw (body bytea NOT NULL)").await?;
    let (body, left) = (vec![7_u8; 1024], AtomicU32::new(count));
    let (before, began) = (cpu_ms(std::process::id())?, Instant::now());
    let callers = (0..CALLERS).map(|caller| {
        let (client, body, left) = (&clients[caller % CONNECTIONS], &body, &left);
        async move {
            while left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                .is_ok()
            {
                client
                    .execute_typed("INSERT INTO raw (body) VALUES ($1)", &[(body, Type::BYTEA)])
                    .await?;
            }
            Ok::<_, tokio_postgres::Error>(())
        }
    });
    futures_util::future::try_join_all(callers).await?;
    let per_second = f64::from(count) / began.elapsed().as_secs_f64();
    let cpu = (cpu_ms(std::process::id())? - before) / f64::from(count);
    println!("{{\"per_second\":{per_second},\"cpu_ms\":{cpu}}}");
    Ok(())
}

async fn statement(client: &Client) -> Result<String> {
    let rows = client.query_typed("SELECT user_id::text FROM grants LIMIT 1", &[]).await?;
    let user: &str = rows.first().context("a grant")?.try_get(0)?;
    Ok(format!(
        "SELECT * FROM grants LEFT JOIN grant_terms USING (terms) \
         WHERE user_id = '{user}'::uuid AND provider = 'google'"
    ))
}

#[expect(clippy::disallowed_methods, reason = "the program ends with its connections")]
async fn connect(url: &str) -> Result<Client> {
    // What follows is for the store.
    let url = url.split('?').next().unwrap_or(url);
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
