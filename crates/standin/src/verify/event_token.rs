//! Security event tokens and logout tokens: what a provider tells us behind the browser's back (RFC 8417,
//! OpenID Connect Back-Channel Logout 1.0).
//!
//! The same keys sign these and ID tokens, so each kind has a door of its own and none opens for another
//! (requirements ID-21, RI-2): by `typ` where it must be there, by `events` and `nonce` in any case. Neither
//! proves who somebody is: what comes out ends things and begins nothing.

use serde::Deserialize;

use super::fault::IdTokenFault;
use super::id_token::{LEEWAY, instant, is_subject};
use super::jws::{TokenKind, check_signature};
use super::key_set::KeySet;
use super::strict_json::{self, Members, Value};
use super::unverified::UnverifiedJws;
use crate::json;
use crate::time::Timestamp;

/// No logout token has reason to be longer.
const MAX_LOGOUT_TOKEN_BYTES: usize = 16 * 1024;
/// No security event has reason to be longer (requirement RI-7).
pub const MAX_SECURITY_EVENT_BYTES: usize = 64 * 1024;
/// How old a logout token may be; providers are told to let theirs live two minutes at most. Replay is
/// watched for as long.
pub(crate) const MAX_LOGOUT_TOKEN_AGE: std::time::Duration = std::time::Duration::from_mins(10);
/// No name of a token or a session has reason to be longer.
const MAX_NAME_BYTES: usize = 2048;
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Why a security event token or a logout token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EventTokenFault {
    /// `aud` does not hold our client id.
    #[error("the token was issued for another client")]
    AudienceMismatch,
    /// `events` is missing or not what it should be.
    #[error("the token tells of no event that belongs here")]
    EventsInvalid,
    /// `exp` has passed or is no time, or the token is older than such tokens may be.
    #[error("the token is too old")]
    Expired,
    /// `iat` is missing, no time, or in the future.
    #[error("the token has no valid time of issue")]
    IssuedAtInvalid,
    /// `iss` is not the provider's.
    #[error("the token was issued by somebody else")]
    IssuerMismatch,
    /// The key or the algorithm is none that counts.
    #[error("the token is signed with a key or an algorithm that is not accepted")]
    KeyRefused,
    /// No compact JWS with a JSON object in it.
    #[error("the token is malformed")]
    Malformed,
    /// `jti` is missing or empty.
    #[error("the token has no id")]
    NoId,
    /// It names neither a session nor a person.
    #[error("the token names nobody")]
    NoSubject,
    /// It has been used before.
    #[error("the token was used before")]
    Replayed,
    /// The signature is not by the key that it names.
    #[error("the signature of the token is not valid")]
    SignatureInvalid,
    /// It is a token of another kind.
    #[error("the token is of another kind")]
    TypeRefused,
}

impl EventTokenFault {
    /// The stable name of the fault, for the log.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AudienceMismatch => "event_audience_mismatch",
            Self::EventsInvalid => "event_events_invalid",
            Self::Expired => "event_expired",
            Self::IssuedAtInvalid => "event_issued_at_invalid",
            Self::IssuerMismatch => "event_issuer_mismatch",
            Self::KeyRefused => "event_key_refused",
            Self::Malformed => "event_malformed",
            Self::NoId => "event_no_id",
            Self::NoSubject => "event_no_subject",
            Self::Replayed => "event_replayed",
            Self::SignatureInvalid => "event_signature_invalid",
            Self::TypeRefused => "event_type_refused",
        }
    }
}

/// What is common to all signed tokens has been put in words for ID tokens.
impl From<IdTokenFault> for EventTokenFault {
    fn from(fault: IdTokenFault) -> Self {
        match fault {
            IdTokenFault::AlgorithmRefused
            | IdTokenFault::KeyMismatch
            | IdTokenFault::UnknownKey => Self::KeyRefused,
            IdTokenFault::SignatureInvalid => Self::SignatureInvalid,
            IdTokenFault::TypeRefused => Self::TypeRefused,
            _ => Self::Malformed,
        }
    }
}

type Result<T> = std::result::Result<T, EventTokenFault>;

/// A token of one of the two kinds, of which nothing is known but its form.
pub(crate) struct UnverifiedEventToken<'t>(UnverifiedJws<'t>);

impl<'t> UnverifiedEventToken<'t> {
    /// Takes a logout token apart; `typ` must say that it is one.
    pub(crate) fn logout(token: &'t str) -> Result<Self> {
        Ok(Self(UnverifiedJws::parse(token, TokenKind::LogoutToken, MAX_LOGOUT_TOKEN_BYTES)?))
    }

