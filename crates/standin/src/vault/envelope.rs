//! The bytes of a sealed value, and what they are bound to.
//!
//! ```text
//! offset  0      1      2..6      6..18    18..
//!         format suite  key id    nonce    ciphertext ‖ tag (16)
//!         0x01   0x01   u32 BE    random   AES-256-GCM
//! ```
//!
//! The header says which key opens it, so no key is ever tried; it is part of the associated data, so it
//! cannot be changed. The nonce is random: safe, because each grant has a key of its own and none ever
//! seals 2³² messages (NIST SP 800-38D §8.3).

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::VaultError;
use crate::entropy::{Entropy, random_bytes};

const FORMAT: u8 = 1;
const SUITE_AES_256_GCM: u8 = 1;
/// How many bytes say with what a value was sealed.
pub const HEADER: usize = 6;
/// What all associated data begins with.
const VERSION: &[u8] = b"standin/v1/";
const NONCE: usize = 12;
const TAG: usize = 16;

/// A sealed value: opaque without the key ring.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// What a database kept. Nothing is checked until it is opened.
    #[must_use]
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// What a database keeps.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Which data key it names; `None` if it is in no format of ours. Its first [`HEADER`] bytes are enough.
    #[must_use]
    pub fn data_key(&self) -> Option<u32> {
        match self.0.get(..HEADER) {
            Some(&[FORMAT, SUITE_AES_256_GCM, a, b, c, d]) => {
                Some(u32::from_be_bytes([a, b, c, d]))
            }
            _ => None,
        }
    }

    pub(super) fn key_id(&self) -> Result<u32, VaultError> {
        self.data_key().ok_or(VaultError::UnknownFormat)
    }
}

/// What everything begins with that this data key seals now: how a database finds what it does not.
#[must_use]
pub const fn header(data_key: u32) -> [u8; HEADER] {
    let [a, b, c, d] = data_key.to_be_bytes();
    [FORMAT, SUITE_AES_256_GCM, a, b, c, d]
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// Which column a value belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The access token of a grant.
    AccessToken,
    /// The state of an attempt, in its cookie.
    Attempt,
    /// A data key, wrapped.
    DataKey,
    /// The refresh token of a grant.
    RefreshToken,
    /// A token that waits to be revoked.
    Revocation,
}

impl Field {
    const fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::Attempt => "attempt",
            Self::DataKey => "data_key",
            Self::RefreshToken => "refresh_token",
            Self::Revocation => "revocation",
        }
    }
}

/// What a ciphertext is bound to: every part with its length before it, so that no two lists of parts
/// make the same bytes.
pub(super) fn associated_data(field: Field, parts: &[&[u8]]) -> Vec<u8> {
    let name = field.name().as_bytes();
    let length = |part: &[u8]| size_of::<u32>() + part.len();
    let all = VERSION.len() + length(name) + parts.iter().map(|part| length(part)).sum::<usize>();
    let mut data = Vec::with_capacity(all);
    data.extend_from_slice(VERSION);
    for part in std::iter::once(name).chain(parts.iter().copied()) {
        data.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        data.extend_from_slice(part);
    }
    data
}

/// Seals `plain` with the 256-bit `key` that `key_id` names.
pub(super) fn seal(
    key: &[u8; 32],
    key_id: u32,
    bound_to: &[u8],
    plain: &[u8],
    entropy: &dyn Entropy,
) -> Result<Sealed, VaultError> {
    let mut bytes = Vec::with_capacity(HEADER + NONCE + plain.len() + TAG);
    bytes.extend_from_slice(&header(key_id));
    let associated = [&bytes, bound_to].concat();
    let nonce = random_bytes::<NONCE>(entropy);
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(plain);
    let tag = cipher(key)?
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(&associated),
            &mut bytes[HEADER + NONCE..],
        )
        .map_err(|_| VaultError::DoesNotOpen)?;
    bytes.extend_from_slice(tag.as_ref());
    Ok(Sealed(bytes))
}

