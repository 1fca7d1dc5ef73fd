//! A provider's public keys (RFC 7517), parsed once so that a verification costs one signature check.
//!
//! A JWKS document goes in; each key either becomes a parsed public key of one algorithm or is dropped, with
//! a word in the log when it is dangerous rather than merely not for us. One odd key does not take the
//! others with it.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::jws::Algorithm;
use super::roca;
use crate::json;

/// No provider publishes more keys at a time.
pub const MAX_KEYS: usize = 64;

/// The keys of one provider that can verify an ID token; possibly none.
#[derive(Debug)]
pub struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a JWKS document.
    pub fn parse(text: &[u8]) -> Result<Self, KeySetFault> {
        let document: Document<'_> = json::object(text).ok_or(KeySetFault::Malformed)?;
        if document.keys.len() > MAX_KEYS {
            return Err(KeySetFault::TooManyKeys);
        }
        let keys = document.keys.iter().filter_map(|jwk| usable(jwk.get()));
        Ok(Self(keys.collect()))
    }

    /// Whether some key has this name.
    #[must_use]
    pub fn has_kid(&self, kid: &str) -> bool {
        self.named(Some(kid)).next().is_some()
    }

    /// How many keys can be used.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no key can be used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys of this name, all of them if two share it; without a name, every key.
    pub(super) fn named(&self, kid: Option<&str>) -> impl Iterator<Item = &Key> {
        self.0.iter().filter(move |key| kid.is_none() || key.kid.as_deref() == kid)
    }
}

/// Why a whole key set was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetFault {
    /// Not a JSON object with an array `keys` of objects.
    #[error("the key set is malformed")]
    Malformed,
    /// More than [`MAX_KEYS`].
    #[error("the key set holds more than {MAX_KEYS} keys")]
    TooManyKeys,
}

/// One public key and the one algorithm it may be used with.
pub(super) struct Key {
    kid: Option<String>,
    issuer: Option<String>,
    algorithm: Algorithm,
    public: ParsedPublicKey,
}

impl Key {
    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whose tokens alone it signs, where its publisher says so. Microsoft does.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    pub(super) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        self.public.verify_sig(signed, signature).is_ok()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.algorithm, self.kid)
    }
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// A key as it is published. A repeated member makes serde refuse the key.
#[derive(Deserialize)]
struct Jwk {
    alg: Option<String>,
    crv: Option<String>,
    e: Option<String>,
    issuer: Option<String>,
    key_ops: Option<Vec<String>>,
    kid: Option<String>,
    kty: String,
    n: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    x: Option<String>,
    y: Option<String>,
    // The private parts of RFC 7518 §6.2.2, §6.3.2 and §6.4.
    d: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
}

fn usable(text: &str) -> Option<Key> {
    let jwk: Jwk = json::object(text.as_bytes())?;
    if jwk.is_secret() {
        // Whoever reads this document can sign with the key: it proves nothing any more.
        tracing::warn!(kid = jwk.kid, "a provider publishes a secret key; it is not used");
        return None;
    }
    if !jwk.is_for_verifying() {
        return None;
    }
    let (algorithm, public) = match jwk.kty.as_str() {
        "RSA" => (Algorithm::Rs256, jwk.rsa()?),
        "EC" => (Algorithm::Es256, jwk.p256()?),
        _ => return None,
    };
    // A key that says what it is for is used for nothing else.
    let fits = |name: &String| Algorithm::named(name) == Some(algorithm);
    jwk.alg.as_ref().is_none_or(fits).then_some(Key {
        kid: jwk.kid,
        issuer: jwk.issuer,
        algorithm,
        public,
    })
}

impl Jwk {
    fn is_secret(&self) -> bool {
        let private = [&self.d, &self.dp, &self.dq, &self.k, &self.oth, &self.p, &self.q, &self.qi];
        self.kty == "oct" || private.into_iter().any(Option::is_some)
    }

    fn is_for_verifying(&self) -> bool {
        let operation = |operations: &Vec<String>| operations.iter().any(|op| op == "verify");
        self.purpose.as_ref().is_none_or(|purpose| purpose == "sig")
            && self.key_ops.as_ref().is_none_or(operation)
    }

    /// RSA of 2048 to 8192 bits with an exponent that is odd and at least 65537 (requirement ID-18).
    fn rsa(&self) -> Option<ParsedPublicKey> {
        let n = decode(self.n.as_ref()?)?;
        let e = decode(self.e.as_ref()?)?;
        if !modulus_is_sound(&n) || !exponent_is_sound(&e) {
            return None;
        }
        RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()
    }

    /// A point on P-256, both coordinates at full length (RFC 7518 §6.2.1.2). That it lies on the curve is
    /// checked by the parser.
    fn p256(&self) -> Option<ParsedPublicKey> {
        if self.crv.as_deref() != Some("P-256") {
            return None;
        }
        let x: [u8; 32] = decode(self.x.as_ref()?)?.try_into().ok()?;
        let y: [u8; 32] = decode(self.y.as_ref()?)?.try_into().ok()?;
        let point = [&[0x04][..], &x, &y].concat();
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()
    }
}

fn modulus_is_sound(n: &[u8]) -> bool {
    let bits = match n.first() {
        None | Some(0) => return false,
        Some(first) => n.len() * 8 - first.leading_zeros() as usize,
    };
    let odd = n.last().is_some_and(|last| last & 1 == 1);
    (2048..=8192).contains(&bits) && odd && !roca::is_weak(n)
}

fn exponent_is_sound(e: &[u8]) -> bool {
    // Four bytes are more than anybody uses; larger exponents only make verification slow.
    if e.len() > 4 || e.first() == Some(&0) {
        return false;
    }
    let value = e.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
    value >= 65537 && value & 1 == 1
}

fn decode(text: &String) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests;
