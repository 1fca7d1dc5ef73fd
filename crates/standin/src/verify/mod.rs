//! 2 ── Verification: the only door to [`VerifiedIdentity`].
//!
//! ```text
//! IdToken ─ UnverifiedIdToken::parse ─▶ UnverifiedIdToken ─ verify_id_token ─▶ VerifiedIdentity
//!           size, dots, base64url,       KeySet (JWKS) ────┘  signature, then the numbered steps of
//!           header                       Expected ─────────┘  OpenID Connect Core §3.1.3.7
//! ```
//!
//! An ID token that comes through the browser with a code passes `front.rs` first, and proves nobody by itself.
//! Logout tokens and security events come through doors of their own, in `event_token.rs`, and become no identity.
//! Nothing here fetches, waits, logs a claim or asks for the time: keys and expectations are arguments, and
//! the answer is an identity or one [`IdTokenFault`].

mod account;
mod claims;
mod credential;
mod email;
mod event_token;
mod fault;
mod front;
mod id_token;
mod identity;
mod jws;
mod key_set;
mod proof;
mod roca;
pub(crate) mod shown;
mod strict_json;
mod tenant;
#[cfg(test)]
pub(crate) mod test_signer;
mod unverified;
mod userinfo;

pub use account::AccountFault;
pub(crate) use account::{ExpectedAccount, UnverifiedEmails, verify_account};
pub use credential::{VerifiedCredential, verify_credential};
pub(crate) use email::canonical as canonical_address;
pub use event_token::{EventTokenFault, MAX_SECURITY_EVENT_BYTES};
pub(crate) use event_token::{
    ExpectedEvent, MAX_LOGOUT_TOKEN_AGE, UnverifiedEventToken, VerifiedEvents, VerifiedLogout,
    is_same_issuer, verify_logout_token, verify_security_event,
};
#[cfg(feature = "testing")]
#[doc(hidden)]
pub use event_token::{try_logout_token, try_security_event};
pub use fault::IdTokenFault;
pub(crate) use front::{UnverifiedFront, VerifiedFront, verify_front, verify_hybrid_id_token};
pub use id_token::{
    Expected, ExpectedNonce, LEEWAY, MAX_LEEWAY, MAX_LIFETIME, check_refreshed_id_token,
    verify_id_token,
};
pub use identity::{
    Identity, IdentityHash, InvalidProviderId, LeftOut, Profile, ProviderId, ProviderSession,
    VerifiedIdentity,
};
pub use key_set::{KeySet, KeySetFault, MAX_KEYS};
pub(crate) use tenant::PLACEHOLDER as TENANT_PLACEHOLDER;
pub use tenant::{InvalidTenantId, TenantId};
pub use unverified::{MAX_TOKEN_BYTES, UnverifiedIdToken};
pub(crate) use userinfo::UnverifiedUserinfo;
