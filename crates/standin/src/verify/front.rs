//! The ID token of the front channel: it comes through the browser together with a code, and vouches for it
//! (OpenID Connect Core §3.3.2.11).
//!
//! ```text
//! UnverifiedFront ─ verify_front ─▶ VerifiedFront ─ exchange ─▶ verify_hybrid_id_token ─▶ VerifiedIdentity
//! code + ID token   c_hash           its code                   the same person
//! ```
//!
//! The code of such an answer can be had from a [`VerifiedFront`] alone, so nothing is spent before the token was
//! verified; and what was verified here is nobody's identity yet, since the token endpoint has still to agree.

use super::claims::Claims;
use super::fault::IdTokenFault;
use super::id_token::{Expected, verify_id_token};
use super::identity::{Identity, VerifiedIdentity};
use super::key_set::KeySet;
use super::strict_json::{self, Value};
use super::unverified::UnverifiedIdToken;
use crate::receipt::{Receipt, rules};
use crate::secret::{AuthorizationCode, IdToken};

/// A code and the ID token that came with it. Neither can be used.
#[derive(Debug)]
pub(crate) struct UnverifiedFront {
    code: AuthorizationCode,
    id_token: IdToken,
}

impl UnverifiedFront {
    pub(crate) fn new(code: AuthorizationCode, id_token: IdToken) -> Self {
        Self { code, id_token }
    }

    /// The token, to find its key.
    pub(crate) fn token(&self) -> Result<UnverifiedIdToken<'_>, IdTokenFault> {
        UnverifiedIdToken::parse(&self.id_token)
    }
}

/// A code that a verified ID token vouches for, and about whom that token is.
#[derive(Debug)]
pub(crate) struct VerifiedFront {
    code: AuthorizationCode,
    identity: Identity,
}

impl VerifiedFront {
    /// The code, which may be spent now.
    pub(crate) fn code(&self) -> &AuthorizationCode {
        &self.code
    }
}

/// Verifies the ID token of the front channel: as any other, and `c_hash` must be there.
///
/// # Errors
/// Those of [`verify_id_token`], and [`IdTokenFault::CodeHashMissing`].
pub(crate) fn verify_front(
    front: UnverifiedFront,
    keys: &KeySet,
    expected: &Expected<'_>,
    receipt: &mut Receipt,
) -> Result<VerifiedFront, IdTokenFault> {
    let token = front.token()?;
    // Our own code, whatever the caller expects. No access token comes this way, so `at_hash` is about none.
    let expected = Expected { code: Some(&front.code), access_token: None, ..*expected };
    let verified = verify_id_token(&token, keys, &expected, receipt)?;
    // The very bytes that have just been verified.
    let claims: Claims<'_> = strict_json::parse(token.jws().unverified_claims())
        .map_err(|_| IdTokenFault::ClaimsMalformed)?;
    let is_there = claims.c_hash != Value::Absent;
    let came = if is_there { "one" } else { "none" };
    receipt.check(rules::CODE_HASH, "one", came, is_there).or(IdTokenFault::CodeHashMissing)?;
    let identity = verified.identity().clone();
    Ok(VerifiedFront { code: front.code, identity })
}

/// Verifies the ID token that the token endpoint gave for the code of `front`: as any other, and about the same
/// person at the same issuer (§3.3.3.6).
///
/// # Errors
/// Those of [`verify_id_token`], and [`IdTokenFault::SubjectMismatch`].
pub(crate) fn verify_hybrid_id_token(
    token: &UnverifiedIdToken<'_>,
    keys: &KeySet,
    expected: &Expected<'_>,
    front: &VerifiedFront,
    receipt: &mut Receipt,
) -> Result<VerifiedIdentity, IdTokenFault> {
    let verified = verify_id_token(token, keys, expected, receipt)?;
    let is_same = *verified.identity() == front.identity;
    let came = if is_same { "the same" } else { "another" };
    receipt
        .check(rules::SAME_PERSON, "the same", came, is_same)
        .or(IdTokenFault::SubjectMismatch)?;
    Ok(verified)
}

#[cfg(test)]
mod tests;
