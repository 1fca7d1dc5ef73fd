//! X.509 certificates around RSA keys, for clients that read `/oauth2/v1/certs`.
//!
//! Nobody verifies them: they are envelopes for a public key. The bytes depend on the key and the
//! days of validity only, so two fetches give the same certificate.

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod,
    KeyUsagePurpose, PKCS_RSA_SHA256, PublicKeyData, SerialNumber, SignatureAlgorithm, SigningKey,
};
use time::OffsetDateTime;

use crate::chance;
use crate::rsa::{RsaKey, pem};

const DAY: i64 = 86_400;

/// A public key and who vouches for it.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) common_name: &'a str,
    /// An `RSAPublicKey`.
    pub(crate) public_der: &'a [u8],
    /// The key's own private half, unless nobody holds that any more.
    pub(crate) signed_by: &'a RsaKey,
}

impl Subject<'_> {
    /// The certificate in PEM, valid around `now` for 17 days, as long as Google publishes a key.
    pub(crate) fn certificate(&self, now: i64) -> Option<String> {
        let begin = (now.div_euclid(8 * DAY) - 1) * 8 * DAY;
        let mut distinguished_name = DistinguishedName::new();
        distinguished_name.push(DnType::CommonName, self.common_name);
        let id = chance::sha256(self.public_der);
        let mut params = CertificateParams::default();
        params.not_before = OffsetDateTime::from_unix_timestamp(begin).ok()?;
        params.not_after = OffsetDateTime::from_unix_timestamp(begin + 17 * DAY).ok()?;
        params.serial_number = Some(SerialNumber::from_slice(&id[..8]));
        params.distinguished_name = distinguished_name;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.key_identifier_method = KeyIdMethod::PreSpecified(id[..20].to_vec());
        let certificate = params.self_signed(self).ok()?;
        Some(pem("CERTIFICATE", certificate.der()))
    }
}

impl PublicKeyData for Subject<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.public_der
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl SigningKey for Subject<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.signed_by.sign(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The signed part and the signature: what stands first, and the last 256 bytes.
    fn split(pem: &str) -> (Vec<u8>, Vec<u8>) {
        let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = data_encoding::BASE64.decode(text.as_bytes()).unwrap();
        let length = 4 + usize::from(der[6]) * 256 + usize::from(der[7]);
        (der[4..4 + length].to_vec(), der[der.len() - 256..].to_vec())
    }

    #[test]
    fn a_certificate_is_signed_by_its_own_key_and_the_same_all_week() {
        let key = RsaKey::generate();
        let subject = Subject { common_name: "x", public_der: key.public_der(), signed_by: &key };
        let monday = 2_600 * 8 * DAY;
        let pem = subject.certificate(monday).unwrap();
        let (signed, signature) = split(&pem);
        assert!(key.verifies(&signed, &signature));
        let holds = |part: &[u8]| signed.windows(part.len()).any(|window| window == part);
        assert!(holds(key.public_der()));
        assert_eq!(subject.certificate(monday + 7 * DAY).unwrap(), pem);
        assert_ne!(subject.certificate(monday + 8 * DAY).unwrap(), pem);
    }
}
