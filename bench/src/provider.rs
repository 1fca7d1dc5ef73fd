//! A provider that costs next to nothing: its ID tokens are signed before the clock runs, and it can hang.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What our client is called there: as long a name as Google gives.
pub(crate) const CLIENT: &str =
    "407408718192-standinbenchstandinbenchstandinb.apps.googleusercontent.com";

/// A running provider; it stops when it is dropped.
pub(crate) struct Provider {
    /// Where it is.
    pub(crate) issuer: String,
    key: KeyPair,
    desk: Arc<Desk>,
    server: JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The token endpoint: an answer for each code, and a new token for every refresh.
#[derive(Default)]
struct Desk {
    answers: Mutex<HashMap<String, String>>,
    refreshes: AtomicU64,
    rotates: AtomicBool,
    hangs: AtomicBool,
    waiting: AtomicUsize,
}

impl Provider {
    #[expect(clippy::disallowed_methods, reason = "it lives as long as the measurement")]
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let issuer = format!("http://{}", listener.local_addr()?);
        let key = KeyPair::generate(KeySize::Rsa2048)?;
        let desk = Arc::new(Desk::default());
        let (discovery, keys) = (discovery(&issuer), key_set(&key));
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(async move || discovery))
            .route("/keys", get(async move || keys))
            .route("/token", post(token))
            .with_state(Arc::clone(&desk));
        let server = tokio::spawn(async move {
            // It ends by being aborted.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { issuer, key, desk, server })
    }

    /// Signs what this person's code will be redeemed for; the code is the person.
    #[expect(clippy::disallowed_methods, reason = "a throw-away key for a benchmark")]
    pub(crate) fn will_answer(&self, person: &str, nonce: &str, life: u32) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = json!({
            "iss": self.issuer, "aud": CLIENT, "sub": person, "iat": now, "exp": now + 3600,
            "nonce": nonce, "email": format!("{person}@example.com"), "email_verified": true,
            "name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace",
        });
        let header = json!({ "alg": "RS256", "kid": "bench", "typ": "JWT" });
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            signed.as_bytes(),
            &mut signature,
        )?;
        let id_token = format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature));
        let answer = json!({
            "access_token": format!("ya29.{person}{}", "x".repeat(160)), "token_type": "Bearer",
            "expires_in": life, "refresh_token": format!("1//{person}{}", "y".repeat(80)),
            "scope": "openid email profile", "id_token": id_token,
        });
        self.answers().insert(person.to_owned(), answer.to_string());
        Ok(())
    }

    /// From now on each refresh brings another refresh token.
    pub(crate) fn rotate(&self) {
        self.desk.rotates.store(true, Ordering::SeqCst);
    }

    /// How often it has given a new token for a refresh token.
    pub(crate) fn refreshes(&self) -> u64 {
        self.desk.refreshes.load(Ordering::SeqCst)
    }

    /// Nobody is answered any more.
    pub(crate) fn hang(&self) {
        self.desk.hangs.store(true, Ordering::SeqCst);
    }

    /// How many wait for an answer that will not come.
    pub(crate) fn waiting(&self) -> usize {
        self.desk.waiting.load(Ordering::SeqCst)
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.desk.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    fn refreshed(&self) -> String {
        let number = self.refreshes.fetch_add(1, Ordering::SeqCst);
        let mut answer = json!({
            "access_token": format!("ya29.{number}{}", "x".repeat(200)), "token_type": "Bearer",
            "expires_in": 3600, "scope": "openid email profile",
        });
        if self.rotates.load(Ordering::SeqCst) {
            answer["refresh_token"] = format!("1//{number}{}", "y".repeat(90)).into();
        }
        answer.to_string()
    }
}

async fn token(State(desk): State<Arc<Desk>>, form: String) -> (axum::http::StatusCode, String) {
    if desk.hangs.load(Ordering::SeqCst) {
        desk.waiting.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<()>().await;
    }
    if form.contains("grant_type=refresh_token") {
        return (axum::http::StatusCode::OK, desk.refreshed());
    }
    let code = form.split('&').find_map(|pair| pair.strip_prefix("code="));
    let mut answers = desk.answers.lock().unwrap_or_else(PoisonError::into_inner);
    match code.and_then(|code| answers.remove(code)) {
        Some(answer) => (axum::http::StatusCode::OK, answer),
        None => {
            (axum::http::StatusCode::BAD_REQUEST, json!({ "error": "invalid_grant" }).to_string())
        }
    }
}

fn discovery(issuer: &str) -> String {
    json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
    })
    .to_string()
}

fn key_set(key: &KeyPair) -> String {
    let public = key.public_key();
    let number = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    let (n, e) = (public.modulus(), public.exponent());
    let (n, e) =
        (number(n.big_endian_without_leading_zero()), number(e.big_endian_without_leading_zero()));
    json!({ "keys": [{ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": "bench", "n": n, "e": e }] })
        .to_string()
}

/// A parameter of an address, decoded.
pub(crate) fn parameter(address: &str, name: &str) -> Result<String> {
    let url = url::Url::parse(address)?;
    let mut pairs = url.query_pairs();
    let value = pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    value.with_context(|| format!("`{name}` in {}", url.path()))
}
