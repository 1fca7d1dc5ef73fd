//! HashiCorp Vault, and what speaks as it does (OpenBao): its transit engine wraps.
//!
//! `POST /v1/{mount}/encrypt/{key}` and `…/decrypt/{key}`. The row is bound as `associated_data`; a derived key
//! takes it as `context` as well.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use data_encoding::BASE64;
use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

use super::outbound::{self, Base64, host_of, key_of, read, secret_header};
use super::{KekError, Key, KeyWrap, Place};
use crate::entropy::Entropy;
use crate::http::HttpClient;

/// How Vault is reached.
#[derive(Clone, Debug)]
pub struct TransitSettings {
    /// Its origin.
    pub address: Url,
    /// What proves who we are.
    pub token: VaultToken,
    /// The namespace, of Vault Enterprise.
    pub namespace: Option<String>,
}

/// A token of Vault.
#[derive(Clone, Debug)]
pub enum VaultToken {
    /// The token itself.
    Given(SecretString),
    /// A file that holds it, read whenever Vault is asked: an agent beside the service renews it.
    File(PathBuf),
}

impl VaultToken {
    fn read(&self) -> Result<Zeroizing<String>, KekError> {
        match self {
            Self::Given(token) => Ok(Zeroizing::new(token.expose_secret().to_owned())),
            Self::File(path) => {
                let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|reason| {
                    let path = path.display();
                    KekError::Credentials(format!(
                        "Vault's token cannot be read from {path}: {reason}"
                    ))
                })?;
                Ok(Zeroizing::new(text.trim().to_owned()))
            }
        }
    }
}

/// A key of a transit engine.
pub(super) struct TransitKey {
    pub(super) settings: TransitSettings,
    pub(super) http: Arc<dyn HttpClient>,
    pub(super) mount: String,
    pub(super) key: String,
    pub(super) is_derived: bool,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Encrypted {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Decrypted {
    plaintext: Base64,
}

impl TransitKey {
    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        verb: &str,
        mut body: Value,
        place: &Place<'_>,
    ) -> Result<T, KekError> {
        let bound_to = BASE64.encode(&place.bytes());
        body["associated_data"] = bound_to.clone().into();
        if self.is_derived {
            body["context"] = bound_to.into();
        }
        let mut url = self.settings.address.clone();
        url.set_path(&format!("/v1/{}/{verb}/{}", self.mount, self.key));
        let host = host_of(&url);
        let body = outbound::written(body);
        let request = outbound::post(url, self.headers()?, "application/json", body);
        let response = outbound::send(&*self.http, request, words).await?;
        Ok(read::<Answer<T>>(&host, &response)?.data)
    }

    fn headers(&self) -> Result<HeaderMap, KekError> {
        let mut headers = HeaderMap::new();
        headers.insert("x-vault-request", HeaderValue::from_static("true"));
        headers.insert("x-vault-token", secret_header(&self.settings.token.read()?)?);
        if let Some(namespace) = &self.settings.namespace {
            headers.insert("x-vault-namespace", secret_header(namespace)?);
        }
        Ok(headers)
    }
}

/// `{"errors":["…"]}`
fn words(body: &Value) -> Option<String> {
    let errors = body["errors"].as_array()?.iter().filter_map(Value::as_str);
    Some(errors.collect::<Vec<_>>().join("; "))
}

/// The same status is that of a key that is not there, and of a version that is too old (`min_decryption_version`) or
/// that a restored Vault does not know: somebody can mend that.
fn does_not_unwrap(error: &KekError) -> bool {
    let KekError::Refused { status: 400, words, .. } = error else { return false };
    let is_of_text = words.contains("invalid ciphertext") && !words.contains("version is too new");
    is_of_text || words.contains("message authentication failed")
}

#[async_trait]
impl KeyWrap for TransitKey {
    async fn wrap(
        &self,
        data_key: &Key,
        place: &Place<'_>,
        _: &dyn Entropy,
    ) -> Result<Vec<u8>, KekError> {
        let plaintext = Zeroizing::new(BASE64.encode(data_key.as_slice()));
        let body = json!({ "plaintext": plaintext.as_str() });
        let encrypted: Encrypted = self.ask("encrypt", body, place).await?;
        Ok(encrypted.ciphertext.into_bytes())
    }

    async fn unwrap(&self, wrapped: &[u8], place: &Place<'_>) -> Result<Key, KekError> {
        let ciphertext = std::str::from_utf8(wrapped).map_err(|_| KekError::DoesNotUnwrap)?;
        let body = json!({ "ciphertext": ciphertext });
        match self.ask::<Decrypted>("decrypt", body, place).await {
            Ok(decrypted) => key_of(&decrypted.plaintext.0),
            Err(error) if does_not_unwrap(&error) => Err(KekError::DoesNotUnwrap),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vc_14_only_a_ciphertext_that_does_not_decrypt_is_a_damaged_row() {
        for (status, said, is_damage) in [
            (400, "cipher: message authentication failed", true),
            (400, "invalid ciphertext: no prefix", true),
            (400, "invalid ciphertext: version is too new", false),
            (400, "ciphertext or signature version is disallowed by policy (too old)", false),
            (400, "encryption key not found", false),
            (403, "permission denied", false),
        ] {
            let words = words(&json!({ "errors": [said] })).unwrap();
            let error = KekError::Refused { host: "vault.example".to_owned(), status, words };
            assert_eq!(does_not_unwrap(&error), is_damage, "{error}");
        }
    }
}