    /// Takes a security event token apart.
    pub(crate) fn security_event(token: &'t str) -> Result<Self> {
        Ok(Self(UnverifiedJws::parse(token, TokenKind::SecurityEvent, MAX_SECURITY_EVENT_BYTES)?))
    }

    /// The key the token says it is signed with: a hint for finding keys.
    pub(crate) fn unverified_kid(&self) -> Option<&str> {
        self.0.kid()
    }
}

/// What a token must agree with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExpectedEvent<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) now: Timestamp,
}

/// A logout token that passed every check of Back-Channel Logout 1.0 §2.6 but the last: whether its `jti` is
/// new is for the store to say.
#[derive(Debug)]
pub(crate) struct VerifiedLogout {
    pub(crate) id: String,
    pub(crate) issued_at: Timestamp,
    pub(crate) subject: Option<String>,
    pub(crate) session: Option<String>,
}

/// A security event token that passed every check but the one for its `jti`.
#[derive(Debug)]
pub(crate) struct VerifiedEvents {
    pub(crate) id: String,
    pub(crate) issued_at: Timestamp,
    /// By their types; what each says is still to be read.
    pub(crate) events: serde_json::Map<String, serde_json::Value>,
}

#[derive(Default)]
struct EventClaims<'de> {
    aud: Value<'de>,
    exp: Value<'de>,
    iat: Value<'de>,
    iss: Value<'de>,
    jti: Value<'de>,
    nonce: Value<'de>,
    sid: Value<'de>,
    sub: Value<'de>,
}

impl<'de> Members<'de> for EventClaims<'de> {
    fn slot(&mut self, name: &str) -> Option<&mut Value<'de>> {
        Some(match name {
            "aud" => &mut self.aud,
            "exp" => &mut self.exp,
            "iat" => &mut self.iat,
            "iss" => &mut self.iss,
            "jti" => &mut self.jti,
            "nonce" => &mut self.nonce,
            "sid" => &mut self.sid,
            "sub" => &mut self.sub,
            _ => return None,
        })
    }
}

/// The part of the claims that is not flat. Read after the strict parser found no member twice at any depth.
#[derive(Deserialize)]
struct Events {
    events: serde_json::Map<String, serde_json::Value>,
}

/// Verifies a logout token (Back-Channel Logout 1.0 §2.6).
pub(crate) fn verify_logout_token(
    token: &UnverifiedEventToken<'_>,
    keys: &KeySet,
    expected: &ExpectedEvent<'_>,
) -> Result<VerifiedLogout> {
    let (claims, events) = claims(token, keys)?;
    refuse_unless(claims.iss.text() == Some(expected.issuer), EventTokenFault::IssuerMismatch)?;
    refuse_unless(is_for(&claims, expected.client_id), EventTokenFault::AudienceMismatch)?;
    let issued_at = issued_at(&claims, expected.now)?;
    let is_live = claims.exp == Value::Absent
        || instant(&claims.exp).is_some_and(|exp| expected.now < exp.after(LEEWAY));
    let is_young = expected.now < issued_at.after(MAX_LOGOUT_TOKEN_AGE);
    refuse_unless(is_live && is_young, EventTokenFault::Expired)?;
    // What a logout token must not have, so that it is never taken for an ID token, nor the other way round.
    refuse_unless(claims.nonce == Value::Absent, EventTokenFault::TypeRefused)?;
    let told = events.get(LOGOUT).is_some_and(serde_json::Value::is_object);
    refuse_unless(told, EventTokenFault::EventsInvalid)?;
    let (subject, session) = (subject(&claims)?, session(&claims)?);
    refuse_unless(subject.is_some() || session.is_some(), EventTokenFault::NoSubject)?;
    Ok(VerifiedLogout { id: id(&claims)?, issued_at, subject, session })
}

