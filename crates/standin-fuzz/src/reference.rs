//! The same bytes, read a second time: short and slow, and by none of the code under test.

use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use standin::secret::Nonce;
use standin::time::Timestamp;
use standin::verify::{
    EventTokenFault, Expected, ExpectedNonce, KeySet, ProviderId, VerifiedIdentity,
};

use crate::signer;

pub(crate) const ISSUER: &str = "https://idp.example";
pub(crate) const ALIAS: &str = "idp.example";
pub(crate) const CLIENT: &str = "client-1";
pub(crate) const NONCE: &str = "n-0S6_WzA2Mj";
/// What time it is, in seconds.
pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const LEEWAY: i64 = 60;

/// Pairs of `application/x-www-form-urlencoded`, decoded by hand.
pub(crate) fn form(text: &str) -> Vec<(String, String)> {
    let pieces = text.split('&').filter(|piece| !piece.is_empty());
    let pairs = pieces.map(|piece| piece.split_once('=').unwrap_or((piece, "")));
    pairs.map(|(name, value)| (form_decode(name), form_decode(value))).collect()
}

fn form_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::new();
    let mut index = 0;
    while index < bytes.len() {
        let hex = text.get(index + 1..index + 3).filter(|hex| !hex.starts_with('+'));
        match (bytes[index], hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                index += 2;
            }
            (b'+', _) => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        index += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The whole document. `None` where only a member that nobody reads is broken: serde does not decode those, and
/// so does not see that there is, say, half a surrogate in one.
pub(crate) fn json(text: &[u8]) -> Option<Value> {
    serde_json::from_slice(text).ok()
}

/// One `Cookie` header per line, if HTTP could carry them.
pub(crate) fn cookie_headers(lines: &[u8]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        headers.append(COOKIE, HeaderValue::from_bytes(line).ok()?);
    }
    Some(headers)
}

/// The values under exactly this name.
pub(crate) fn cookies_named<'a>(lines: &'a [u8], name: &str) -> Vec<&'a [u8]> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let mut values = Vec::new();
    for mut pair in lines.split(|byte| matches!(byte, b'\n' | b';')) {
        while pair.first().is_some_and(blank) {
            pair = &pair[1..];
        }
        while pair.last().is_some_and(blank) {
            pair = &pair[..pair.len() - 1];
        }
        let rest = pair.strip_prefix(name.as_bytes());
        values.extend(rest.and_then(|rest| rest.strip_prefix(b"=")));
    }
    values
}

/// Calls `check` with what every ID token of these targets must say.
pub(crate) fn with_expected<T>(check: impl FnOnce(&Expected<'_>) -> T) -> T {
    let provider: ProviderId = "idp".parse().expect("a name");
    let nonce = Nonce::new(NONCE);
    check(&Expected {
        provider: &provider,
        issuer: ISSUER,
        issuer_aliases: &[ALIAS.to_owned()],
        client_id: CLIENT,
        nonce: ExpectedNonce::Required(&nonce),
        access_token: None,
        code: None,
        now: Timestamp::from_unix_seconds(NOW),
        leeway: Duration::from_secs(LEEWAY.unsigned_abs()),
        hosted_domains: &[],
        authenticated_since: None,
        acr_values: &[],
        tenants: None,
    })
}

/// What must be true of claims that were believed.
pub(crate) fn check_believed(header: &[u8], claims: &[u8], verified: &VerifiedIdentity) {
    let header: Value = serde_json::from_slice(header).expect("the header is JSON");
    assert!(header["alg"] == "RS256" || header["alg"] == "ES256", "{header}");
    assert!(header.get("crit").is_none(), "{header}");
    let claims: Value = serde_json::from_slice(claims).expect("the claims are JSON");
    assert!(claims["iss"] == ISSUER || claims["iss"] == ALIAS, "{claims}");
    let audiences = claims["aud"].as_array().cloned().unwrap_or(vec![claims["aud"].clone()]);
    assert!(!audiences.is_empty() && audiences.iter().all(|aud| aud == CLIENT), "{claims}");
    assert!(claims.get("azp").is_none_or(|azp| azp == CLIENT), "{claims}");
    assert_eq!(claims["nonce"], NONCE);
    let instant = |name: &str| claims[name].as_i64().expect("an integer");
    assert!(NOW < instant("exp").saturating_add(LEEWAY), "{claims}");
    assert!(instant("iat") <= NOW + LEEWAY, "{claims}");
    assert!(claims.get("nbf").is_none() || instant("nbf") <= NOW + LEEWAY, "{claims}");
    let (identity, profile) = (verified.identity(), verified.profile());
    assert_eq!(identity.issuer, ISSUER);
    assert_eq!(claims["sub"], identity.subject);
    assert!((1..=255).contains(&identity.subject.len()) && identity.subject.is_ascii());
    assert!(!profile.email_verified || claims["email_verified"] == true, "{claims}");
    assert!(profile.picture.iter().all(|picture| picture.starts_with("https://")), "{claims}");
}

/// A door for tokens about events: token, keys, issuer and client, now.
type EventDoor = fn(&str, &KeySet, (&str, &str), Timestamp) -> Result<Value, EventTokenFault>;

/// Brings a token to a door for tokens about events.
pub(crate) fn at_event_door(token: &str, door: EventDoor) -> Result<Value, EventTokenFault> {
    door(token, signer::keys(), (ISSUER, CLIENT), Timestamp::from_unix_seconds(NOW))
}

/// What comes without a signature of ours is let in by no door.
pub(crate) fn nobody_signed(bytes: &[u8], door: EventDoor) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(at_event_door(text, door).is_err(), "nobody signed this");
    }
}

/// What must be true of every token about events that was believed. Its claims.
pub(crate) fn check_event(header: &[u8], claims: &[u8], typ: &str, told: &Value) -> Value {
    let header: Value = serde_json::from_slice(header).expect("the header is JSON");
    assert_eq!(header["alg"], "ES256");
    assert!(header.get("crit").is_none(), "{header}");
    let named = header["typ"].as_str().unwrap_or("JWT").to_ascii_lowercase();
    let named = named.strip_prefix("application/").unwrap_or(&named);
    // A security event may be called as any token is; a logout token has its own name.
    assert!(
        named == typ || (typ != "logout+jwt" && header["typ"].as_str().unwrap_or("JWT") == "JWT")
    );
    let claims: Value = serde_json::from_slice(claims).expect("the claims are JSON");
    let audiences = claims["aud"].as_array().cloned().unwrap_or(vec![claims["aud"].clone()]);
    assert!(audiences.iter().any(|aud| aud == CLIENT), "{claims}");
    assert!(claims.get("nonce").is_none(), "{claims}");
    assert!(claims["iat"].as_i64().expect("an integer") <= NOW + LEEWAY, "{claims}");
    assert_eq!(told["iat"], claims["iat"]);
    assert_eq!(told["jti"], claims["jti"]);
    assert!(claims["jti"].as_str().is_some_and(|jti| !jti.is_empty()), "{claims}");
    claims
}
