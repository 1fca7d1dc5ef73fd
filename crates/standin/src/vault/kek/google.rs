//! Google Cloud KMS: `POST /v1/{key}:encrypt` and `:decrypt`.
//!
//! The row is bound as `additionalAuthenticatedData`. Every field goes with its CRC32C, and is checked by whoever
//! gets it: a bit that flips on the way, before a key is wrapped, would make everything sealed with it worthless.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use data_encoding::BASE64;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

use super::crc32c::crc32c;
use super::google_credentials::GoogleCredentials;
use super::kept::Kept;
use super::outbound::{self, Base64, host_of, key_of, read, secret_header};
use super::{KekError, Key, KeyWrap, Place};
use crate::entropy::Entropy;
use crate::http::HttpClient;
use crate::time::Clock;

/// How Google Cloud KMS is reached.
#[derive(Clone, Debug, Default)]
pub struct GoogleSettings {
    /// Another address than `https://cloudkms.googleapis.com`, such as that of a private endpoint.
    pub endpoint: Option<Url>,
    /// The key file of a service account; without it, the machine's own account.
    pub credentials_file: Option<PathBuf>,
}

/// A key of Google Cloud KMS.
pub(super) struct GoogleKey {
    pub(super) settings: GoogleSettings,
    pub(super) credentials: GoogleCredentials,
    pub(super) http: Arc<dyn HttpClient>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) kept: Arc<Kept<Zeroizing<String>>>,
    pub(super) name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Encrypted {
    name: String,
    ciphertext: Base64,
    ciphertext_crc32c: Checksum,
    #[serde(default)]
    verified_plaintext_crc32c: bool,
    #[serde(default)]
    verified_additional_authenticated_data_crc32c: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Decrypted {
    plaintext: Base64,
    plaintext_crc32c: Checksum,
}

/// A 64-bit number, which this API's JSON writes as text.
struct Checksum(u32);

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| serde::de::Error::custom("no check sum"))
    }
}

impl GoogleKey {
    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        verb: &str,
        mut body: Value,
        place: &Place<'_>,
    ) -> Result<(String, T), KekError> {
        let bound_to = place.bytes();
        body["additionalAuthenticatedData"] = BASE64.encode(&bound_to).into();
        body["additionalAuthenticatedDataCrc32c"] = crc32c(&bound_to).to_string().into();
        let url = self.url(verb)?;
        let host = host_of(&url);
        let ask = self.credentials.token(&*self.http, &*self.clock);
        let token = self.kept.get(&*self.clock, ask).await?;
        let bearer = Zeroizing::new(format!("Bearer {}", token.as_str()));
        let headers = HeaderMap::from_iter([(AUTHORIZATION, secret_header(&bearer)?)]);
        let request = outbound::post(url, headers, "application/json", outbound::written(body));
        let response = outbound::send(&*self.http, request, words).await?;
        let answer = read(&host, &response)?;
        Ok((host, answer))
    }

    fn url(&self, verb: &str) -> Result<Url, KekError> {
        let endpoint = self.settings.endpoint.as_ref().map(Url::as_str);
        let origin = endpoint.unwrap_or("https://cloudkms.googleapis.com").trim_end_matches('/');
        let url = Url::parse(&format!("{origin}/v1/{}:{verb}", self.name));
        url.map_err(|_| KekError::NotConfigured("keys.google.endpoint is no address".to_owned()))
    }
}

/// `{"error":{"status":"…","message":"…"}}`
fn words(body: &Value) -> Option<String> {
    let error = &body["error"];
    let message = error["message"].as_str()?;
    let status = error["status"].as_str();
    Some(status.map_or_else(|| message.to_owned(), |status| format!("{status}: {message}")))
}

/// The same status is that of a version that is disabled, and of a request that was garbled on its way.
fn does_not_unwrap(error: &KekError) -> bool {
    let KekError::Refused { status: 400, words, .. } = error else { return false };
    words.starts_with("INVALID_ARGUMENT: Decryption failed")
}

#[async_trait]
impl KeyWrap for GoogleKey {
    async fn wrap(
        &self,
        data_key: &Key,
        place: &Place<'_>,
        _: &dyn Entropy,
    ) -> Result<Vec<u8>, KekError> {
        let plaintext = Zeroizing::new(BASE64.encode(data_key.as_slice()));
        let body = json!({
            "plaintext": plaintext.as_str(),
            "plaintextCrc32c": crc32c(data_key.as_slice()).to_string(),
        });
        let (host, answer) = self.ask::<Encrypted>("encrypt", body, place).await?;
        let fault = if !answer.verified_plaintext_crc32c
            || !answer.verified_additional_authenticated_data_crc32c
        {
            "it does not say that the check sums of the request were right"
        } else if crc32c(&answer.ciphertext.0) != answer.ciphertext_crc32c.0 {
            "the ciphertext does not fit its check sum"
        } else if !answer.name.starts_with(&format!("{}/", self.name)) {
            "another key has wrapped it"
        } else {
            return Ok(answer.ciphertext.0.to_vec());
        };
        Err(KekError::Answer { host, fault })
    }

    async fn unwrap(&self, wrapped: &[u8], place: &Place<'_>) -> Result<Key, KekError> {
        let body = json!({
            "ciphertext": BASE64.encode(wrapped),
            "ciphertextCrc32c": crc32c(wrapped).to_string(),
        });
        match self.ask::<Decrypted>("decrypt", body, place).await {
            Ok((_, answer)) if crc32c(&answer.plaintext.0) == answer.plaintext_crc32c.0 => {
                key_of(&answer.plaintext.0)
            }
            Ok((host, _)) => {
                Err(KekError::Answer { host, fault: "the key does not fit its check sum" })
            }
            Err(error) if does_not_unwrap(&error) => Err(KekError::DoesNotUnwrap),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is the service's fault, or the operator's, must not be taken for a damaged row.
    #[test]
    fn vc_14_only_a_ciphertext_that_does_not_decrypt_is_a_damaged_row() {
        for (status, kind, message, is_damage) in [
            (400, "INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid.", true),
            (
                400,
                "INVALID_ARGUMENT",
                "Decryption failed: verify that 'name' refers to the correct CryptoKey.",
                true,
            ),
            (
                400,
                "INVALID_ARGUMENT",
                "The checksum in field ciphertext_crc32c did not match the data in field ciphertext.",
                false,
            ),
            (400, "FAILED_PRECONDITION", "k/cryptoKeyVersions/1 is not enabled.", false),
            (403, "PERMISSION_DENIED", "Permission denied on k.", false),
        ] {
            let said = json!({ "error": { "code": status, "status": kind, "message": message } });
            let words = words(&said).unwrap();
            let error = KekError::Refused { host: "kms.example".to_owned(), status, words };
            assert_eq!(does_not_unwrap(&error), is_damage, "{error}");
            assert!(error.to_string().contains(kind), "{error}");
        }
    }
}
