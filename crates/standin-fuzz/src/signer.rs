//! A provider's key: signs any header and any claims, which stand in one line each.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;
use standin::verify::KeySet;

static SIGNER: LazyLock<(EcdsaKeyPair, KeySet)> = LazyLock::new(signer);

/// The header and, after the first line break, the claims.
pub(crate) fn lines(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let newline = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((&bytes[..newline], &bytes[newline + 1..]))
}

/// As the provider publishes its key, under the name `k`.
pub(crate) fn keys() -> &'static KeySet {
    &SIGNER.1
}

#[expect(clippy::disallowed_methods, reason = "no verdict depends on the signature's randomness")]
pub(crate) fn sign(header: &[u8], claims: &[u8]) -> String {
    let encode = |part: &[u8]| BASE64URL_NOPAD.encode(part);
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = SIGNER.0.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
    format!("{signed}.{}", encode(signature.as_ref()))
}

fn signer() -> (EcdsaKeyPair, KeySet) {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let (x, y) = key.public_key().as_ref()[1..].split_at(32);
    let encode = |part: &[u8]| BASE64URL_NOPAD.encode(part);
    let jwk = json!({ "kty": "EC", "crv": "P-256", "kid": "k", "x": encode(x), "y": encode(y) });
    let keys = KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes());
    (key, keys.expect("a key set"))
}
