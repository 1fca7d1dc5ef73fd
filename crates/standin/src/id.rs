//! Ids: a prefix that says what it names, and a UUIDv7 in Crockford's base32, lower case.
//!
//! They sort by the time they were made, survive a double click, and hold no secret: knowing one gives
//! access to nothing.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};

use crate::entropy::{Entropy, random_bytes};
use crate::time::{Clock, Timestamp};

/// 26 characters carry 130 bits: the first character holds the top three bits of the 128.
const LENGTH: usize = 26;
/// Two leading zero bits make 130 bits, a whole number of characters; 20 bytes are one, too, and there are six zeros
/// in front.
const PADDED: usize = 32;
const ZEROS: usize = PADDED - LENGTH;

#[expect(clippy::expect_used, reason = "the specification is a constant, tried by every test")]
static CROCKFORD: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("0123456789abcdefghjkmnpqrstvwxyz");
    specification.encoding().expect("a valid base32 alphabet")
});

/// Why a text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind: expected `{prefix}` and 26 characters of Crockford base32")]
pub struct InvalidId {
    prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// A new id for something made now.
            #[must_use]
            pub fn new(clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
                Self(uuid_v7(clock.now(), entropy))
            }

            /// From the 16 bytes a database keeps.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes a database keeps.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                f.write_str(encode(&self.0, &mut [0; PADDED]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix($prefix)
                    .and_then(decode)
                    .map(Self)
                    .ok_or(InvalidId { prefix: $prefix })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

ids! {
    /// A person known to Standin.
    UserId = "usr_";
    /// One try at signing in or at adding scopes.
    AttemptId = "att_";
    /// What a user gave us at one provider.
    GrantId = "grt_";
    /// A browser's sign-in, as it is shown to people. The cookie holds something else.
    SessionId = "ses_";
    /// A backend job or service that may ask for tokens.
    ClientId = "cli_";
    /// One try at refreshing a grant, by the node that has its lease.
    RefreshId = "ref_";
    /// One process of the service, from its start to its end.
    NodeId = "nod_";
}

/// RFC 9562 §5.7: 48 bits of milliseconds, then chance.
fn uuid_v7(now: Timestamp, entropy: &dyn Entropy) -> [u8; 16] {
    let mut bytes = random_bytes::<16>(entropy);
    bytes[..6].copy_from_slice(&now.unix_ms().to_be_bytes()[2..]);
    bytes[6] = (bytes[6] & 0x0f) | 0x70;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    bytes
}

fn encode<'t>(bytes: &[u8; 16], text: &'t mut [u8; PADDED]) -> &'t str {
    let mut padded = [0; 20];
    padded[4..].copy_from_slice(bytes);
    &CROCKFORD.encode_mut_str(&padded, text)[ZEROS..]
}

fn decode(text: &str) -> Option<[u8; 16]> {
    let (mut padded, mut bytes) = ([b'0'; PADDED], [0; 20]);
    let text: &[u8; LENGTH] = text.as_bytes().try_into().ok()?;
    padded[ZEROS..].copy_from_slice(text);
    CROCKFORD.decode_mut(&padded, &mut bytes).ok()?;
    bytes.strip_prefix(&[0; 4])?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;
    use crate::time::{MockClock, SystemClock};

    #[test]
    fn is_read_back_as_it_was_written() {
        let id = UserId::new(&SystemClock, &SystemEntropy);
        let text = id.to_string();
        assert_eq!(text.len(), 4 + LENGTH);
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(UserId::from_bytes([0xff; 16]).to_string(), "usr_7zzzzzzzzzzzzzzzzzzzzzzzzz");
    }

    #[test]
    fn sorts_by_the_time_it_was_made() {
        let clock = MockClock::new(Timestamp::from_unix_seconds(1_800_000_000));
        let earlier = GrantId::new(&clock, &SystemEntropy).to_string();
        clock.advance(std::time::Duration::from_millis(1));
        assert!(earlier < GrantId::new(&clock, &SystemEntropy).to_string());
    }

    #[test]
    fn refuses_another_prefix_case_length_alphabet_and_overflow() {
        let id = UserId::from_bytes([7; 16]).to_string();
        for wrong in [
            id.replace("usr_", "grt_"),
            id.to_uppercase(),
            format!("{id}0"),
            id[..id.len() - 1].to_owned(),
            format!("usr_{}", "u".repeat(26)),
            "usr_8zzzzzzzzzzzzzzzzzzzzzzzzz".to_owned(),
        ] {
            assert!(wrong.parse::<UserId>().is_err(), "{wrong}");
        }
    }
}
