//! Chance as an argument.
//!
//! Every random byte of the library comes from the [`Entropy`] it was given: the operating system's
//! generator in service, a seeded one in tests that want to see the same ids twice.

use data_encoding::BASE64URL_NOPAD;

/// A source of random bytes fit for keys.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes`. There is no failure to handle: a source that cannot deliver ends the process, since
    /// nothing this library does is safe with predictable bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// Draws `N` random bytes.
#[must_use]
pub fn random_bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// 256 random bits in base64url: 43 characters, unguessable, fit for URLs, cookies and headers.
#[must_use]
pub fn random_token(entropy: &dyn Entropy) -> String {
    BASE64URL_NOPAD.encode(&random_bytes::<32>(entropy))
}

/// The operating system's generator, through aws-lc-rs.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place that draws random bytes")]
    fn fill(&self, bytes: &mut [u8]) {
        if aws_lc_rs::rand::fill(bytes).is_err() {
            std::process::abort();
        }
    }
}

/// Repeatable bytes: SHA-256 of a seed and a counter.
#[cfg(any(test, feature = "testing"))]
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    drawn: std::sync::atomic::AtomicU64,
}

#[cfg(any(test, feature = "testing"))]
impl SeededEntropy {
    /// The same seed gives the same bytes in the same order.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, drawn: std::sync::atomic::AtomicU64::new(0) }
    }
}

#[cfg(any(test, feature = "testing"))]
impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let count = self.drawn.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let block =
                crate::secret::sha256(&[self.seed.to_be_bytes(), count.to_be_bytes()].concat());
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_256_bits_and_never_repeats() {
        let tokens: std::collections::HashSet<_> =
            (0..1000).map(|_| random_token(&SystemEntropy)).collect();
        assert_eq!(tokens.len(), 1000);
        assert!(tokens.iter().all(|token| token.len() == 43));
    }
}
