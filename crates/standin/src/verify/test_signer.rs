//! Signs tokens for tests, on aws-lc-rs directly: real RSA and P-256 keys, made once per process.
//!
//! Header and claims are text, so that a test can sign what no JOSE library would.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::secret::IdToken;

static RSA: LazyLock<RsaKeyPair> = LazyLock::new(rsa_key);
static OTHER_RSA: LazyLock<RsaKeyPair> = LazyLock::new(rsa_key);
static P256: LazyLock<EcdsaKeyPair> = LazyLock::new(p256_key);
static OTHER_P256: LazyLock<EcdsaKeyPair> = LazyLock::new(p256_key);

fn rsa_key() -> RsaKeyPair {
    RsaKeyPair::generate(KeySize::Rsa2048).unwrap()
}

fn p256_key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}

/// A key pair under a name.
#[derive(Clone, Copy)]
pub(crate) struct Signer {
    kid: &'static str,
    key: Key,
}

#[derive(Clone, Copy)]
enum Key {
    Rsa(&'static RsaKeyPair),
    P256(&'static EcdsaKeyPair),
}

impl Signer {
    pub(crate) fn rsa(kid: &'static str) -> Self {
        let key = Key::Rsa(&RSA);
        Self { kid, key }
    }

    pub(crate) fn other_rsa(kid: &'static str) -> Self {
        let key = Key::Rsa(&OTHER_RSA);
        Self { kid, key }
    }

    pub(crate) fn p256(kid: &'static str) -> Self {
        let key = Key::P256(&P256);
        Self { kid, key }
    }

    pub(crate) fn other_p256(kid: &'static str) -> Self {
        let key = Key::P256(&OTHER_P256);
        Self { kid, key }
    }

    /// The public key as a provider publishes it.
    pub(crate) fn jwk(&self) -> Value {
        match self.key {
            Key::Rsa(key) => json!({
                "kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.kid,
                "n": encode(modulus(key)), "e": "AQAB",
            }),
            Key::P256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({
                    "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid,
                    "x": encode(x), "y": encode(y),
                })
            }
        }
    }

    /// A token with the header that this key should have.
    pub(crate) fn sign(&self, claims: &str) -> IdToken {
        let alg = match self.key {
            Key::Rsa(_) => "RS256",
            Key::P256(_) => "ES256",
        };
        let header = json!({ "alg": alg, "kid": self.kid, "typ": "JWT" });
        self.sign_with_header(&header.to_string(), claims)
    }

    /// A token with any header, rightly signed.
    pub(crate) fn sign_with_header(&self, header: &str, claims: &str) -> IdToken {
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
        let signature = encode(&self.signature(signed.as_bytes()));
        IdToken::new(format!("{signed}.{signature}"))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the signature of a test needs no chance that can be repeated"
    )]
    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self.key {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Key::P256(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
        }
    }
}

/// The key set that publishes these keys.
pub(crate) fn jwks(signers: &[Signer]) -> Vec<u8> {
    let keys: Vec<Value> = signers.iter().map(Signer::jwk).collect();
    json!({ "keys": keys }).to_string().into_bytes()
}

/// Base64url as JOSE writes it.
pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// The modulus inside the `RSAPublicKey` of a 2048-bit key: after two headers of four bytes and a zero.
fn modulus(key: &'static RsaKeyPair) -> &'static [u8] {
    let der = key.public_key().as_ref();
    assert_eq!(der[..9], [0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00]);
    assert_eq!(der[265..], [0x02, 0x03, 0x01, 0x00, 0x01]);
    &der[9..265]
}
