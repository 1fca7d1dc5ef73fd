//! Secrets that cannot be printed.
//!
//! Every token, key and code is wrapped here on the line where it enters the program, and leaves only
//! through one loud door: `expose()`. The wrappers have no `Display` and no `Serialize`, their `Debug`
//! shows a placeholder, they compare in constant time, and their memory is wiped when they are dropped.

use std::fmt;

use aws_lc_rs::constant_time;
use aws_lc_rs::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};

macro_rules! secret_strings {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// Wraps a value; from here on it cannot be printed by accident.
            #[must_use]
            pub fn new(value: impl Into<String>) -> Self {
                Self(SecretString::from(value.into()))
            }

            /// The one door to the value.
            ///
            /// # Security
            /// What comes out may go to the party it was made for, and nowhere else.
            #[must_use]
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }

            /// SHA-256 of the value: enough to recognise it, useless to whoever steals it.
            #[must_use]
            pub fn sha256(&self) -> [u8; 32] {
                sha256(self.expose().as_bytes())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl PartialEq for $name {
            /// Takes the same time wherever the two differ.
            fn eq(&self, other: &Self) -> bool {
                same_bytes(self.expose().as_bytes(), other.expose().as_bytes())
            }
        }

        impl Eq for $name {}
    )+};
}

secret_strings! {
    /// What opens an API for an hour or so (RFC 6749 §1.4). Opaque: never parsed.
    AccessToken;
    /// What buys access tokens for as long as the grant lives (RFC 6749 §1.5). It never leaves the vault
    /// but to the token endpoint.
    RefreshToken;
    /// The single-use code of RFC 6749 §4.1.2.
    AuthorizationCode;
    /// What a device polls with (RFC 8628 §3.2): whoever has it gets what the person gives.
    DeviceCode;
    /// The password of our registration at a provider.
    ClientSecret;
    /// The PKCE verifier of RFC 7636: 43 to 128 characters, sent only to the token endpoint.
    CodeVerifier;
    /// What the ID token must repeat (OpenID Connect Core §3.1.2.1).
    Nonce;
    /// What the callback must repeat (RFC 6749 §10.12).
    State;
    /// The value of a session cookie: 256 random bits in base64url. The database knows only its hash.
    SessionToken;
    /// The key of a backend job, `sk_…`: 256 random bits. The database knows only its hash.
    ClientKey;
    /// A compact JWS before, during and after verification: whoever holds it can replay it until it expires.
    IdToken;
}

/// SHA-256, for fingerprints and lookup keys of high-entropy secrets.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// Whether two byte strings are equal, in a time that tells nothing about where they differ.
#[must_use]
pub fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_kind_and_never_the_value() {
        let shown = format!("{:?}", RefreshToken::new("1//canary"));
        assert_eq!(shown, "RefreshToken(…)");
    }

    #[test]
    fn equality_is_of_the_whole_value() {
        assert_eq!(State::new("abc"), State::new("abc"));
        assert_ne!(State::new("abc"), State::new("abd"));
        assert_ne!(State::new("abc"), State::new("ab"));
    }
}
