//! RSA keys: those that sign ID tokens, and those of service accounts.
//!
//! A key is parsed once and kept ready: a signature is then the only thing that a token costs.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey,
};
use data_encoding::{BASE64, BASE64URL_NOPAD};

use crate::chance;
use crate::x509::Subject;

/// The public exponent of every key, as JWKs write it: 65537.
pub(crate) const EXPONENT: &str = "AQAB";

/// What stands around the 256 bytes of a modulus in an `RSAPublicKey` (RFC 8017, A.1.1).
const DER_HEAD: [u8; 9] = [0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00];
const DER_TAIL: [u8; 5] = [0x02, 0x03, 0x01, 0x00, 0x01];

/// A key pair of 2048 bits.
pub(crate) struct RsaKey(KeyPair);

impl RsaKey {
    /// Takes a tenth of a second or so.
    #[expect(
        clippy::expect_used,
        reason = "a machine that cannot make an RSA key cannot run an emulator"
    )]
    pub(crate) fn generate() -> Self {
        Self(KeyPair::generate(KeySize::Rsa2048).expect("an RSA key can be generated"))
    }

    /// RS256's signature: PKCS #1 v1.5 with SHA-256.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        let signed = self.0.sign(&RSA_PKCS1_SHA256, &chance::source(), message, &mut signature);
        signed.map(|()| signature).unwrap_or_default()
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.public_der());
        key.verify(message, signature).is_ok()
    }

    /// The public half as an `RSAPublicKey`.
    pub(crate) fn public_der(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// The modulus, as JWKs write it.
    pub(crate) fn modulus(&self) -> String {
        let der = self.public_der();
        BASE64URL_NOPAD.encode(der.get(DER_HEAD.len()..der.len() - DER_TAIL.len()).unwrap_or(&[]))
    }

    /// The private half as PKCS #8 in PEM.
    #[expect(clippy::expect_used, reason = "a key that was generated can be encoded")]
    pub(crate) fn private_pem(&self) -> String {
        let der: Pkcs8V1Der<'_> = self.0.as_der().expect("a fresh key can be encoded");
        pem("PRIVATE KEY", der.as_ref())
    }

    /// The public half in a certificate that the key signs itself.
    pub(crate) fn certificate(&self, common_name: &str, now: i64) -> Option<String> {
        Subject { common_name, public_der: self.public_der(), signed_by: self }.certificate(now)
    }
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaKey").field("modulus", &self.modulus()).finish()
    }
}

/// The `RSAPublicKey` of a modulus of 2048 bits.
pub(crate) fn public_der(modulus: &[u8]) -> Vec<u8> {
    [&DER_HEAD, modulus, &DER_TAIL].concat()
}

/// DER between its two lines, 64 characters to a line.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let (mut lines, mut rest) = (String::new(), text.as_str());
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        lines.push_str(line);
        lines.push('\n');
        rest = after;
    }
    format!("-----BEGIN {label}-----\n{lines}-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_its_modulus_between_fixed_bytes() {
        let key = RsaKey::generate();
        let modulus = BASE64URL_NOPAD.decode(key.modulus().as_bytes()).unwrap();
        assert_eq!(modulus.len(), 256);
        assert_eq!(public_der(&modulus), key.public_der());
        assert!(key.verifies(b"message", &key.sign(b"message")));
        assert!(!key.verifies(b"massage", &key.sign(b"message")));
        assert!(!format!("{key:?}").contains("PRIVATE"));
    }

    #[test]
    fn pem_lines_have_64_characters() {
        let text = pem("X", &[0; 100]);
        assert_eq!(text.lines().nth(1).map(str::len), Some(64));
        assert!(text.ends_with("-----END X-----\n"));
    }
}
