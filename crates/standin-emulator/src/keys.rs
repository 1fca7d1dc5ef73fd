//! Signing keys: RSA keys are made once per process, each instance gives them kids of its own.
//!
//! Generating one takes most of a start, and a key that several emulators share harms nobody: it is
//! never written anywhere. Two keys are published, as Google does; of the older one a fresh instance
//! has only a public half, for it never signs. A rotation brings in the pool's next key, and three
//! of them are enough that what is dropped really stops verifying.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::chance;

/// One instance's published keys; the last one signs.
#[derive(Debug)]
pub(crate) struct Keys {
    published: [Signer; 2],
    next: usize,
}

/// A published key: its kid here, and where its numbers come from.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) kid: String,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    /// A key of the process's pool.
    Pool(usize),
    /// A modulus whose private half nobody holds: a key that was retired before the start.
    Retired(String),
}

impl Keys {
    pub(crate) fn new() -> Self {
        let retired = Signer { kid: chance::key_id(), source: Source::Retired(chance::modulus()) };
        Self { published: [retired, Signer::pooled(0)], next: 1 }
    }

    /// Drops the older key and signs with a new one from now on.
    pub(crate) fn rotate(&mut self) {
        let [_, kept] = self.published.clone();
        self.published = [kept, Signer::pooled(self.next)];
        self.next = (self.next + 1) % POOL;
    }

    /// The key that signs, detached so that signing happens without the state's lock.
    pub(crate) fn signer(&self) -> Signer {
        self.published[1].clone()
    }

    pub(crate) fn published(&self) -> [Signer; 2] {
        self.published.clone()
    }
}

impl Signer {
    fn pooled(index: usize) -> Self {
        Self { kid: chance::key_id(), source: Source::Pool(index) }
    }

    /// RS256 over `header.payload`; returns the encoded signature.
    pub(crate) fn sign(&self, message: &str) -> String {
        let Source::Pool(index) = self.source else {
            return String::new();
        };
        let secret = &pooled(index).secret;
        jsonwebtoken::crypto::sign(message.as_bytes(), secret, Algorithm::RS256).unwrap_or_default()
    }

    /// The published half, as a JWK.
    pub(crate) fn jwk(&self) -> Value {
        let (n, e) = match &self.source {
            Source::Pool(index) => (pooled(*index).n.as_str(), pooled(*index).e.as_str()),
            Source::Retired(modulus) => (modulus.as_str(), "AQAB"),
        };
        json!({"kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.kid, "e": e, "n": n})
    }
}

/// Makes the first signing key of the process ahead of the request that needs it.
pub(crate) fn warm_up() {
    pooled(0);
}

struct Material {
    secret: EncodingKey,
    n: String,
    e: String,
}

const POOL: usize = 3;
static KEYS: [OnceLock<Material>; POOL] = [const { OnceLock::new() }; POOL];

fn pooled(index: usize) -> &'static Material {
    KEYS[index].get_or_init(generate)
}

#[expect(
    clippy::expect_used,
    reason = "a machine that cannot make an RSA key cannot run an emulator"
)]
fn generate() -> Material {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("an RSA key can be generated");
    let der: Pkcs8V1Der<'_> = pair.as_der().expect("a fresh key can be encoded");
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        BASE64.encode(der.as_ref())
    );
    let secret = EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a fresh key can be read back");
    let jwk = Jwk::from_encoding_key(&secret, Algorithm::RS256).expect("an RSA key has a JWK");
    let AlgorithmParameters::RSA(public) = jwk.algorithm else {
        return Material { secret, n: String::new(), e: String::new() };
    };
    Material { secret, n: public.n, e: public.e }
}

/// Base64url of a JSON part of a JWS.
pub(crate) fn encode_part(json: &str) -> String {
    BASE64URL_NOPAD.encode(json.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_changes_the_signing_key_and_drops_the_oldest() {
        let mut keys = Keys::new();
        let before = keys.published();
        keys.rotate();
        let after = keys.published();
        assert_eq!(before[1].kid, after[0].kid);
        assert_ne!(before[1].kid, keys.signer().kid);
        assert_ne!(before[1].jwk()["n"], after[1].jwk()["n"]);
    }
}
