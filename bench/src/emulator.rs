//! The emulator: how soon it is there, how little it needs, and how many token answers it gives beside
//! the RSA operation that each of them contains.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use serde_json::{Value, json};
use standin_emulator::Emulator;

use crate::child::{Running, figure};
use crate::load;
use crate::report::{Row, fastest, median, share};

const ROUNDS: usize = 5;
const TIME: Duration = Duration::from_secs(2);
const REDIRECT: &str = "http://127.0.0.1:8080/auth/google/callback";

/// What was measured of ours.
pub(crate) struct Ours {
    in_process_ms: f64,
    /// From starting the command to its ready line.
    pub(crate) command_ms: f64,
    /// Resident and idle.
    pub(crate) memory_mib: f64,
    /// Refreshes answered, each with an ID token.
    pub(crate) answers: f64,
    signatures: f64,
}

impl Ours {
    pub(crate) async fn measure(binary: &Path) -> Result<Self> {
        let in_process_ms = in_process().await?;
        let (mut times, mut memory) = (Vec::new(), Vec::new());
        for _ in 0..7 {
            let running = command(binary)?;
            tokio::time::sleep(Duration::from_millis(500)).await;
            times.push(running.took);
            memory.push(running.resident_mib()?);
        }
        let (answers, signatures) = refreshes(binary).await?;
        let (command_ms, memory_mib) = (median(times), median(memory));
        Ok(Self { in_process_ms, command_ms, memory_mib, answers, signatures })
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        let Self { in_process_ms, command_ms, memory_mib, answers, signatures } = *self;
        let goal = "≥ 70 %";
        vec![
            figure(
                "emulator, start in process",
                in_process_ms,
                "ms",
                "≤ 10 ms",
                in_process_ms <= 10.0,
            ),
            figure("emulator, start as a command", command_ms, "ms", "≤ 50 ms", command_ms <= 50.0),
            figure("emulator, idle memory", memory_mib, "MiB", "≤ 15 MiB", memory_mib <= 15.0),
            share(
                "emulator, refresh answers (one core)",
                answers,
                signatures,
                "raw RS256 signing",
                0.7,
                goal,
            ),
        ]
    }
}

/// The first start of a process and those after it: whichever is slower.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
async fn in_process() -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..20 {
        let start = Instant::now();
        let emulator = Emulator::start().await?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
        emulator.stop().await;
    }
    let first = times[0];
    Ok(first.max(median(times)))
}

fn command(binary: &Path) -> Result<Running> {
    Running::start(binary, &["emulator", "--listen", "127.0.0.1:0", "--json"])
}

/// Answers per second, and signatures per second of the raw operation, in turns.
async fn refreshes(binary: &Path) -> Result<(f64, f64)> {
    let running = command(binary)?;
    let origin = running.ready["emulator"].as_str().context("an origin")?.to_owned();
    let address: SocketAddr = origin.trim_start_matches("http://").parse()?;
    let request = refresh_request(&origin, &running.ready).await?;
    let pair = KeyPair::generate(KeySize::Rsa2048)?;
    let (mut answers, mut signatures) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        answers.push(load::per_second(address, &request, 200, TIME)?);
        signatures.push(signing(&pair)?);
    }
    Ok((median(answers), fastest(&signatures)))
}

/// RS256 signatures a second, on one core.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub(crate) fn signing(pair: &KeyPair) -> Result<f64> {
    let (random, message) = (SystemRandom::new(), [7; 800]);
    let mut signature = vec![0; pair.public_modulus_len()];
    let (mut signed, start) = (0_u32, Instant::now());
    while start.elapsed() < TIME / 2 {
        pair.sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature)?;
        signed += 1;
    }
    Ok(f64::from(signed) / start.elapsed().as_secs_f64())
}

/// Signs Ada in by autopilot, and makes of her refresh token the request that the load repeats.
async fn refresh_request(origin: &str, ready: &Value) -> Result<Vec<u8>> {
    let http = client()?;
    let text = |name: &str| ready[name].as_str().unwrap_or_default().to_owned();
    let (id, secret) = (text("client_id"), text("client_secret"));
    let autopilot = json!({"user": "ada@example.com", "decision": "allow"});
    http.put(format!("{origin}/_emulator/autopilot")).json(&autopilot).send().await?;
    let query = [
        ("client_id", id.as_str()),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", "openid email profile"),
        ("access_type", "offline"),
    ];
    let answer = http.get(format!("{origin}/o/oauth2/v2/auth")).query(&query).send().await?;
    let location = answer.headers().get("location").context("a redirect")?.to_str()?;
    let location = url::Url::parse(location)?;
    let code = location.query_pairs().find(|(name, _)| name == "code").context("a code")?.1;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("client_id", &id),
        ("client_secret", &secret),
        ("redirect_uri", REDIRECT),
    ];
    let tokens = http.post(format!("{origin}/token")).form(&form).send().await?;
    let tokens: Value = tokens.json().await?;
    let refresh_token = tokens["refresh_token"].as_str().context("a refresh token")?;
    Ok(form_request("/token", origin, refresh_token, &id, &secret))
}

/// A refresh, as bytes.
pub(crate) fn form_request(
    path: &str,
    origin: &str,
    refresh_token: &str,
    id: &str,
    secret: &str,
) -> Vec<u8> {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("refresh_token", refresh_token)
        .append_pair("client_id", id)
        .append_pair("client_secret", secret)
        .append_pair("scope", "openid email")
        .finish();
    let host = origin.trim_start_matches("http://");
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is a client of its own")]
pub(crate) fn client() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?)
}
