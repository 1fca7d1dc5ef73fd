//! The door itself: what was checked becomes a [`VerifiedIdentity`] here, and nowhere else.
//!
//! ```text
//! ID token ─ signature, steps of OpenID Connect Core §3.1.3.7 (`id_token.rs`) ─┐
//!                                                                              ├─▶ Checked ─ prove ─▶ VerifiedIdentity
//! API about the token of our own exchange (`account.rs`) ──────────────────────┘
//! ```

use super::identity::{Identity, LeftOut, Profile, VerifiedIdentity};

/// What one of the two ways has found. Who makes one says that every check of its way has passed.
pub(super) struct Checked {
    pub(super) identity: Identity,
    pub(super) profile: Profile,
    pub(super) left_out: LeftOut,
    /// The provider's session, where it is named.
    pub(super) session_id: Option<String>,
}

/// The one caller of the one constructor.
pub(super) fn prove(checked: Checked) -> VerifiedIdentity {
    let Checked { identity, profile, left_out, session_id } = checked;
    VerifiedIdentity::new(identity, profile, left_out, session_id.as_deref())
}
