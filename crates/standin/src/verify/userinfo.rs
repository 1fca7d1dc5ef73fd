//! What a userinfo endpoint says (OpenID Connect Core §5.3.2): claims that nobody signed.
//!
//! A body goes in. What comes out completes the profile of a person whom an ID token proved, and of nobody
//! else (requirement ID-16): it never proves who somebody is, and never replaces what was signed.

use super::claims::Claims;
use super::identity::{Profile, VerifiedIdentity};
use super::strict_json;

/// One JSON object from the endpoint, before it is known whom it is about.
pub(crate) struct UnverifiedUserinfo<'de>(Claims<'de>);

impl<'de> UnverifiedUserinfo<'de> {
    /// `None` for anything but one JSON object without repeated members. A signed or encrypted answer, which
    /// only a client that registers for it is sent, is none either.
    pub(crate) fn parse(json: &'de [u8]) -> Option<Self> {
        strict_json::parse(json).ok().map(Self)
    }

    /// The person's profile, with what the ID token left out. `None`, and nothing of it is to be used, unless
    /// `sub` is the verified one byte for byte.
    ///
    /// The domain of a Workspace account is never taken from here: it lets people in, so it must be signed
    /// (requirement ID-15).
    pub(crate) fn complete(&self, person: &VerifiedIdentity) -> Option<Profile> {
        if self.0.sub.text() != Some(person.identity().subject.as_str()) {
            return None;
        }
        Some(
            person
                .left_out()
                .filled(self.0.profile(&self.0.email_verified), person.profile().clone()),
        )
    }
}
