//! The credential of a sign-in button: an ID token that came alone, and is good for one sign-in.
//!
//! It is verified as any other, by the same function. On top of that it must not belong to anything: a token
//! with `at_hash` or `c_hash` came with an access token or a code, through the token endpoint or the front
//! channel, and whoever got hold of it there must not sign in with it here. What makes it this one and no
//! other comes out too, so that it can be accepted once.

use super::claims::Claims;
use super::fault::IdTokenFault;
use super::id_token::{Expected, instant, verify_id_token};
use super::identity::VerifiedIdentity;
use super::key_set::KeySet;
use super::strict_json::{self, Value};
use super::unverified::UnverifiedIdToken;
use crate::receipt::{Fact, Receipt, rules};
use crate::secret::{Nonce, sha256};
use crate::time::Timestamp;

/// Proof of who somebody is, good for one use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCredential {
    /// Who it is.
    pub identity: VerifiedIdentity,
    /// SHA-256 of what was signed. The signature is left out: of some algorithms there are several that hold.
    pub sha256: [u8; 32],
    /// When the token ends, leeway not included.
    pub expires_at: Timestamp,
}

/// Verifies a credential.
///
/// # Errors
/// Those of [`verify_id_token`], and [`IdTokenFault::NotACredential`].
pub fn verify_credential(
    token: &UnverifiedIdToken<'_>,
    keys: &KeySet,
    expected: &Expected<'_>,
    receipt: &mut Receipt,
) -> Result<VerifiedCredential, IdTokenFault> {
    let identity = verify_id_token(token, keys, expected, receipt)?;
    // The very bytes that have just been verified.
    let claims = claims(token)?;
    let came_alone = claims.at_hash == Value::Absent && claims.c_hash == Value::Absent;
    let came = Fact::Word(if came_alone { "neither" } else { "one of them" });
    receipt
        .check(rules::CAME_ALONE, "no at_hash, no c_hash", came, came_alone)
        .or(IdTokenFault::NotACredential)?;
    let expires_at = instant(&claims.exp).ok_or(IdTokenFault::ExpiryInvalid)?;
    Ok(VerifiedCredential { identity, sha256: sha256(token.jws().signed()), expires_at })
}

impl UnverifiedIdToken<'_> {
    /// The nonce that the token says it answers; empty if it is no text. A hint for finding the attempt, and
    /// nothing more: the attempt's own nonce is what verification demands then.
    pub(crate) fn unverified_nonce(&self) -> Result<Option<Nonce>, IdTokenFault> {
        let claims = claims(self)?;
        let is_there = claims.nonce != Value::Absent;
        Ok(is_there.then(|| Nonce::new(claims.nonce.text().unwrap_or_default())))
    }
}

fn claims<'t>(token: &'t UnverifiedIdToken<'_>) -> Result<Claims<'t>, IdTokenFault> {
    strict_json::parse(token.jws().unverified_claims()).map_err(|_| IdTokenFault::ClaimsMalformed)
}
