//! 2 ── Verification: the only door to [`VerifiedIdentity`].

mod identity;

pub use identity::{Identity, InvalidProviderId, Profile, ProviderId, VerifiedIdentity};
