//! Rows read from PostgreSQL, beside tokio-postgres alone reading the same row: by the store, and by a vend beside a bare
//! axum handler that reads it for each answer.
//!
//! Whoever reads runs on the first core and the server wherever it likes. The raw limit reads as the store does: the same
//! columns, over as many connections as its readers share, by a statement that nobody has prepared, and then by one that
//! was.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::any;
use data_encoding::HEXLOWER;
use standin::id::UserId;
use standin::store::Grants as _;
use standin::verify::ProviderId;
use standin_store::postgres::PostgresStore;
use standin_store::postgres::testing::{Database, is_installed};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls, Row as PgRow, Statement};

use crate::child::{Running, cpu_ms};
use crate::http;
use crate::report::{Row, median, share};
use crate::world::{SignedIn, World};

const ROUNDS: usize = 5;
const TIME: Duration = Duration::from_secs(3);
const CONNECTIONS: usize = 8;
const CALLERS: usize = 32;
/// A parameter of the store's URL.
const PREPARED: &str = "&prepared=on";

/// Nothing, where no server is installed.
pub(crate) async fn from_postgres(binary: &Path) -> Result<Vec<Row>> {
    if !is_installed() {
        return Ok(Vec::new());
    }
    let mut rows = Vec::new();
    for (parameter, words) in [("", ""), (PREPARED, ", prepared")] {
        let database = Database::fresh();
        let url = format!("{}{parameter}", database.url());
        let world = World::of(Some(&url), 0).await?;
        let service = world.serve(binary)?;
        let ada = world.sign_in(&service).await?;
        let vends = vends(&world, &service, &ada, (&url, words))?;
        drop(service);
        rows.extend([reads(&ada, (&url, words))?, vends]);
    }
    Ok(rows)
}

fn reads(ada: &SignedIn, (url, words): (&str, &str)) -> Result<Row> {
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(reads_per_second("read-by-store", &ada.user, url)?);
        raw.push(reads_per_second("read-rows", &ada.user, url)?);
    }
    let work = format!("read a grant from PostgreSQL, by the store{words}");
    Ok(share(&work, median(ours), median(raw), "tokio-postgres", 0.7, "≥ 70 %"))
}

fn reads_per_second(reader: &str, user: &str, url: &str) -> Result<f64> {
    let reader = Running::start(&std::env::current_exe()?, &[reader, url, user])?;
    reader.ready["per_second"].as_f64().context("a number")
}

fn vends(
    world: &World,
    service: &Running,
    ada: &SignedIn,
    (url, words): (&str, &str),
) -> Result<Row> {
    let (address, request) = (http::address(service)?, ada.vend_request(world));
    let body = http::json_of_length(address, &request)?;
    let bare = Running::start(&std::env::current_exe()?, &["bare-rows", url, &ada.user, &body])?;
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(http::vends_per_second(address, &request)?);
        raw.push(http::vends_per_second(http::address(&bare)?, &request)?);
    }
    let work = format!("vend a live token, row from PostgreSQL{words}");
    Ok(share(&work, median(ours), median(raw), "bare axum and tokio-postgres", 0.7, "≥ 70 %"))
}

/// `standin-bench read-by-store URL USER`: how many a second, as a line of JSON.
pub(crate) async fn read_by_store(url: &str, user: &str) -> Result<()> {
    let store = PostgresStore::open(url).await?;
    let (user, google): (UserId, ProviderId) = (user.parse()?, "google".parse()?);
    count_reads(async |_| {
        store.grant_at(user, &google).await?.context("a grant")?;
        Ok(())
    })
    .await
}

/// `standin-bench read-rows URL USER`: the raw limit of the same.
pub(crate) async fn read(url: &str, user: &str) -> Result<()> {
    let reader = Reader::connect(url, user).await?;
    count_reads(async |caller| reader.read(caller).await.map(drop)).await
}

/// Of so many callers, each of whom reads again as soon as it has an answer.
#[expect(clippy::print_stdout, reason = "the ready line")]
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
async fn count_reads(read: impl AsyncFn(usize) -> Result<()>) -> Result<()> {
    read(0).await?;
    let began = Instant::now();
    let callers = (0..CALLERS).map(async |caller| {
        let mut count = 0_u32;
        while began.elapsed() < TIME {
            read(caller).await?;
            count += 1;
        }
        Ok::<_, anyhow::Error>(count)
    });
    let count: u32 = futures_util::future::try_join_all(callers).await?.into_iter().sum();
    println!("{{\"per_second\":{}}}", f64::from(count) / began.elapsed().as_secs_f64());
    Ok(())
}

/// `standin-bench bare-rows URL USER BODY`: a bare axum handler that reads the row for each answer, until it is killed.
#[expect(clippy::print_stdout, reason = "the ready line")]
pub(crate) async fn bare(url: &str, user: &str, body: &str) -> Result<()> {
    let reader = Arc::new(Reader::connect(url, user).await?);
    let (body, turns): (Arc<str>, _) = (body.into(), Arc::new(AtomicUsize::new(0)));
    let answer = move || {
        let (reader, body, turns) = (Arc::clone(&reader), Arc::clone(&body), Arc::clone(&turns));
        async move {
            let rows = reader.read(turns.fetch_add(1, Ordering::Relaxed)).await;
            let found = rows.is_ok_and(|rows| rows.len() == 1);
            let status = if found { StatusCode::OK } else { StatusCode::NOT_FOUND };
            (status, [("content-type", "application/json")], body.to_string())
        }
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{{\"public\":\"http://{}\"}}", listener.local_addr()?);
    Ok(axum::serve(listener, Router::new().fallback(any(answer))).await?)
}

/// Reads the row of one grant, over several connections.
struct Reader {
    clients: Vec<(Client, Option<Statement>)>,
    sql: String,
}

impl Reader {
    async fn connect(url: &str, user: &str) -> Result<Self> {
        let user = HEXLOWER.encode(user.parse::<UserId>()?.as_bytes());
        let sql = format!("SELECT * FROM grants WHERE user_id = '{user}' AND provider = 'google'");
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            let client = connect(url).await?;
            let is_prepared = url.ends_with(PREPARED);
            let statement = if is_prepared { Some(client.prepare(&sql).await?) } else { None };
            clients.push((client, statement));
        }
        Ok(Self { clients, sql })
    }

    async fn read(&self, turn: usize) -> Result<Vec<PgRow>> {
        let (client, statement) = &self.clients[turn % CONNECTIONS];
        Ok(match statement {
            Some(statement) => client.query(statement, &[]).await?,
            None => client.query_typed(&self.sql, &[]).await?,
        })
    }
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

#[expect(clippy::disallowed_methods, reason = "the program ends with its connections")]
async fn connect(url: &str) -> Result<Client> {
    // What follows is for the store.
    let url = url.split('?').next().unwrap_or(url);
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
