//! What stands behind a signature: claims that are believed are about us, of now, and answer our nonce (requirements
//! ID-5, ID-6, ID-7, ID-8). The input is any header and any claims, one line each, which are rightly signed.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;
use standin::receipt::Receipt;
use standin::secret::IdToken;
use standin::verify::{KeySet, UnverifiedIdToken, verify_id_token};

use crate::reference;

static SIGNER: LazyLock<(EcdsaKeyPair, KeySet)> = LazyLock::new(signer);

pub(crate) fn run(bytes: &[u8]) -> bool {
    let Some(newline) = bytes.iter().position(|byte| *byte == b'\n') else {
        return false;
    };
    let (header, claims) = (&bytes[..newline], &bytes[newline + 1..]);
    let token = sign(header, claims);
    let verified = reference::with_expected(|expected| {
        verify_id_token(
            &UnverifiedIdToken::parse(&token)?,
            &SIGNER.1,
            expected,
            &mut Receipt::unkept(),
        )
    });
    if let Ok(verified) = &verified {
        reference::check_believed(header, claims, verified);
    }
    verified.is_ok()
}

#[expect(clippy::disallowed_methods, reason = "no verdict depends on the signature's randomness")]
fn sign(header: &[u8], claims: &[u8]) -> IdToken {
    let encode = |part: &[u8]| BASE64URL_NOPAD.encode(part);
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = SIGNER.0.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
    IdToken::new(format!("{signed}.{}", encode(signature.as_ref())))
}

fn signer() -> (EcdsaKeyPair, KeySet) {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let (x, y) = key.public_key().as_ref()[1..].split_at(32);
    let encode = |part: &[u8]| BASE64URL_NOPAD.encode(part);
    let jwk = json!({ "kty": "EC", "crv": "P-256", "kid": "k", "x": encode(x), "y": encode(y) });
    let keys = KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes());
    (key, keys.expect("a key set"))
}