/// Verifies a security event token (RFC 8417; requirement RI-1). It needs no `exp`: an event stays true.
pub(crate) fn verify_security_event(
    token: &UnverifiedEventToken<'_>,
    keys: &KeySet,
    expected: &ExpectedEvent<'_>,
) -> Result<VerifiedEvents> {
    let (claims, events) = claims(token, keys)?;
    let issuer = claims.iss.text().unwrap_or_default();
    refuse_unless(is_same_issuer(issuer, expected.issuer), EventTokenFault::IssuerMismatch)?;
    refuse_unless(is_for(&claims, expected.client_id), EventTokenFault::AudienceMismatch)?;
    let issued_at = issued_at(&claims, expected.now)?;
    // An ID token may have been issued with a nonce, and a logout token has an event of its own.
    let is_other = claims.nonce != Value::Absent || events.contains_key(LOGOUT);
    refuse_unless(!is_other, EventTokenFault::TypeRefused)?;
    refuse_unless(!events.is_empty(), EventTokenFault::EventsInvalid)?;
    Ok(VerifiedEvents { id: id(&claims)?, issued_at, events })
}

/// Brings a logout token to its door, for tests of the door alone: what was believed, as JSON.
///
/// # Errors
/// As if the provider had posted it.
#[cfg(feature = "testing")]
#[doc(hidden)]
pub fn try_logout_token(
    token: &str,
    keys: &KeySet,
    (issuer, client_id): (&str, &str),
    now: Timestamp,
) -> Result<serde_json::Value> {
    let expected = ExpectedEvent { issuer, client_id, now };
    let told = verify_logout_token(&UnverifiedEventToken::logout(token)?, keys, &expected)?;
    Ok(serde_json::json!({
        "jti": told.id, "iat": told.issued_at.unix_seconds(), "sub": told.subject, "sid": told.session,
    }))
}

/// Brings a security event token to its door, for tests of the door alone: what was believed, as JSON.
///
/// # Errors
/// As if the provider had posted it.
#[cfg(feature = "testing")]
#[doc(hidden)]
pub fn try_security_event(
    token: &str,
    keys: &KeySet,
    (issuer, client_id): (&str, &str),
    now: Timestamp,
) -> Result<serde_json::Value> {
    let expected = ExpectedEvent { issuer, client_id, now };
    let token = UnverifiedEventToken::security_event(token)?;
    let told = verify_security_event(&token, keys, &expected)?;
    Ok(serde_json::json!({
        "jti": told.id, "iat": told.issued_at.unix_seconds(), "events": told.events,
    }))
}

/// One slash at the end makes no other issuer: Google publishes its own without and signs with it.
pub(crate) fn is_same_issuer(one: &str, other: &str) -> bool {
    let bare = |issuer: &str| issuer.strip_suffix('/').unwrap_or(issuer).to_owned();
    !one.is_empty() && bare(one) == bare(other)
}

/// The signature, and only then the claims. A token without `events` is of another kind.
fn claims<'c>(
    token: &'c UnverifiedEventToken<'_>,
    keys: &KeySet,
) -> Result<(EventClaims<'c>, serde_json::Map<String, serde_json::Value>)> {
    check_signature(&token.0, keys)?;
    let text = token.0.unverified_claims();
    let claims = strict_json::parse(text).map_err(|_| EventTokenFault::Malformed)?;
    let events: Events = json::object(text).ok_or(EventTokenFault::EventsInvalid)?;
    Ok((claims, events.events))
}

fn is_for(claims: &EventClaims<'_>, client_id: &str) -> bool {
    match &claims.aud {
        Value::Text(aud) => aud == client_id,
        Value::Texts(all) => all.iter().any(|aud| aud == client_id),
        _ => false,
    }
}

fn issued_at(claims: &EventClaims<'_>, now: Timestamp) -> Result<Timestamp> {
    let issued_at = instant(&claims.iat).filter(|issued| *issued <= now.after(LEEWAY));
    issued_at.ok_or(EventTokenFault::IssuedAtInvalid)
}

fn id(claims: &EventClaims<'_>) -> Result<String> {
    let id = claims.jti.text().filter(|id| is_name(id));
    id.map(str::to_owned).ok_or(EventTokenFault::NoId)
}

fn subject(claims: &EventClaims<'_>) -> Result<Option<String>> {
    optional(&claims.sub, is_subject)
}

fn session(claims: &EventClaims<'_>) -> Result<Option<String>> {
    optional(&claims.sid, is_name)
}

fn optional(value: &Value<'_>, is_valid: fn(&str) -> bool) -> Result<Option<String>> {
    match value {
        Value::Absent => Ok(None),
        Value::Text(text) if is_valid(text) => Ok(Some(text.clone().into_owned())),
        _ => Err(EventTokenFault::NoSubject),
    }
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&text.len()) && !text.contains(char::is_control)
}

fn refuse_unless(holds: bool, fault: EventTokenFault) -> Result<()> {
    if holds { Ok(()) } else { Err(fault) }
}
