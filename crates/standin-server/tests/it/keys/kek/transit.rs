//! A server that speaks as Vault's transit engine does, mounted at `transit`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use rustls::{ServerConnection, StreamOwned};
use standin::secret::sha256;

use super::*;
use crate::faults::certificates::tls;

pub(super) const TOKEN: &str = "hvs.canary-of-the-vault-token";
pub(super) const NAMESPACE: &str = "platform";

pub(super) struct Transit {
    pub(super) server: Server,
    pub(super) visits: Arc<Visits>,
    versions: Arc<Versions>,
}

/// Of each of its keys: which one wraps, and which is the oldest that unwraps.
struct Versions {
    latest: AtomicUsize,
    oldest: AtomicUsize,
}

impl Transit {
    pub(super) fn start(runtime: &Runtime) -> Self {
        let visits = Arc::new(Visits::default());
        let versions = Arc::new(Versions { latest: 1.into(), oldest: 1.into() });
        let router = Router::new()
            .route("/v1/transit/{verb}/{key}", post(answer))
            .with_state((Arc::clone(&visits), Arc::clone(&versions)));
        Self { server: Server::start(runtime, router), visits, versions }
    }

    /// `vault write -f transit/keys/…/rotate`
    pub(super) fn rotate(&self) {
        self.versions.latest.fetch_add(1, Ordering::SeqCst);
    }

    /// `vault write transit/keys/…/config min_decryption_version=…`
    pub(super) fn refuse_old_versions(&self) {
        self.versions.oldest.store(self.versions.latest.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

/// Puts TLS with this certificate before a server that has none: one request and one answer for each connection. Where it
/// is.
pub(super) fn behind_tls(
    server: std::net::SocketAddr,
    certificate: &rcgen::Certificate,
    key: &KeyPair,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = tls(certificate, key);
    thread::Builder::new()
        .spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                // Whoever does not believe the certificate hangs up.
                drop(pass_on(&mut StreamOwned::new(connection, stream), server));
            }
        })
        .unwrap();
    port
}

fn pass_on(outside: &mut (impl Read + Write), server: std::net::SocketAddr) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !is_whole(&request) {
        let mut part = [0; 4096];
        match outside.read(&mut part)? {
            0 => return Ok(()),
            length => request.extend_from_slice(&part[..length]),
        }
    }
    let mut inside = TcpStream::connect(server)?;
    let text = String::from_utf8(request).unwrap();
    inside.write_all(text.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes())?;
    let mut answer = Vec::new();
    inside.read_to_end(&mut answer)?;
    outside.write_all(&answer)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

type Answer = Result<Json<Value>, (StatusCode, Json<Value>)>;

fn error(status: StatusCode, words: &str) -> Answer {
    Err((status, Json(json!({ "errors": [words] }))))
}

async fn answer(
    State((visits, versions)): State<(Arc<Visits>, Arc<Versions>)>,
    Path((verb, key)): Path<(String, String)>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Answer {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let wanted =
        [("x-vault-token", TOKEN), ("x-vault-namespace", NAMESPACE), ("x-vault-request", "true")];
    if wanted.iter().any(|(name, value)| header(name) != Some(value)) {
        return error(StatusCode::FORBIDDEN, "permission denied");
    }
    let bytes = |name: &str| {
        body[name].as_str().map(|text| BASE64.decode(text.as_bytes()).expect("base64"))
    };
    let bound_to = bytes("associated_data").expect("associated_data is always sent");
    let ciphertext = body["ciphertext"].as_str().and_then(|text| text.strip_prefix("vault:v"));
    let ciphertext = ciphertext.and_then(|text| text.split_once(':'));
    let latest = versions.latest.load(Ordering::SeqCst);
    let version = ciphertext.map_or(latest, |(version, _)| version.parse().unwrap());
    if version < versions.oldest.load(Ordering::SeqCst) {
        let words = "ciphertext or signature version is disallowed by policy (too old)";
        return error(StatusCode::BAD_REQUEST, words);
    }
    let key = match (key.as_str(), bytes("context")) {
        ("standin", None) => sha256(&[3, u8::try_from(version).unwrap()]),
        ("derived", Some(context)) => sha256(&[&[4; 32], context.as_slice()].concat()),
        ("derived", None) => {
            return error(StatusCode::BAD_REQUEST, "missing 'context' for key derivation");
        }
        _ => return error(StatusCode::BAD_REQUEST, "encryption key not found"),
    };
    if verb == "encrypt" {
        let plain = bytes("plaintext").unwrap();
        visits.note(&plain);
        let text = BASE64.encode(&encrypt(&key, &bound_to, &plain));
        let text = format!("vault:v{version}:{text}");
        return Ok(Json(json!({ "data": { "ciphertext": text, "key_version": version } })));
    }
    let text = ciphertext.map(|(_, text)| BASE64.decode(text.as_bytes()).unwrap());
    let text = text.unwrap_or_default();
    match decrypt(&key, &bound_to, &text) {
        Some(plain) => {
            visits.note(&plain);
            Ok(Json(json!({ "data": { "plaintext": BASE64.encode(&plain) } })))
        }
        None => error(StatusCode::BAD_REQUEST, "cipher: message authentication failed"),
    }
}
