//! What a receipt shows of an ID token: of each claim what it is to be compared with, and of no claim its text,
//! unless that is the name of an issuer or of a client.

use super::fault::IdTokenFault;
use super::id_token::{ExpectedNonce, instant};
use super::strict_json::Value;
use crate::receipt::{Fact, Rule, rules};
use crate::time::Timestamp;

const ABSENT: Fact<'static> = Fact::Word("absent");

/// A claim that names an issuer.
pub(super) fn issuer<'a>(claim: &'a Value<'_>) -> Fact<'a> {
    named(claim, Fact::Issuer)
}

/// A claim that names a client or several.
pub(super) fn audience<'a>(claim: &'a Value<'_>) -> Fact<'a> {
    match claim {
        Value::Texts(all) => match all.as_slice() {
            [] => Fact::Word("an empty list"),
            [one] => Fact::ClientId(one),
            _ => Fact::Word("several"),
        },
        claim => named(claim, Fact::ClientId),
    }
}

fn named<'a>(claim: &'a Value<'_>, fact: impl Fn(&'a str) -> Fact<'a>) -> Fact<'a> {
    match claim {
        Value::Absent => ABSENT,
        claim => claim.text().map_or(Fact::Word("no text"), fact),
    }
}

/// A claim that is an instant.
pub(super) fn time(claim: &Value<'_>, now: Timestamp) -> Fact<'static> {
    match claim {
        Value::Absent => ABSENT,
        claim => instant(claim)
            .map_or(Fact::Word("no whole number"), |instant| Fact::Distance { now, instant }),
    }
}

/// How long a token lives.
pub(super) fn span(issued: Timestamp, expires: Timestamp) -> Fact<'static> {
    if issued <= expires {
        Fact::For(expires.remaining(issued))
    } else {
        Fact::Word("it ends before it begins")
    }
}

/// A claim that is compared and never shown.
pub(super) fn compared(claim: &Value<'_>, is_same: bool) -> Fact<'static> {
    Fact::Word(match claim {
        Value::Absent => "absent",
        _ if is_same => "the same",
        Value::Text(_) => "another",
        _ => "no text",
    })
}

/// What is expected of a nonce.
pub(super) const fn nonce_expected(nonce: &ExpectedNonce<'_>) -> Fact<'static> {
    Fact::Word(match nonce {
        ExpectedNonce::IfPresent(_) => "the one that was sent, or none",
        ExpectedNonce::NotSent => "not looked at",
        ExpectedNonce::Required(_) => "the one that was sent",
    })
}

/// What is wrong with a token whose form or signature does not hold.
pub(crate) const fn fault(fault: IdTokenFault) -> (Rule, &'static str, &'static str) {
    use IdTokenFault as F;
    match fault {
        F::TooLarge => (rules::TOKEN_SIZE, "at most 32 KiB", "more"),
        F::NotCompact => (rules::TOKEN_SIZE, "three parts", "another number"),
        F::EncodingInvalid => (rules::TOKEN_FORM, "canonical base64url", "something else"),
        F::HeaderMalformed => (rules::TOKEN_FORM, "a header that is one JSON object", "none"),
        F::ClaimsMalformed => (rules::TOKEN_FORM, "claims that are one JSON object", "none"),
        F::CriticalExtension => (rules::HEADER, "no extension", "one that is not supported"),
        F::TypeRefused => (rules::HEADER, "typ of an ID token, or none", "another typ"),
        F::AlgorithmRefused => (rules::ALGORITHM, "RS256 or ES256", "neither"),
        F::UnknownKey => (rules::KEY, "one that the provider publishes", "none"),
        F::KeyMismatch => (rules::KEY_FITS, "a key of this algorithm", "a key of another"),
        F::SignatureInvalid => (rules::SIGNATURE, "made by that key", "made by none we know"),
        _ => (rules::ID_TOKEN, "a token that holds", "one that does not"),
    }
}
