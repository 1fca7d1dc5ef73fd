//! Behind a real proxy, what it forwards and what we read are the same requests (requirement HH-4): requests that can
//! be read in two ways go through nginx and `haproxy`, and both sides' records are compared.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::framing::ambiguous;
use super::support::{Server, start_with};
use standin_server::net::Limits;

/// How often each request was seen.
type Seen = BTreeMap<String, usize>;

/// A proxy in front of us. It ends with its test.
struct Proxy {
    child: Child,
    address: SocketAddr,
    directory: TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

impl Proxy {
    async fn nginx(ours: SocketAddr) -> Self {
        let address = free_address().await;
        Self::run(address, |place| {
            let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|kind| format!("{kind}_temp_path {}/{kind};", place.display()))
                .join(" ");
            let text = format!(
                "daemon off; master_process off; pid {place}/pid; error_log {place}/errors;\n\
                 events {{}}\n\
                 http {{\n\
                 log_format seen '$upstream_addr $request_method $request_uri';\n\
                 access_log {place}/seen seen; {temporary}\n\
                 keepalive_timeout 1s; client_body_timeout 1s; client_header_timeout 1s;\n\
                 upstream us {{ server {ours}; keepalive 4; }}\n\
                 server {{ listen {address}; location / {{\n\
                 proxy_pass http://us; proxy_http_version 1.1; proxy_request_buffering off;\n\
                 proxy_set_header Connection \"\"; proxy_set_header Host app.example.com; }} }}\n\
                 }}\n",
                place = place.display()
            );
            fs::write(place.join("conf"), text).unwrap();
            let mut command = Command::new("/usr/sbin/nginx");
            command.arg("-c").arg(place.join("conf")).arg("-p").arg(place);
            command
        })
        .await
    }

    async fn haproxy(ours: SocketAddr) -> Self {
        let address = free_address().await;
        Self::run(address, |place| {
            let text = format!(
                "global\n log stdout format raw local0\n\
                 defaults\n mode http\n log global\n log-format \"%si:%sp %HM %HU\"\n\
                 timeout connect 2s\n timeout client 1s\n timeout server 5s\n\
                 frontend in\n bind {address}\n default_backend us\n\
                 backend us\n http-reuse always\n server us {ours}\n"
            );
            fs::write(place.join("conf"), text).unwrap();
            let mut command = Command::new("/usr/sbin/haproxy");
            command.arg("-db").arg("-f").arg(place.join("conf"));
            command.stdout(File::create(place.join("seen")).unwrap());
            command
        })
        .await
    }

    async fn run(address: SocketAddr, command: impl FnOnce(&Path) -> Command) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = command(directory.path());
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let proxy = Self { child, address, directory };
        for _ in 0..200 {
            if TcpStream::connect(address).await.is_ok() {
                return proxy;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the proxy does not start");
    }

    /// What it has forwarded to us, once it has ended.
    fn forwarded(mut self, ours: SocketAddr) -> Seen {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap();
        let log = fs::read(self.directory.path().join("seen")).unwrap();
        let log = String::from_utf8_lossy(&log).into_owned();
        let to_us = format!("{ours} ");
        counted(log.lines().filter_map(|line| line.strip_prefix(&to_us)).map(str::to_owned))
    }
}

fn counted(requests: impl Iterator<Item = String>) -> Seen {
    let mut seen = Seen::new();
    requests.for_each(|request| *seen.entry(request).or_default() += 1);
    seen
}

/// Us, remembering every request that is handed to a handler.
async fn recording() -> (Server, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let handler = {
        let seen = Arc::clone(&seen);
        move |request: Request| {
            let line = format!("{} {}", request.method(), request.uri());
            seen.lock().unwrap().push(line);
            async { "seen" }
        }
    };
    (start_with(Router::new().fallback(handler), Limits::default()).await, seen)
}

async fn send(proxy: &Proxy, bytes: &[u8]) {
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    // It may refuse before it has read everything.
    let _ = stream.write_all(bytes).await;
    let patience = Duration::from_secs(10);
    let _ =
        timeout(patience, stream.read_to_end(&mut Vec::new())).await.expect("a proxy that ends");
}

async fn same_requests_on_both_sides(proxy: Proxy, server: Server, seen: Arc<Mutex<Vec<String>>>) {
    let host = "Host: app.example.com\r\n";
    let good = [
        format!("{host}Content-Length: 3\r\n\r\nabc"),
        format!("{host}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        format!("{host}Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n"),
    ];
    let probes: Vec<_> = ambiguous().into_iter().chain(good).collect();
    for (number, lines) in probes.iter().enumerate() {
        for method in ["POST", "GET"] {
            let hidden =
                format!("GET /hidden-{number} HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
            let request = format!("{method} /probe-{number} HTTP/1.1\r\n{lines}{hidden}");
            send(&proxy, request.as_bytes()).await;
        }
        // Whoever comes next finds connections to us that hold nothing of anybody else.
        send(
            &proxy,
            format!("GET /next-{number} HTTP/1.1\r\n{host}Connection: close\r\n\r\n").as_bytes(),
        )
        .await;
    }
    let forwarded = proxy.forwarded(server.address);
    let read = counted(std::mem::take(&mut *seen.lock().unwrap()).into_iter());
    for (request, times) in &read {
        assert!(forwarded.get(request) >= Some(times), "{request}: {times} times\n{forwarded:#?}");
    }
    for number in 0..probes.len() {
        assert_eq!(read.get(&format!("GET /next-{number}")), Some(&1), "{number}: {read:#?}");
    }
    // Some have come through as they should: the proxy was one.
    let last = probes.len() - 1;
    for request in [format!("POST /probe-{last}"), format!("GET /hidden-{last}")] {
        assert!(read.contains_key(&request), "{request}: {read:#?}");
    }
}

#[tokio::test]
#[ignore = "needs nginx and HAProxy"]
async fn hh_4_what_nginx_forwards_is_what_we_read() {
    let (server, seen) = recording().await;
    let proxy = Proxy::nginx(server.address).await;
    same_requests_on_both_sides(proxy, server, seen).await;
}

#[tokio::test]
#[ignore = "needs nginx and HAProxy"]
async fn hh_4_what_haproxy_forwards_is_what_we_read() {
    let (server, seen) = recording().await;
    let proxy = Proxy::haproxy(server.address).await;
    same_requests_on_both_sides(proxy, server, seen).await;
}
