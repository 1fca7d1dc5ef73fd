//! The header of a JWS and its signature (RFC 7515, RFC 7518).
//!
//! The header is read before anything is proved, so it may choose among what we accept and never widen it:
//! the algorithm must be on our list and must also be the algorithm of the key (RFC 8725 §3.1).

use super::fault::IdTokenFault;
use super::key_set::{Key, KeySet};
use super::strict_json::{Members, Value};
use super::unverified::UnverifiedJws;

/// How many keys are tried when the token names none, or several have the same name.
const MAX_TRIED: usize = 8;

/// The signature algorithms we accept. All hash with SHA-256, which `at_hash` and `c_hash` rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256: what Google signs with.
    Rs256,
}

impl Algorithm {
    /// As it stands in a header.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// By its exact name; `none` and everything symmetric have no variant to become.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            "RS256" => Some(Self::Rs256),
            _ => None,
        }
    }
}

/// What kind of token is expected: the same keys sign all of them, and none passes for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// OpenID Connect Core §2.
    IdToken,
    /// OpenID Connect Back-Channel Logout 1.0 §2.4.
    LogoutToken,
    /// RFC 8417.
    SecurityEvent,
}

impl TokenKind {
    /// Whether a token of this kind may have this `typ`. Security events may do without their own, which
    /// RFC 8417 §2.3 only recommends: they are told from ID tokens by their claims then.
    fn may_be_called(self, typ: &Value<'_>) -> bool {
        match self {
            Self::IdToken => *typ == Value::Absent || typ.text() == Some("JWT"),
            Self::LogoutToken => is_media_type(typ, "logout+jwt"),
            Self::SecurityEvent => {
                is_media_type(typ, "secevent+jwt") || Self::IdToken.may_be_called(typ)
            }
        }
    }
}

/// A media type has no case, and may leave `application/` out (RFC 7515 §4.1.9).
fn is_media_type(typ: &Value<'_>, expected: &str) -> bool {
    let typ = typ.text().unwrap_or_default().to_ascii_lowercase();
    typ.strip_prefix("application/").unwrap_or(&typ) == expected
}

/// What is left of a header that passed.
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
}

/// The members of a header that mean something to us. `jwk`, `jku`, `x5u` and `x5c` are not among them: a
/// token does not get to bring its own key.
#[derive(Default)]
pub(super) struct HeaderMembers<'de> {
    alg: Value<'de>,
    b64: Value<'de>,
    crit: Value<'de>,
    kid: Value<'de>,
    typ: Value<'de>,
}

impl<'de> Members<'de> for HeaderMembers<'de> {
    fn slot(&mut self, name: &str) -> Option<&mut Value<'de>> {
        Some(match name {
            "alg" => &mut self.alg,
            "b64" => &mut self.b64,
            "crit" => &mut self.crit,
            "kid" => &mut self.kid,
            "typ" => &mut self.typ,
            _ => return None,
        })
    }
}

impl HeaderMembers<'_> {
    /// Every rule a header must keep whoever signed it.
    pub(super) fn check(self, kind: TokenKind) -> Result<Header, IdTokenFault> {
        // We understand no extension, so whatever `crit` lists is one we do not understand.
        let plain =
            self.crit == Value::Absent && matches!(self.b64, Value::Absent | Value::Bool(true));
        if !plain {
            return Err(IdTokenFault::CriticalExtension);
        }
        // Access tokens, logout tokens and security events are signed by the same keys and say so here.
        if !kind.may_be_called(&self.typ) {
            return Err(IdTokenFault::TypeRefused);
        }
        let algorithm =
            self.alg.text().and_then(Algorithm::named).ok_or(IdTokenFault::AlgorithmRefused)?;
        let kid = match self.kid {
            Value::Absent => None,
            Value::Text(kid) => Some(kid.into_owned()),
            _ => return Err(IdTokenFault::HeaderMalformed),
        };
        Ok(Header { algorithm, kid })
    }
}

/// Whether one of the provider's keys signed these bytes.
pub(super) fn check_signature(
    token: &UnverifiedJws<'_>,
    keys: &KeySet,
) -> Result<(), IdTokenFault> {
    check_signature_by(token, keys, |_| true)
}

/// The same, by one of those keys only that `may_sign` this token.
pub(super) fn check_signature_by(
    token: &UnverifiedJws<'_>,
    keys: &KeySet,
    may_sign: impl Fn(&Key) -> bool,
) -> Result<(), IdTokenFault> {
    let mut named = keys.named(token.kid()).filter(|key| may_sign(key)).peekable();
    if named.peek().is_none() {
        return Err(IdTokenFault::UnknownKey);
    }
    let mut fitting =
        named.filter(|key| key.algorithm() == token.algorithm()).take(MAX_TRIED).peekable();
    if fitting.peek().is_none() {
        return Err(IdTokenFault::KeyMismatch);
    }
    if fitting.any(|key| key.verifies(token.signed(), token.signature())) {
        Ok(())
    } else {
        Err(IdTokenFault::SignatureInvalid)
    }
}

#[cfg(test)]
mod tests;
