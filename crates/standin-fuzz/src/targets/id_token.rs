//! An ID token as a provider's answer brings it: if it is believed, one of the published keys signed these
//! very bytes, and they say what we expect (requirements ID-1, ID-4).

use std::sync::LazyLock;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use data_encoding::BASE64URL_NOPAD;
use standin::receipt::Receipt;
use standin::secret::IdToken;
use standin::verify::{KeySet, UnverifiedIdToken, verify_id_token};

use crate::reference;

// The public halves of two keys that signed the seeds and were then thrown away: once as a provider publishes
// them, and once as the check here takes them.
const PUBLISHED: &[u8] = include_bytes!("../../fixtures/jwks.json");
const RSA: &[u8] = include_bytes!("../../fixtures/rsa.der");
const P256: &[u8] = include_bytes!("../../fixtures/p256.point");

static KEYS: LazyLock<KeySet> = LazyLock::new(|| KeySet::parse(PUBLISHED).expect("a key set"));

pub(crate) fn run(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let token = IdToken::new(text);
    let verified = reference::with_expected(|expected| {
        verify_id_token(&UnverifiedIdToken::parse(&token)?, &KEYS, expected, &mut Receipt::unkept())
    });
    if let Ok(verified) = &verified {
        let (signed, signature) = text.rsplit_once('.').expect("a signature");
        assert!(is_signed(signed.as_bytes(), &decode(signature)), "nobody signed this");
        let (header, claims) = signed.split_once('.').expect("claims");
        reference::check_believed(&decode(header), &decode(claims), verified);
    }
    verified.is_ok()
}

fn is_signed(signed: &[u8], signature: &[u8]) -> bool {
    let by_rsa = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, RSA);
    let by_p256 = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, P256);
    by_rsa.verify(signed, signature).is_ok() || by_p256.verify(signed, signature).is_ok()
}

fn decode(part: &str) -> Vec<u8> {
    BASE64URL_NOPAD.decode(part.as_bytes()).expect("base64url")
}
