//! Random bytes, and the shapes Google gives to what it makes of them.
//!
//! Lengths and alphabets follow what Google issues today; clients must treat all of it as opaque.

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD, HEXLOWER};

/// An authorization code: 73 characters, with a `/` that clients must escape exactly once.
pub(crate) fn authorization_code() -> String {
    format!("4/0A{}", base64url(69))
}

pub(crate) fn access_token() -> String {
    format!("ya29.a0{}", base64url(200))
}

/// An access token of a service account.
pub(crate) fn service_access_token() -> String {
    format!("ya29.c.c0AS{}", base64url(240))
}

pub(crate) fn refresh_token() -> String {
    format!("1//0{}", base64url(99))
}

pub(crate) fn client_secret() -> String {
    format!("GOCSPX-{}", base64url(28))
}

pub(crate) fn client_id() -> String {
    let number = u64::from_be_bytes(random::<8>()) % 900_000_000_000 + 100_000_000_000;
    format!(
        "{number}-{}.apps.googleusercontent.com",
        BASE32_NOPAD.encode(&random::<20>()).to_lowercase()
    )
}

/// What a device polls with.
pub(crate) fn device_code() -> String {
    format!("AH-1Ng{}", base64url(94))
}

/// What a person types: two times four capital letters.
pub(crate) fn user_code() -> String {
    let letters = random::<8>().map(|byte| char::from(b'A' + byte % 26));
    let (left, right) = letters.split_at(4);
    format!("{}-{}", String::from_iter(left), String::from_iter(right))
}

/// An identifier of one of our own records: a page's interaction, a browser, a file.
pub(crate) fn opaque_id() -> String {
    base64url(33)
}

pub(crate) fn key_id() -> String {
    HEXLOWER.encode(&random::<20>())
}

/// 2048 bits that pass for an RSA modulus: odd, and with the top bit set.
pub(crate) fn modulus() -> Vec<u8> {
    let mut bytes = random::<256>();
    bytes[0] |= 0x80;
    bytes[255] |= 1;
    bytes.to_vec()
}

/// Brings a few things into an order that nobody can rely on.
pub(crate) fn shuffle<T>(things: &mut [T]) {
    for last in (1..things.len()).rev() {
        let other = usize::from(random::<1>()[0]) % (last + 1);
        things.swap(last, other);
    }
}

/// For a library that wants to draw by itself.
#[expect(clippy::disallowed_methods, reason = "the one place that draws random bytes")]
pub(crate) fn source() -> SystemRandom {
    SystemRandom::new()
}

/// 26 characters of base32hex, as Calendar makes event ids.
pub(crate) fn event_id() -> String {
    data_encoding::BASE32HEX_NOPAD.encode(&random::<16>()).to_lowercase()
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

pub(crate) fn sha256_hex(text: &str) -> String {
    HEXLOWER.encode(&sha256(text.as_bytes()))
}

fn base64url(length: usize) -> String {
    let mut bytes = vec![0; length];
    fill(&mut bytes);
    let mut text = BASE64URL_NOPAD.encode(&bytes);
    text.truncate(length);
    text
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

#[expect(clippy::disallowed_methods, reason = "the one place that draws random bytes")]
#[expect(clippy::expect_used, reason = "a machine without randomness cannot run an emulator")]
fn fill(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("the operating system gives random bytes");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_googles_shapes() {
        assert_eq!(authorization_code().len(), 73);
        assert!(authorization_code().starts_with("4/0A"));
        assert_eq!(refresh_token().len(), 103);
        assert!(access_token().len() > 163 && access_token().len() < 224);
        assert_eq!(client_secret().len(), 35);
        assert_eq!(key_id().len(), 40);
        let code = user_code();
        assert!(code.len() == 9 && code.as_bytes()[4] == b'-', "{code}");
    }
}
