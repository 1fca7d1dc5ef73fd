//! A server on a free port, and a peer that may misbehave.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use standin_axum::ClientIp;
use standin_server::http::Shell;
use standin_server::http::client_ip::TrustedProxies;
use standin_server::http::headers::SecurityHeaders;
use standin_server::http::host::AllowedHosts;
use standin_server::net::{self, Limits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Time-outs of milliseconds, so that a test of one takes no longer.
pub(crate) fn hasty() -> Limits {
    Limits {
        first_byte_timeout: Duration::from_millis(150),
        header_timeout: Duration::from_millis(150),
        body_timeout: Duration::from_millis(150),
        idle_timeout: Duration::from_millis(400),
        shutdown_timeout: Duration::from_millis(600),
        ..Limits::default()
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) served: JoinHandle<()>,
}

pub(crate) async fn start(limits: Limits) -> Server {
    start_with(routes(), limits).await
}

pub(crate) async fn start_with(router: Router, limits: Limits) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let public_url = "https://app.example.com".parse().unwrap();
    let shell = Shell {
        hosts: AllowedHosts::public(&public_url, &[], address),
        limits,
        proxies: TrustedProxies::parse(&["127.0.0.1".to_owned()]).unwrap(),
        headers: SecurityHeaders { is_https: true },
    };
    let stop = CancellationToken::new();
    let served = net::serve(listener, shell.around(router), stop.clone());
    let served = TaskTracker::new().spawn(served);
    Server { address, stop, served }
}

/// More than any buffer of a socket holds.
const LONG: usize = 32 << 20;

fn routes() -> Router {
    Router::new()
        .route("/", get(async || "hello"))
        .route("/ip", get(async |ip: axum::Extension<ClientIp>| ip.0.0.to_string()))
        .route("/echo", post(async |body: Bytes| body))
        .route("/panic", get(panics))
        .route("/slow", get(slow))
        .route("/long", get(async || "x".repeat(LONG)))
}

async fn panics() -> &'static str {
    panic!("canary")
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_millis(300)).await;
    "slow"
}

pub(crate) async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address).await.unwrap()
}

/// Sends bytes and reads until the server closes; what it said. A test that waits too long has failed.
pub(crate) async fn exchange(server: &Server, bytes: &[u8]) -> String {
    let mut stream = connect(server).await;
    stream.write_all(bytes).await.unwrap();
    until_closed(&mut stream).await
}

pub(crate) async fn until_closed(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is a way to close, too.
    let _ = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer))
        .await
        .expect("the server keeps the connection open");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads one answer of a connection that stays open.
pub(crate) async fn one_answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    while !is_complete(&answer) {
        let read = stream.read_buf(&mut answer);
        let count = tokio::time::timeout(Duration::from_secs(30), read).await.unwrap().unwrap();
        assert_ne!(count, 0, "closed after {:?}", String::from_utf8_lossy(&answer));
    }
    String::from_utf8(answer).unwrap()
}

fn is_complete(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    body.len() >= length
}

pub(crate) fn status(answer: &str) -> u16 {
    let code = answer.split(' ').nth(1).unwrap_or_else(|| panic!("no status in {answer:?}"));
    code.parse().unwrap()
}

/// A GET with these lines, closing after the answer.
pub(crate) fn get_with(path: &str, lines: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n{lines}\r\n")
        .into_bytes()
}
