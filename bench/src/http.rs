//! Requests to the real service, beside a bare axum handler that returns a body of the same size.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::routing::any;

use crate::child::Running;
use crate::cost::Cost;
use crate::load::{self, Connection};
use crate::report::{Row, share};
use crate::world::{SignedIn, World};

const ROUNDS: usize = 5;
const TIME: Duration = Duration::from_secs(3);

/// The raw limit: `standin-bench bare BODY`, until it is killed.
#[expect(clippy::print_stdout, reason = "the ready line")]
pub(crate) async fn bare(body: &str) -> Result<()> {
    let body: Arc<str> = body.into();
    let answer = move || {
        let body = Arc::clone(&body);
        async move { ([("content-type", "application/json")], body.to_string()) }
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{{\"public\":\"http://{}\"}}", listener.local_addr()?);
    Ok(axum::serve(listener, Router::new().fallback(any(answer))).await?)
}

/// Vending a live token from memory and by its row, and `GET /auth/session`.
pub(crate) async fn against_bare(binary: &Path) -> Result<Vec<Row>> {
    let world = World::new().await?;
    let service = world.serve(binary)?;
    let ada = world.sign_in(&service).await?;
    let vend = Work::new("vend a live token, from memory", ada.vend_request(&world), 0.7, "≥ 70 %");
    let session = ada.session_request(&world);
    let session = Work::new("`GET /auth/session`", session, 0.6, "≥ 60 %");
    let signed_out = Work::ceiling(request("GET", "/auth/session", &world.host(), &[]));
    let works = [vend, session, signed_out];
    let mut rows = works.iter().map(|work| compare(work, &service)).collect::<Result<Vec<_>>>()?;
    rows.insert(1, by_row(binary).await?);
    Ok(rows)
}

/// The same without any memory for tokens.
async fn by_row(binary: &Path) -> Result<Row> {
    let world = World::of(None, 0).await?;
    let service = world.serve(binary)?;
    let request = world.sign_in(&service).await?.vend_request(&world);
    compare(&Work::new("the same, reading its row each time", request, 0.55, "≥ 55 %"), &service)
}

/// Of a service that has been asked before.
pub(crate) fn vends_per_second(address: SocketAddr, request: &[u8]) -> Result<f64> {
    load::per_second(address, request, 200, TIME)
}

/// Something to be asked for.
struct Work {
    name: &'static str,
    request: Vec<u8>,
    status: u16,
    goal: f64,
    words: &'static str,
}

impl Work {
    fn new(name: &'static str, request: Vec<u8>, goal: f64, words: &'static str) -> Self {
        Self { name, request, status: 200, goal, words }
    }

    /// What listener, limits, log and headers cost, with next to nothing behind them: the others' ceiling.
    fn ceiling(request: Vec<u8>) -> Self {
        let name = "the same, signed out: what every request costs";
        Self { name, request, status: 401, goal: 0.0, words: "(a ceiling, no goal)" }
    }
}

fn compare(work: &Work, service: &Running) -> Result<Row> {
    let body = json_of_length(address(service)?, &work.request)?;
    let bare = Running::start(&std::env::current_exe()?, &["bare", &body])?;
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(Cost::of_answers(service, &work.request, work.status, TIME)?);
        raw.push(Cost::of_answers(&bare, &work.request, 200, TIME)?);
    }
    let (ours, raw) = (Cost::middle(&ours), Cost::middle(&raw));
    let (rate, limit) = (ours.per_second, raw.per_second);
    let mut row = share(work.name, rate, limit, "bare axum", work.goal, work.words);
    // Whatever else the machine does counts less there.
    let by_processor = 100.0 * raw.cpu_ms / ours.cpu_ms;
    row.result = format!("{}, {by_processor:.0} % by processor time", row.result);
    Ok(row)
}

pub(crate) fn address(running: &Running) -> Result<SocketAddr> {
    let url = running.ready["public"].as_str().context("an address")?;
    Ok(url.trim_start_matches("http://").parse()?)
}

/// Two hundred connections ask at once for the token of a grant whose access token has died.
pub(crate) async fn two_hundred_vends(binary: &Path) -> Result<Row> {
    const CALLERS: usize = 200;
    let world = World::new().await?;
    let service = world.serve(binary)?;
    world.next_token_dies_at_once().await?;
    let ada = world.sign_in(&service).await?;
    let (address, request) = (address(&service)?, ada.vend_request(&world));
    let statuses = at_once(CALLERS, address, &request)?;
    ensure!(statuses.iter().all(|status| *status == 200), "not every caller got a token");
    let refreshes = world.count("token_refreshed").await?;
    Ok(Row {
        work: format!("{CALLERS} parallel vends of one expired grant"),
        ours: format!("{refreshes} refresh at the provider"),
        beside: format!("{CALLERS} callers"),
        result: refreshes.to_string(),
        goal: "exactly 1",
        is_reached: refreshes == 1,
    })
}

fn at_once(callers: usize, address: SocketAddr, request: &[u8]) -> Result<Vec<u16>> {
    let barrier = std::sync::Barrier::new(callers);
    std::thread::scope(|scope| {
        let ask = || -> Result<u16> {
            let mut connection = Connection::open(address)?;
            barrier.wait();
            connection.ask(request)
        };
        let threads: Vec<_> = (0..callers).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().ok().context("a caller broke")?).collect()
    })
}

impl SignedIn {
    pub(crate) fn vend_request(&self, world: &World) -> Vec<u8> {
        let path = format!("/v1/users/{}/grants/google/token", self.user);
        request(
            "POST",
            &path,
            &world.host(),
            &[("authorization", &format!("Bearer {}", world.client_key))],
        )
    }

    fn session_request(&self, world: &World) -> Vec<u8> {
        request("GET", "/auth/session", &world.host(), &[("cookie", &self.cookie)])
    }
}

pub(crate) fn request(method: &str, path: &str, host: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut lines = vec![format!("{method} {path} HTTP/1.1"), format!("host: {host}")];
    lines.extend(headers.iter().map(|(name, value)| format!("{name}: {value}")));
    if method == "POST" {
        lines.push("content-length: 0".to_owned());
    }
    format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes()
}

/// A body for the bare handler: as long as the service's own answer.
pub(crate) fn json_of_length(address: SocketAddr, request: &[u8]) -> Result<String> {
    let length = Connection::open(address)?.length_of_answer(request)?;
    Ok(format!("{{\"x\":\"{}\"}}", "y".repeat(length.saturating_sub(8))))
}
