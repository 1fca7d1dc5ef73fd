//! AWS KMS: `Encrypt` and `Decrypt`, signed with [`sigv4`](super::sigv4).
//!
//! The row is bound as `EncryptionContext`, which AWS writes into its own log (CloudTrail) with every call. A key is
//! named by its ARN, which says the region; `Decrypt` names it as well, so that a ciphertext of another key is
//! refused.

use std::sync::Arc;

use async_trait::async_trait;
use data_encoding::BASE64;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;
use zeroize::Zeroizing;

use super::aws_credentials::AwsCredentials;
use super::kept::Kept;
use super::outbound::{self, Base64, host_of, key_of, read, secret_header};
use super::sigv4::{self, Credentials, Target};
use super::{KekError, Key, KeyWrap, Place};
use crate::entropy::Entropy;
use crate::http::HttpClient;
use crate::time::Clock;

const CONTENT: &str = "application/x-amz-json-1.1";

/// How AWS KMS is reached.
#[derive(Clone, Debug, Default)]
pub struct AwsSettings {
    /// Another address than that of the key's region, such as that of a VPC endpoint.
    pub endpoint: Option<Url>,
}

/// A key of AWS KMS.
pub(super) struct AwsKey {
    pub(super) settings: AwsSettings,
    pub(super) credentials: AwsCredentials,
    pub(super) http: Arc<dyn HttpClient>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) kept: Arc<Kept<Credentials>>,
    pub(super) region: String,
    pub(super) partition: String,
    pub(super) arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Encrypted {
    ciphertext_blob: Base64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypted {
    plaintext: Base64,
}

impl AwsKey {
    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        action: &str,
        mut body: Value,
        place: &Place<'_>,
    ) -> Result<T, KekError> {
        let context = place.pairs().map(|(name, value)| (name.to_owned(), Value::from(value)));
        body["KeyId"] = self.arn.clone().into();
        body["EncryptionContext"] = context.collect::<Map<_, _>>().into();
        let (url, body) = (self.url()?, outbound::written(body));
        let host = host_of(&url);
        let headers = self.headers(&host, &format!("TrentService.{action}"), &body).await?;
        let request = outbound::post(url, headers, CONTENT, body);
        read(&host, &outbound::send(&*self.http, request, words).await.map_err(throttled)?)
    }

    fn url(&self) -> Result<Url, KekError> {
        if let Some(endpoint) = &self.settings.endpoint {
            return Ok(endpoint.clone());
        }
        let domain = match self.partition.as_str() {
            "aws" | "aws-us-gov" => "amazonaws.com",
            "aws-cn" => "amazonaws.com.cn",
            other => {
                let problem = format!(
                    "where the keys of AWS's partition {other} are is not known here: set keys.aws.endpoint"
                );
                return Err(KekError::NotConfigured(problem));
            }
        };
        let url = format!("https://kms.{}.{domain}/", self.region);
        Url::parse(&url).map_err(|_| KekError::NotConfigured(format!("{url} is no address")))
    }

    async fn headers(&self, host: &str, target: &str, body: &[u8]) -> Result<HeaderMap, KekError> {
        let ask = self.credentials.read(&*self.http, &*self.clock);
        let credentials = self.kept.get(&*self.clock, ask).await?;
        let at = sigv4::instant(self.clock.now());
        let mut signed: Vec<(&'static str, &str)> = vec![
            ("content-type", CONTENT),
            ("host", host),
            ("x-amz-date", at.as_str()),
            ("x-amz-target", target),
        ];
        let session = credentials.session_token.as_ref().map(|token| token.as_str());
        signed.extend(session.map(|token| ("x-amz-security-token", token)));
        let service = Target { region: &self.region, service: "kms" };
        let authorization = sigv4::authorization(&credentials, &service, &at, &signed, body);
        let mut headers = HeaderMap::from_iter([(AUTHORIZATION, secret_header(&authorization)?)]);
        // The client sets `host` itself, to the same.
        for (name, value) in signed.into_iter().filter(|(name, _)| *name != "host") {
            headers.insert(HeaderName::from_static(name), secret_header(value)?);
        }
        Ok(headers)
    }
}

/// `{"__type":"…","message":"…"}`, where the type may have a prefix up to a `#`.
fn words(body: &Value) -> Option<String> {
    let kind = body["__type"].as_str()?.rsplit('#').next()?;
    let message = body["message"].as_str().or_else(|| body["Message"].as_str());
    Some(message.map_or_else(|| kind.to_owned(), |message| format!("{kind}: {message}")))
}

/// Too many requests at once have a status of their own everywhere else; here it is that of a wrong one.
fn throttled(error: KekError) -> KekError {
    const KINDS: [&str; 3] = ["Throttling", "RequestLimitExceeded", "TooManyRequests"];
    match error {
        KekError::Refused { host, status, words }
            if KINDS.iter().any(|kind| words.starts_with(kind)) =>
        {
            KekError::Unavailable { host, status, words }
        }
        error => error,
    }
}

fn is_of_another_key(error: &KekError) -> bool {
    const KINDS: [&str; 2] = ["InvalidCiphertextException", "IncorrectKeyException"];
    let KekError::Refused { words, .. } = error else { return false };
    KINDS.iter().any(|kind| words.starts_with(kind))
}

#[async_trait]
impl KeyWrap for AwsKey {
    async fn wrap(
        &self,
        data_key: &Key,
        place: &Place<'_>,
        _: &dyn Entropy,
    ) -> Result<Vec<u8>, KekError> {
        let plaintext = Zeroizing::new(BASE64.encode(data_key.as_slice()));
        let body = json!({ "Plaintext": plaintext.as_str() });
        let encrypted: Encrypted = self.ask("Encrypt", body, place).await?;
        Ok(encrypted.ciphertext_blob.0.to_vec())
    }

    async fn unwrap(&self, wrapped: &[u8], place: &Place<'_>) -> Result<Key, KekError> {
        let body = json!({ "CiphertextBlob": BASE64.encode(wrapped) });
        match self.ask::<Decrypted>("Decrypt", body, place).await {
            Ok(decrypted) => key_of(&decrypted.plaintext.0),
            Err(error) if is_of_another_key(&error) => Err(KekError::DoesNotUnwrap),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vc_14_too_many_requests_are_for_later_and_a_wrong_one_is_refused() {
        for (kind, is_passing) in [
            ("com.amazonaws.kms#ThrottlingException", true),
            ("ThrottlingException", true),
            ("AccessDeniedException", false),
            ("com.amazonaws.kms#DisabledException", false),
        ] {
            let words = words(&json!({ "__type": kind, "message": "Rate exceeded" })).unwrap();
            let error = KekError::Refused { host: "kms.example".to_owned(), status: 400, words };
            assert_eq!(throttled(error).is_passing(), is_passing, "{kind}");
        }
    }
}
