//! A job: a client key and nothing else.

use serde_json::Value;
use standin::Standin;
use standin::entropy::SystemEntropy;
use standin::id::ClientId;
use standin::store::ClientRow;
use standin::vend::{Policy, new_client_key};
use url::Url;

use super::browser::{Answer, Browser};

/// A registered client.
pub struct Job {
    pub id: ClientId,
    pub key: String,
    app: Url,
}

impl Job {
    pub async fn register(standin: &Standin, app: &Url, policy: Policy) -> Self {
        let (key, key_sha256) = new_client_key(&SystemEntropy);
        let id = ClientId::new(standin.clock(), &SystemEntropy);
        let created_at = standin.clock().now();
        let row = ClientRow { id, name: "job".into(), key_sha256, policy, created_at };
        standin.store().add_client(row).await.unwrap();
        Self { id, key: key.expose().to_owned(), app: app.clone() }
    }

    /// Asks for a token.
    pub async fn vend(&self, user: &str, body: Value) -> Answer {
        let path = format!("/v1/users/{user}/grants/google/token");
        let bearer = format!("Bearer {}", self.key);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        Browser::new(self.app.clone())
            .send(http::Method::POST, &path, &headers, body.to_string())
            .await
    }
}
