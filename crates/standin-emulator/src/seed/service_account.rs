//! Service accounts: programs that sign for themselves, and for users of a domain that lets them.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::{Block, SeedError, User, project};
use crate::chance;
use crate::object::Object;
use crate::rsa::RsaKey;

/// An account of a program. It proves itself with a key of its own instead of a password.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceAccount {
    /// Its name: `<name>@<project>.iam.gserviceaccount.com`.
    pub email: String,
    /// The project it belongs to.
    #[serde(default = "project::default_id")]
    pub project: String,
    /// Its subject and client id, decimal digits; derived from the address when absent.
    #[serde(default)]
    pub client_id: String,
    /// Scopes for which every Workspace domain lets it act as its users.
    #[serde(default)]
    pub delegated_scopes: Vec<String>,
    /// Shared with the seed, so that a key file outlives a reset.
    #[serde(skip)]
    key: Arc<OnceLock<Key>>,
}

#[derive(Debug)]
struct Key {
    id: String,
    pair: RsaKey,
}

impl ServiceAccount {
    /// An account that may act for nobody but itself.
    #[must_use]
    pub fn named(email: &str) -> Self {
        Self {
            email: email.to_owned(),
            project: project::default_id(),
            client_id: super::user::derived_sub(email),
            delegated_scopes: Vec::new(),
            key: Arc::default(),
        }
    }

    pub(crate) fn completed(mut self) -> Result<Self, SeedError> {
        if !self.email.contains('@') {
            let reason = "the e-mail has no `@`";
            return Err(SeedError::ServiceAccount { email: self.email, reason });
        }
        if self.client_id.is_empty() {
            self.client_id = super::user::derived_sub(&self.email);
        }
        Ok(self)
    }

    /// The id of its key, once there is one.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.key.get().map(|key| key.id.as_str())
    }

    /// Whether its key signed this. Nothing is, before somebody has asked for the key.
    pub(crate) fn signed(&self, message: &str, signature: &[u8]) -> bool {
        self.key.get().is_some_and(|key| key.pair.verifies(message.as_bytes(), signature))
    }

    /// The key file as the cloud console gives it; the key is made if there is none yet.
    pub(crate) fn key_file(&self, origin: &str, browser_origin: &str) -> Object {
        let key = self.key.get_or_init(Key::generate);
        let email: String = form_urlencoded::byte_serialize(self.email.as_bytes()).collect();
        Object::default()
            .with("type", "service_account")
            .with("project_id", self.project.as_str())
            .with("private_key_id", key.id.as_str())
            .with("private_key", key.pair.private_pem())
            .with("client_email", self.email.as_str())
            .with("client_id", self.client_id.as_str())
            .with("auth_uri", format!("{browser_origin}/o/oauth2/auth"))
            .with("token_uri", format!("{origin}/token"))
            .with("auth_provider_x509_cert_url", format!("{origin}/oauth2/v1/certs"))
            .with("client_x509_cert_url", format!("{origin}/robot/v1/metadata/x509/{email}"))
            .with("universe_domain", "googleapis.com")
    }

    /// Its key's id and its certificate.
    pub(crate) fn certificate(&self, now: i64) -> Option<(&str, String)> {
        let key = self.key.get()?;
        Some((&key.id, key.pair.certificate(&self.email, now)?))
    }

    /// Itself as APIs and tokeninfo see the owner of a token.
    pub(crate) fn as_user(&self) -> User {
        User {
            email: self.email.clone(),
            sub: self.client_id.clone(),
            name: self.email.clone(),
            given_name: String::new(),
            family_name: String::new(),
            picture: None,
            hd: None,
            email_verified: true,
            block: Block::None,
        }
    }
}

impl Key {
    fn generate() -> Self {
        Self { id: chance::key_id(), pair: RsaKey::generate() }
    }
}
