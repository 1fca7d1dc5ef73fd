//! A logout token: what is believed is from the issuer, for us, young, about somebody, and no token of another kind
//! (requirements SC-16, ID-21). The input is any header and any claims, one line each, which are rightly signed; or
//! one line, which nobody signed.

use serde_json::Value;
use standin::verify::{try_logout_token, try_security_event};

use crate::reference::{self, CLIENT, ISSUER, LEEWAY, NOW};
use crate::signer;

const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// How old a logout token may be, in seconds.
const MAX_AGE: i64 = 600;

pub(crate) fn run(bytes: &[u8]) -> bool {
    let Some((header, claims)) = signer::lines(bytes) else {
        reference::nobody_signed(bytes, try_logout_token);
        return false;
    };
    let token = signer::sign(header, claims);
    let told = reference::at_event_door(&token, try_logout_token);
    if let Ok(told) = &told {
        check(header, claims, told);
        assert!(reference::at_event_door(&token, try_security_event).is_err(), "it is both");
    }
    told.is_ok()
}

/// OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6.
fn check(header: &[u8], claims: &[u8], told: &Value) {
    let claims = reference::check_event(header, claims, "logout+jwt", told);
    assert_eq!(claims["iss"], ISSUER);
    let issued_at = claims["iat"].as_i64().expect("an integer");
    assert!(NOW < issued_at.saturating_add(MAX_AGE), "{claims}");
    let expires_at = claims.get("exp").map(|exp| exp.as_i64().expect("an integer"));
    assert!(expires_at.is_none_or(|exp| NOW < exp.saturating_add(LEEWAY)), "{claims}");
    assert!(claims["events"][LOGOUT].is_object(), "{claims}");
    assert_eq!(told["sub"], claims["sub"]);
    assert_eq!(told["sid"], claims["sid"]);
    assert!(told["sub"].is_string() || told["sid"].is_string(), "{claims}");
    assert!(claims["aud"] == CLIENT || claims["aud"].is_array(), "{claims}");
}
