//! `standin healthcheck`: asks the operator's listener of a running service whether it can work, or with `--live`
//! whether it lives, for container probes that have no other program at hand.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::output;
use super::source::ConfigFile;
use crate::config::Flags;

const TIMEOUT: Duration = Duration::from_secs(5);
/// A health check's answer is a few hundred bytes.
const LARGEST_ANSWER: u64 = 16 * 1024;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigFile,
    /// Ask here, whatever the configuration says; it is then not read.
    #[arg(long, value_name = "ADDRESS")]
    operator: Option<SocketAddr>,
    /// Ask only whether the process answers. What is killed when a check fails should ask so: a new process would
    /// find the same database.
    #[arg(long)]
    live: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let address = match args.operator {
        Some(address) => address,
        None => args.config.load(Flags::default())?.operator_listen,
    };
    let address = reachable(address);
    let answer = tokio::time::timeout(TIMEOUT, ask(address, args.live))
        .await
        .context("no answer in time")
        .flatten()
        .with_context(|| format!("the service at {address} does not answer"))?;
    let status = answer.lines().next().unwrap_or_default();
    let why = detail(&answer);
    ensure!(
        status.starts_with("HTTP/1.1 200"),
        "the service at {address} is not well: {status}{why}"
    );
    if args.json {
        return output::json(&json!({"healthy": true}));
    }
    output::line("healthy")
}

/// What a problem document says.
fn detail(answer: &str) -> String {
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let problem: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    problem["detail"].as_str().map_or_else(String::new, |detail| format!(": {detail}"))
}

/// Who listens everywhere can be reached here.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    address
}

async fn ask(address: SocketAddr, live: bool) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let path = if live { "/healthz" } else { "/readyz" };
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LARGEST_ANSWER).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
