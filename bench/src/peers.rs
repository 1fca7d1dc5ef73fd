//! Other emulators of Google, from npm, in the same run: `emulate` and `oauth2-mock-server`.
//!
//! They are installed by `npm ci --prefix bench/peers`; without that the rows say so.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::child::Running;
use crate::emulator::{Ours, client, form_request};
use crate::load;
use crate::report::{Row, median};

const ROUNDS: usize = 3;
const TIME: Duration = Duration::from_secs(2);
/// `emulate` refuses more than five thousand requests an hour.
const MOST: u32 = 1_200;

/// One peer: how it is started, and what is asked of it.
struct Peer {
    name: &'static str,
    /// What its answer lacks beside ours.
    remark: &'static str,
    script: &'static str,
    arguments: fn(u16) -> Vec<String>,
    token_path: &'static str,
}

const PEERS: [Peer; 2] = [
    Peer {
        name: "emulate 0.12.2",
        remark: ", without an ID token",
        script: "emulate/dist/index.js",
        arguments: |port| {
            ["start", "--service", "google", "--port"]
                .map(str::to_owned)
                .into_iter()
                .chain([port.to_string()])
                .collect()
        },
        token_path: "/oauth2/token",
    },
    Peer {
        name: "oauth2-mock-server 9.3.0",
        remark: ", two signatures",
        script: "oauth2-mock-server/dist/oauth2-mock-server.mjs",
        arguments: |port| {
            vec!["-a".to_owned(), "127.0.0.1".to_owned(), "-p".to_owned(), port.to_string()]
        },
        token_path: "/token",
    },
];

/// Start, memory and token answers of each, beside ours.
pub(crate) async fn beside(ours: &Ours) -> Vec<Row> {
    let mut rows = Vec::new();
    for peer in &PEERS {
        match peer.measure().await {
            Ok(theirs) => rows.extend(theirs.rows(peer, ours)),
            Err(error) => rows.push(missing(peer, &error)),
        }
    }
    rows
}

struct Theirs {
    start_ms: f64,
    memory_mib: f64,
    answers: f64,
}

impl Peer {
    async fn measure(&self) -> Result<Theirs> {
        let (mut times, mut memory) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (running, _) = self.start()?;
            tokio::time::sleep(Duration::from_millis(500)).await;
            times.push(running.took);
            memory.push(running.resident_mib()?);
        }
        let (_running, address) = self.start()?;
        let origin = format!("http://{address}");
        let refresh_token = self.refresh_token(&origin).await?;
        let request = form_request(self.token_path, &origin, &refresh_token, "bench", "secret");
        let mut answers = Vec::new();
        for _ in 0..ROUNDS {
            answers.push(load::at_most(MOST, address, &request, 200, TIME)?);
        }
        Ok(Theirs { start_ms: median(times), memory_mib: median(memory), answers: median(answers) })
    }

    fn start(&self) -> Result<(Running, SocketAddr)> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let modules = modules();
        let script = modules.join(self.script);
        anyhow::ensure!(script.exists(), "not installed: npm ci --prefix bench/peers");
        let mut arguments = vec![script.display().to_string()];
        arguments.extend((self.arguments)(port));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Ok((Running::start_silent(&node(&modules), &arguments, address)?, address))
    }

    /// `oauth2-mock-server` takes any; `emulate` gives one for a code.
    async fn refresh_token(&self, origin: &str) -> Result<String> {
        if self.token_path == "/token" {
            return Ok("any".to_owned());
        }
        let http = client()?;
        let form = [
            ("email", "testuser@gmail.com"),
            ("redirect_uri", "http://localhost:3000/cb"),
            ("scope", "openid email"),
            ("state", "s"),
            ("client_id", "bench"),
            ("access_type", "offline"),
        ];
        let answer =
            http.post(format!("{origin}/o/oauth2/v2/auth/callback")).form(&form).send().await?;
        let location = answer.headers().get("location").context("a redirect")?.to_str()?;
        let location = url::Url::parse(location)?;
        let code = location.query_pairs().find(|(name, _)| name == "code").context("a code")?.1;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("client_id", "bench"),
            ("client_secret", "secret"),
            ("redirect_uri", "http://localhost:3000/cb"),
        ];
        let tokens = http.post(format!("{origin}{}", self.token_path)).form(&form).send().await?;
        let tokens: serde_json::Value = tokens.json().await?;
        Ok(tokens["refresh_token"].as_str().context("a refresh token")?.to_owned())
    }
}

impl Theirs {
    fn rows(&self, peer: &Peer, ours: &Ours) -> Vec<Row> {
        let less = |work: &str, ours: f64, theirs: f64, unit: &str| {
            let times = theirs / ours;
            row(
                peer,
                work,
                format!("{ours:.1} {unit}"),
                &format!("{theirs:.1} {unit}"),
                times,
                "less",
            )
        };
        let times = ours.answers / self.answers;
        let (mine, theirs) =
            (format!("{:.0}/s", ours.answers), format!("{:.0}/s{}", self.answers, peer.remark));
        vec![
            less("start", ours.command_ms, self.start_ms, "ms"),
            less("idle memory", ours.memory_mib, self.memory_mib, "MiB"),
            row(peer, "refresh answers", mine, &theirs, times, "more"),
        ]
    }
}

fn row(peer: &Peer, work: &str, ours: String, theirs: &str, times: f64, word: &str) -> Row {
    Row {
        work: format!("emulator, {work}"),
        ours,
        beside: format!("{} {theirs}", peer.name),
        result: format!("{times:.1}x {word}"),
        goal: "(a comparison, no goal)",
        is_reached: true,
    }
}

fn missing(peer: &Peer, error: &anyhow::Error) -> Row {
    Row {
        work: format!("emulator, beside {}", peer.name),
        ours: "–".to_owned(),
        beside: format!("{error:#}"),
        result: "not measured".to_owned(),
        goal: "(a comparison, no goal)",
        is_reached: true,
    }
}

fn modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/node_modules")
}

/// `emulate` needs a newer Node.js than many machines have; it comes with the peers.
fn node(modules: &Path) -> PathBuf {
    let own = modules.join("node/bin/node");
    if own.exists() { own } else { PathBuf::from("node") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_is_not_installed_is_below_no_goal() {
        assert!(missing(&PEERS[0], &anyhow::anyhow!("not installed")).is_reached);
    }
}
