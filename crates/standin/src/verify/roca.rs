//! Recognises RSA keys that can be factored because a chip made their primes to a pattern
//! (ROCA, CVE-2017-15361).
//!
//! Such primes are powers of 65537 modulo a product of small primes, so the modulus is one too, modulo each
//! of the small primes. A sound key passes for one with probability 2^-27 or less.

/// The small primes of the published fingerprint.
const PRIMES: [u32; 17] =
    [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/// Whether the modulus, big-endian, bears the fingerprint.
pub(super) fn is_weak(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| is_power_of_65537(remainder(modulus, *prime), *prime))
}

fn remainder(number: &[u8], prime: u32) -> u32 {
    number.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime)
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// 65537^128: 2049 bits, odd, and a power of 65537 modulo everything.
    pub(in crate::verify) fn patterned_modulus() -> Vec<u8> {
        let mut little_endian = vec![1_u8];
        for _ in 0..128 {
            // Times 65537 is the number plus itself two bytes up.
            let mut sum = vec![0; 2];
            sum.extend_from_slice(&little_endian);
            let mut carry = 0;
            for (index, byte) in sum.iter_mut().enumerate() {
                let added = little_endian.get(index).copied().unwrap_or(0);
                let total = u16::from(*byte) + u16::from(added) + carry;
                *byte = (total & 0xff) as u8;
                carry = total >> 8;
            }
            assert_eq!(carry, 0);
            little_endian = sum;
        }
        little_endian.into_iter().rev().collect()
    }

    #[test]
    fn id_24_the_pattern_is_recognised_and_nothing_else() {
        let mut modulus = patterned_modulus();
        assert_eq!(modulus.len(), 257);
        assert!(is_weak(&modulus));
        modulus[256] ^= 2;
        assert!(!is_weak(&modulus));
        assert!(!is_weak(&[0xab; 256]));
    }

    #[test]
    fn the_remainder_is_of_the_whole_number() {
        assert_eq!(remainder(&[1, 0, 1], 65537 % 11), 65537 % (65537 % 11));
        assert_eq!(remainder(&[1, 0, 0, 0, 0], 11), u32::try_from((1_u64 << 32) % 11).unwrap());
    }
}
