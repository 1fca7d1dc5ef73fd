//! Standin's own HTTP client with a listener on the wire: every secret that goes to the provider or comes
//! from it is known afterwards.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use super::http_client;
use async_trait::async_trait;
use serde_json::Value;
use standin::http::{HttpClient, HttpError, Request, ReqwestClient, Response};

/// Secrets by what they are.
pub type Secrets = BTreeSet<(String, String)>;

/// Passes everything on, and remembers.
#[derive(Clone)]
pub struct Wire {
    client: ReqwestClient,
    heard: Arc<Mutex<Secrets>>,
}

const FIELDS: [&str; 6] =
    ["code", "code_verifier", "client_secret", "refresh_token", "token", "access_token"];

impl Wire {
    pub fn new() -> Self {
        Self { client: http_client(), heard: Arc::default() }
    }

    /// What went over it so far.
    pub fn secrets(&self) -> Secrets {
        self.heard.lock().unwrap().clone()
    }

    /// The newest values of one field, in no order.
    pub fn heard(&self, field: &str) -> Vec<String> {
        let of_field = |(name, value): (String, String)| (name == field).then_some(value);
        self.secrets().into_iter().filter_map(of_field).collect()
    }

    fn listen(&self, name: &str, value: &str) {
        self.heard.lock().unwrap().insert((name.to_owned(), value.to_owned()));
    }
}

#[async_trait]
impl HttpClient for Wire {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        for (name, value) in form_urlencoded::parse(&request.body) {
            if FIELDS.contains(&&*name) {
                self.listen(&name, &value);
            }
        }
        let response = self.client.send(request).await?;
        if let Ok(Value::Object(members)) = serde_json::from_slice(&response.body) {
            for name in ["access_token", "refresh_token", "id_token"] {
                if let Some(Value::String(value)) = members.get(name) {
                    self.listen(name, value);
                }
            }
        }
        Ok(response)
    }
}
