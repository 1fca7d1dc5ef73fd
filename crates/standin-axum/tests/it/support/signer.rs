//! A provider with one key more: what a test signs with it, the provider might have signed.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use standin::http::{HttpClient, HttpError, Request, ReqwestClient, Response};

use super::http_client;

static KEY: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());
static OTHER_KEY: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());

/// The name of the key that the provider publishes.
pub const KID: &str = "the-tests-own";

/// Standin's HTTP client, through which the provider's key set has our key in it.
#[derive(Clone)]
pub struct WithOurKey(Arc<ReqwestClient>);

impl WithOurKey {
    pub fn new() -> Self {
        Self(Arc::new(http_client()))
    }
}

#[async_trait]
impl HttpClient for WithOurKey {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let is_key_set = request.url.path().ends_with("/certs");
        let mut response = self.0.send(request).await?;
        if is_key_set {
            let mut keys: Value = serde_json::from_slice(&response.body).unwrap();
            keys["keys"].as_array_mut().unwrap().push(jwk());
            response.body = keys.to_string().into();
        }
        Ok(response)
    }
}

pub(super) fn jwk() -> Value {
    let (x, y) = KEY.public_key().as_ref()[1..].split_at(32);
    let (x, y) = (BASE64URL_NOPAD.encode(x), BASE64URL_NOPAD.encode(y));
    json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": KID, "x": x, "y": y })
}

/// A token that the provider signed.
pub fn signed(header: &Value, claims: &Value) -> String {
    sign(&KEY, header, claims)
}

/// A token that somebody else signed.
pub fn forged(header: &Value, claims: &Value) -> String {
    sign(&OTHER_KEY, header, claims)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the signature of a test needs no chance that can be repeated"
)]
fn sign(key: &EcdsaKeyPair, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    format!("{message}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
}

/// `value` with the members of `change` in it; `null` removes.
pub fn changed(mut value: Value, change: &Value) -> Value {
    let members = value.as_object_mut().unwrap();
    for (name, changed) in change.as_object().unwrap() {
        match changed {
            Value::Null => drop(members.remove(name)),
            changed => drop(members.insert(name.clone(), changed.clone())),
        }
    }
    value
}
