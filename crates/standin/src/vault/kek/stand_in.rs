//! A stand-in of Vault's transit engine for tests of what is done with its answers; the tests of the program have one
//! that really encrypts, and is asked over the network.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use data_encoding::BASE64;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::{Environment, ExternalKeys, TransitSettings, VaultToken};
use crate::http::{HttpClient, HttpError, Request, Response};
use crate::time::Clock;

pub(in crate::vault) const TOO_OLD: &str =
    "ciphertext or signature version is disallowed by policy (too old)";

/// What it does when it is asked.
#[derive(Clone, Copy)]
pub(in crate::vault) enum Mood {
    Works,
    /// As one from before `associated_data`, which ignores what it does not know.
    BindsNothing,
    Away,
    /// It takes the question and never answers.
    Hangs,
    Says(u16, &'static str),
}

/// Its keys are no secret: what it wraps is readable.
#[derive(Clone)]
pub(in crate::vault) struct StandIn(Arc<Mutex<State>>);

struct State {
    mood: Mood,
    /// Which version of the key wraps, and which is the oldest that unwraps.
    latest: u32,
    oldest: u32,
}

impl StandIn {
    pub(in crate::vault) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { mood: Mood::Works, latest: 1, oldest: 1 })))
    }

    pub(in crate::vault) fn is(&self, mood: Mood) {
        self.0.lock().unwrap().mood = mood;
    }

    /// A new version of the key, beside the old ones.
    pub(in crate::vault) fn rotate(&self) {
        self.0.lock().unwrap().latest += 1;
    }

    /// No version of the key but the newest unwraps any more.
    pub(in crate::vault) fn give_up_old_versions(&self) {
        let mut state = self.0.lock().unwrap();
        state.oldest = state.latest;
    }

    /// The way to it.
    pub(in crate::vault) fn keys(&self, clock: Arc<dyn Clock>) -> ExternalKeys {
        let http: Arc<dyn HttpClient> = Arc::new(self.clone());
        let settings = TransitSettings {
            address: "http://127.0.0.1:8200".parse().unwrap(),
            token: VaultToken::Given("hvs.t".into()),
            namespace: None,
        };
        ExternalKeys::new(Arc::clone(&http), clock, Environment::default()).transit(settings, http)
    }
}

#[async_trait]
impl HttpClient for StandIn {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let (mood, latest, oldest) = {
            let state = self.0.lock().unwrap();
            (state.mood, state.latest, state.oldest)
        };
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let bound_to = match mood {
            Mood::Away => return Err(HttpError::Unsent),
            Mood::Hangs => return std::future::pending().await,
            Mood::Says(status, words) => return Ok(answer(status, &json!({ "errors": [words] }))),
            Mood::BindsNothing => Value::Null,
            Mood::Works => body["associated_data"].clone(),
        };
        if request.url.path().contains("/encrypt/") {
            let text = json!([bound_to, body["plaintext"]]).to_string();
            let text = format!("vault:v{latest}:{}", BASE64.encode(text.as_bytes()));
            return Ok(answer(200, &json!({ "data": { "ciphertext": text } })));
        }
        let text = body["ciphertext"].as_str().unwrap().strip_prefix("vault:v").unwrap();
        let (version, text) = text.split_once(':').unwrap();
        if version.parse::<u32>().unwrap() < oldest {
            return Ok(answer(400, &json!({ "errors": [TOO_OLD] })));
        }
        let text: Value = serde_json::from_slice(&BASE64.decode(text.as_bytes()).unwrap()).unwrap();
        Ok(if text[0] == bound_to {
            answer(200, &json!({ "data": { "plaintext": text[1] } }))
        } else {
            answer(400, &json!({ "errors": ["cipher: message authentication failed"] }))
        })
    }
}

fn answer(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    Response { status, headers: HeaderMap::new(), body: body.to_string().into() }
}
