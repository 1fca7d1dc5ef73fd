//! A security event token: what is believed is from the issuer, for us, of now, and no token of another kind
//! (requirements RI-1, RI-2). The input is any header and any claims, one line each, which are rightly signed; or one
//! line, which nobody signed.

use serde_json::Value;
use standin::receipt::Receipt;
use standin::secret::IdToken;
use standin::verify::{UnverifiedIdToken, try_logout_token, try_security_event, verify_id_token};

use crate::reference::{self, ISSUER};
use crate::signer;

pub(crate) fn run(bytes: &[u8]) -> bool {
    let Some((header, claims)) = signer::lines(bytes) else {
        reference::nobody_signed(bytes, try_security_event);
        return false;
    };
    let token = signer::sign(header, claims);
    let told = reference::at_event_door(&token, try_security_event);
    if let Ok(told) = &told {
        check(header, claims, told);
        assert!(reference::at_event_door(&token, try_logout_token).is_err(), "it is both");
        assert!(!is_id_token(&token), "it says who somebody is");
    }
    told.is_ok()
}

/// RFC 8417 §2.2, and Google's slash.
fn check(header: &[u8], claims: &[u8], told: &Value) {
    let claims = reference::check_event(header, claims, "secevent+jwt", told);
    let issuer = claims["iss"].as_str().expect("text");
    assert_eq!(issuer.strip_suffix('/').unwrap_or(issuer), ISSUER);
    assert!(claims["events"].as_object().is_some_and(|events| !events.is_empty()), "{claims}");
    assert_eq!(told["events"], claims["events"]);
}

fn is_id_token(token: &str) -> bool {
    let token = IdToken::new(token);
    let verified = reference::with_expected(|expected| {
        let token = UnverifiedIdToken::parse(&token)?;
        verify_id_token(&token, signer::keys(), expected, &mut Receipt::unkept())
    });
    verified.is_ok()
}
