//! 2 ── Verification: the only door to [`VerifiedIdentity`].
//!
//! ```text
//! IdToken ─ UnverifiedIdToken::parse ─▶ UnverifiedIdToken ─ verify_id_token ─▶ VerifiedIdentity
//!           size, dots, base64url,       KeySet (JWKS) ────┘  signature, then the numbered steps of
//!           header                       Expected ─────────┘  OpenID Connect Core §3.1.3.7
//! ```
//!
//! Nothing here fetches, waits, logs a claim or asks for the time: keys and expectations are arguments, and
//! the answer is an identity or one [`IdTokenFault`].

mod claims;
mod email;
mod fault;
mod id_token;
mod identity;
mod jws;
mod key_set;
mod roca;
mod strict_json;
#[cfg(test)]
pub(crate) mod test_signer;
mod unverified;
mod userinfo;

pub use fault::IdTokenFault;
pub use id_token::{
    Expected, ExpectedNonce, LEEWAY, MAX_LEEWAY, MAX_LIFETIME, verify_id_token,
    verify_refreshed_id_token,
};
pub(crate) use identity::LeftOut;
pub use identity::{Identity, InvalidProviderId, Profile, ProviderId, VerifiedIdentity};
pub use key_set::{KeySet, KeySetFault, MAX_KEYS};
pub use unverified::{MAX_TOKEN_BYTES, UnverifiedIdToken};
pub(crate) use userinfo::UnverifiedUserinfo;
