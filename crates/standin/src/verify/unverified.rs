//! A compact JWS, taken apart and not believed (RFC 7515 §3.1, §7.1).
//!
//! Text goes in; out come the signed bytes, the decoded claims and signature, and the header's say on which
//! key to try. Everything here is written by whoever sent the token, so each check is one that costs less
//! than the sender's effort: length before dots, dots before decoding, header before signature.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;

use super::fault::IdTokenFault;
use super::jws::{Algorithm, Header, HeaderMembers, TokenKind};
use super::strict_json;
use crate::secret::IdToken;

/// No ID token has reason to be longer (requirement ID-19).
pub const MAX_TOKEN_BYTES: usize = 32 * 1024;

/// A token of which nothing is known but its form. It has nothing to tell but which key it says it is
/// signed with; the claims come out through [`verify_id_token`](super::verify_id_token) alone.
pub struct UnverifiedIdToken<'t>(UnverifiedJws<'t>);

impl<'t> UnverifiedIdToken<'t> {
    /// Takes a token apart.
    pub fn parse(token: &'t IdToken) -> Result<Self, IdTokenFault> {
        UnverifiedJws::parse(token.expose(), TokenKind::IdToken, MAX_TOKEN_BYTES).map(Self)
    }

    /// The key the token says it is signed with. A hint for finding keys, and nothing more.
    #[must_use]
    pub fn unverified_kid(&self) -> Option<&str> {
        self.0.kid()
    }

    pub(super) fn jws(&self) -> &UnverifiedJws<'t> {
        &self.0
    }
}

/// The parts of a signed token of any kind.
pub(super) struct UnverifiedJws<'t> {
    header: Header,
    signed: &'t [u8],
    unverified_claims: Vec<u8>,
    signature: Vec<u8>,
}

impl<'t> UnverifiedJws<'t> {
    /// Takes a token of this kind apart; one that says it is of another kind is refused.
    pub(super) fn parse(text: &'t str, kind: TokenKind, max: usize) -> Result<Self, IdTokenFault> {
        let [header, claims, signature] = parts(text, max)?;
        let header = strict_json::parse::<HeaderMembers<'_>>(&decode(header)?)
            .map_err(|_| IdTokenFault::HeaderMalformed)?
            .check(kind)?;
        Ok(Self {
            header,
            signed: &text.as_bytes()[..text.len() - signature.len() - 1],
            unverified_claims: decode(claims)?,
            signature: decode(signature)?,
        })
    }

    pub(super) fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    pub(super) fn signed(&self) -> &'t [u8] {
        self.signed
    }

    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }

    pub(super) fn unverified_claims(&self) -> &[u8] {
        &self.unverified_claims
    }
}

impl fmt::Debug for UnverifiedIdToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnverifiedIdToken(…)")
    }
}

/// Counts before it splits: a megabyte of dots must not become a million pieces.
fn parts(text: &str, max: usize) -> Result<[&str; 3], IdTokenFault> {
    if text.len() > max {
        return Err(IdTokenFault::TooLarge);
    }
    // Five parts are an encrypted token (step 1 of §3.1.3.7), which we never ask for; braces are the JSON
    // serialization, which OpenID Connect does not use.
    if text.bytes().filter(|byte| *byte == b'.').count() != 2 {
        return Err(IdTokenFault::NotCompact);
    }
    let mut parts = text.split('.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(claims), Some(signature)) => Ok([header, claims, signature]),
        _ => Err(IdTokenFault::NotCompact),
    }
}

/// Base64url without padding, white space, foreign characters or stray trailing bits.
fn decode(part: &str) -> Result<Vec<u8>, IdTokenFault> {
    BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| IdTokenFault::EncodingInvalid)
}

#[cfg(test)]
mod tests;
