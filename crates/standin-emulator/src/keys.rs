//! Signing keys: three RSA keys are made once per process; each instance gives them its own kids.
//!
//! Generating RSA keys takes most of a start, and a key that several emulators share harms nobody:
//! it is never written anywhere. An instance publishes two of the three; a rotation brings in the
//! third, so what is dropped really stops verifying.

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
    published: [Published; 2],
    next: usize,
}

#[derive(Clone, Debug)]
struct Published {
    kid: String,
    material: usize,
}

impl Keys {
    pub(crate) fn new() -> Self {
        let publish = |material| Published {
            kid: chance::key_id(),
            material,
        };
        Self {
            published: [publish(0), publish(1)],
            next: 2,
        }
    }

    /// Drops the older key and signs with a new one from now on.
    pub(crate) fn rotate(&mut self) {
        let [_, kept] = self.published.clone();
        let fresh = Published {
            kid: chance::key_id(),
            material: self.next,
        };
        self.published = [kept, fresh];
        self.next = (self.next + 1) % POOL;
    }

    /// What a signature needs, detached so that signing happens without the state's lock.
    pub(crate) fn signer(&self) -> Signer {
        let Published { kid, material } = self.published[1].clone();
        Signer { kid, material }
    }

    /// The published keys without their numbers: [`jwks`] adds those outside the lock.
    pub(crate) fn published(&self) -> Vec<Signer> {
        self.published
            .iter()
            .map(|key| Signer {
                kid: key.kid.clone(),
                material: key.material,
            })
            .collect()
    }
}

/// A key of the pool under an instance's kid.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) kid: String,
    material: usize,
}

impl Signer {
    /// RS256 over `header.payload`; returns the encoded signature.
    pub(crate) fn sign(&self, message: &str) -> String {
        jsonwebtoken::crypto::sign(
            message.as_bytes(),
            &pooled(self.material).secret,
            Algorithm::RS256,
        )
        .unwrap_or_default()
    }

    /// The published half, as a JWK.
    pub(crate) fn jwk(&self) -> Value {
        let key = pooled(self.material);
        json!({"kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.kid, "e": key.e, "n": key.n})
    }
}

/// Makes the keys of the process ahead of the first request that needs them.
pub(crate) fn warm_up() {
    pooled(1);
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
        return Material {
            secret,
            n: String::new(),
            e: String::new(),
        };
    };
    Material {
        secret,
        n: public.n,
        e: public.e,
    }
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
        assert_ne!(before[0].jwk()["n"], after[1].jwk()["n"]);
    }
}