/// Opens what [`seal`] made with the same key for the same place.
pub(super) fn open(
    key: &[u8; 32],
    bound_to: &[u8],
    sealed: &Sealed,
) -> Result<Vec<u8>, VaultError> {
    sealed.key_id()?;
    if sealed.0.len() < HEADER + NONCE + TAG {
        return Err(VaultError::UnknownFormat);
    }
    let (header, rest) = sealed.0.split_at(HEADER);
    let (nonce, ciphertext) = rest.split_at(NONCE);
    let associated = [header, bound_to].concat();
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::UnknownFormat)?;
    let mut buffer = ciphertext.to_vec();
    let length = cipher(key)?
        .open_in_place(nonce, Aad::from(&associated), &mut buffer)
        .map_err(|_| VaultError::DoesNotOpen)?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey, VaultError> {
    let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| VaultError::DoesNotOpen)?;
    Ok(LessSafeKey::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::{SeededEntropy, SystemEntropy};

    const KEY: [u8; 32] = [7; 32];

    fn sealed() -> Sealed {
        seal(&KEY, 3, b"place", b"1//canary", &SystemEntropy).unwrap()
    }

    #[test]
    fn opens_what_was_sealed_for_the_same_place() {
        assert_eq!(open(&KEY, b"place", &sealed()).unwrap(), b"1//canary");
        assert_eq!(sealed().key_id(), Ok(3));
    }

    #[test]
    fn vc_5_a_golden_envelope_of_format_1_opens_for_ever() {
        let golden = seal(&KEY, 1, b"place", b"1//golden", &SeededEntropy::new(1)).unwrap();
        assert_eq!(
            data_encoding::HEXLOWER.encode(golden.as_bytes()),
            include_str!("../../tests/vectors/envelope_v1.hex").trim()
        );
    }

    #[test]
    fn another_place_or_key_does_not_open() {
        assert_eq!(open(&KEY, b"elsewhere", &sealed()), Err(VaultError::DoesNotOpen));
        assert_eq!(open(&[8; 32], b"place", &sealed()), Err(VaultError::DoesNotOpen));
    }

    #[test]
    fn a_change_of_any_byte_is_noticed() {
        let sealed = sealed();
        for index in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[index] ^= 1;
            assert!(open(&KEY, b"place", &changed).is_err(), "byte {index}");
        }
    }

    #[test]
    fn what_is_not_an_envelope_is_refused_and_never_passed_through() {
        for wrong in [&b"1//plaintext"[..], b"", &[1, 1, 0, 0, 0, 1], &[2; 64]] {
            assert_eq!(
                open(&KEY, b"place", &Sealed::from_bytes(wrong.to_vec())),
                Err(VaultError::UnknownFormat)
            );
        }
    }

    #[test]
    fn parts_cannot_be_shifted_into_each_other() {
        let joined = associated_data(Field::AccessToken, &[b"ab", b"c"]);
        assert_ne!(joined, associated_data(Field::AccessToken, &[b"a", b"bc"]));
        assert_ne!(joined, associated_data(Field::RefreshToken, &[b"ab", b"c"]));
    }

    fn nonces(count: usize) -> Vec<u128> {
        let nonce = |sealed: Sealed| {
            let mut number = [0; 16];
            number[..NONCE].copy_from_slice(&sealed.0[HEADER..HEADER + NONCE]);
            u128::from_le_bytes(number)
        };
        (0..count).map(|_| nonce(sealed())).collect()
    }

    /// By the real generator, under one key, as two threads of a service draw them.
    #[test]
    fn vc_4_a_million_nonces_under_one_key_are_all_distinct() {
        const EACH: usize = 500_000;
        let mut all = std::thread::scope(|scope| {
            let other = scope.spawn(|| nonces(EACH));
            let mut own = nonces(EACH);
            own.extend(other.join().unwrap());
            own
        });
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 2 * EACH);
    }
}
