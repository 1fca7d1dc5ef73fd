//! Recognises RSA keys that can be factored because a chip made their primes to a pattern
//! (ROCA, CVE-2017-15361).
//!
//! Such primes are powers of 65537 modulo a product of small primes, so the modulus is one too, modulo each
//! of the small primes. A sound key passes for one with probability 2^-27 or less.

/// The small primes of the published fingerprint.
const PRIMES: [u32; 17] = [
    11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
];

/// Whether the modulus, big-endian, bears the fingerprint.
pub(super) fn is_weak(modulus: &[u8]) -> bool {
    PRIMES
        .iter()
        .all(|prime| is_power_of_65537(remainder(modulus, *prime), *prime))
}

fn remainder(number: &[u8], prime: u32) -> u32 {
    number
        .iter()
        .fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime)
}

fn is_power_of_65537(rest: u32, prime: u32) -> bool {
    let mut power = 1;
    for _ in 0..prime {
        if power == rest {
            return true;
        }
        power = power * (65537 % prime) % prime;
    }
    false
}
