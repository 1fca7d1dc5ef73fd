//! The stream of security events: telling Google where to send them (developers.google.com/identity/protocols/risc).
//!
//! A service account of the project signs a token for itself and calls the addresses that the provider's
//! `risc-configuration` names. An operator does this once; no running service needs the account.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use bytes::Bytes;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

use super::Signals;
use crate::error::Error;
use crate::http::Request;
use crate::provider::{Endpoint, RiscConfiguration};
use crate::time::Timestamp;
use crate::verify::ProviderId;

/// Every event type that we act on.
pub const EVENT_TYPES: [&str; 6] = [
    "https://schemas.openid.net/secevent/oauth/event-type/token-revoked",
    "https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked",
    "https://schemas.openid.net/secevent/risc/event-type/account-credential-change-required",
    "https://schemas.openid.net/secevent/risc/event-type/account-disabled",
    "https://schemas.openid.net/secevent/risc/event-type/account-enabled",
    "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked",
];

/// With `https`, although the provider's own document says `http`.
const PUSH: &str = "https://schemas.openid.net/secevent/risc/delivery-method/push";
const AUDIENCE: &str =
    "https://risc.googleapis.com/google.identity.risc.v1beta.RiscManagementService";
const LIFETIME_SECONDS: i64 = 3600;
const LARGEST_ANSWER: usize = 64 * 1024;

/// Why a stream could not be managed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The provider's document names no address for it.
    #[error("the provider publishes no address for this")]
    NotOffered,
    /// The provider is out of reach, or is none that sends security events.
    #[error(transparent)]
    Provider(#[from] Error),
    /// The provider says no; its words are for the operator.
    #[error("the provider refuses it with status {status}: {words}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// What it said.
        words: String,
    },
    /// The service account's key does not sign.
    #[error("the key of the service account cannot be used")]
    KeyUnusable,
}

/// The key file of a service account cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not the key file of a service account: JSON with `client_email`, `private_key_id` and an RSA `private_key` in PKCS #8"
)]
pub struct InvalidServiceAccount;

/// A service account that may manage streams (role `roles/riscconfigs.admin`).
pub struct ServiceAccount {
    email: String,
    key_id: String,
    key: RsaKeyPair,
    token_uri: Option<String>,
}

impl std::fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServiceAccount({})", self.email)
    }
}

#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    private_key_id: String,
    private_key: String,
    token_uri: Option<String>,
}

impl ServiceAccount {
    /// Reads the JSON key file as Google gives it out.
    pub fn parse(json: &[u8]) -> Result<Self, InvalidServiceAccount> {
        let file: KeyFile = crate::json::object(json).ok_or(InvalidServiceAccount)?;
        let pem = Zeroizing::new(file.private_key);
        let der = pkcs8(&pem).ok_or(InvalidServiceAccount)?;
        let key = RsaKeyPair::from_pkcs8(&der).map_err(|_| InvalidServiceAccount)?;
        let (email, key_id) = (file.client_email, file.private_key_id);
        Ok(Self { email, key_id, key, token_uri: file.token_uri })
    }

    /// What the account is called.
    pub(crate) fn email(&self) -> &str {
        &self.email
    }

    /// Where its assertions are exchanged for tokens.
    pub(crate) fn token_uri(&self) -> Option<&str> {
        self.token_uri.as_deref()
    }

    /// A token that the account signs for itself, good for an hour and for nothing but streams.
    fn token(&self, now: Timestamp) -> Result<Zeroizing<String>, StreamError> {
        let issued_at = now.unix_seconds();
        self.sign(&json!({
            "iss": self.email, "sub": self.email, "aud": AUDIENCE,
            "iat": issued_at, "exp": issued_at + LIFETIME_SECONDS,
        }))
    }

    /// These claims, signed.
    #[expect(
        clippy::disallowed_methods,
        reason = "this kind of signature draws no random bytes; only its function asks for a source"
    )]
    pub(crate) fn sign(&self, claims: &Value) -> Result<Zeroizing<String>, StreamError> {
        let header = json!({ "alg": "RS256", "kid": self.key_id, "typ": "JWT" });
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let message = format!("{}.{}", part(&header), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .map_err(|_| StreamError::KeyUnusable)?;
        Ok(Zeroizing::new(format!("{message}.{}", BASE64URL_NOPAD.encode(&signature))))
    }
}

/// The bytes between the lines `-----BEGIN PRIVATE KEY-----` and `-----END PRIVATE KEY-----`.
fn pkcs8(pem: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let base64 = Zeroizing::new(body.split_ascii_whitespace().collect::<String>());
    BASE64.decode(base64.as_bytes()).ok().map(Zeroizing::new)
}

impl Signals {
    /// Tells the provider to send these events to `url`. What it answers: the stream as it is now.
    pub async fn register(
        &self,
        provider: &ProviderId,
        account: &ServiceAccount,
        url: &Url,
        events: &[&str],
    ) -> Result<Value, StreamError> {
        let delivery = json!({ "delivery_method": PUSH, "url": url.as_str() });
        let body = json!({ "delivery": delivery, "events_requested": events });
        let endpoint = |risc: &RiscConfiguration| risc.update_endpoint.clone();
        self.call(provider, account, endpoint, Some(&body)).await
    }

    /// Asks for a verification event with this `state`, which comes as any other event does.
    pub async fn request_verification(
        &self,
        provider: &ProviderId,
        account: &ServiceAccount,
        state: &str,
    ) -> Result<Value, StreamError> {
        let body = json!({ "state": state });
        let endpoint = |risc: &RiscConfiguration| risc.verification_endpoint.clone();
        self.call(provider, account, endpoint, Some(&body)).await
    }

    /// Whether the stream is enabled.
    pub async fn stream_status(
        &self,
        provider: &ProviderId,
        account: &ServiceAccount,
    ) -> Result<Value, StreamError> {
        self.call(provider, account, |risc| risc.status_endpoint.clone(), None).await
    }

    async fn call(
        &self,
        provider: &ProviderId,
        account: &ServiceAccount,
        endpoint: impl Fn(&RiscConfiguration) -> Option<Endpoint>,
        body: Option<&Value>,
    ) -> Result<Value, StreamError> {
        let risc = self.core.provider(provider)?.risc(&self.core).await?;
        let endpoint = endpoint(&risc).ok_or(StreamError::NotOffered)?;
        let token = account.token(self.core.now())?;
        let sent = self.core.http.send(request(&endpoint, &token, body)?).await;
        let response = sent.map_err(|error| Error::of_http(provider, error))?;
        let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        if response.status.is_success() {
            return Ok(answer);
        }
        let words = answer["error"]["message"].as_str().unwrap_or("(no words)").to_owned();
        Err(StreamError::Refused { status: response.status, words })
    }
}

fn request(endpoint: &Endpoint, token: &str, body: Option<&Value>) -> Result<Request, StreamError> {
    let bearer = Zeroizing::new(format!("Bearer {token}"));
    let mut bearer =
        HeaderValue::try_from(bearer.as_str()).map_err(|_| StreamError::KeyUnusable)?;
    bearer.set_sensitive(true);
    let json = HeaderValue::from_static("application/json");
    Ok(Request {
        method: if body.is_some() { Method::POST } else { Method::GET },
        url: endpoint.url().clone(),
        headers: HeaderMap::from_iter([
            (AUTHORIZATION, bearer),
            (ACCEPT, json.clone()),
            (CONTENT_TYPE, json),
        ]),
        body: body.map(|body| Bytes::from(body.to_string())).unwrap_or_default(),
        max_response_bytes: LARGEST_ANSWER,
    })
}
