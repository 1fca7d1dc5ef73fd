//! Authorization codes: what each is bound to, and which came twice.

use std::collections::BTreeSet;

use super::grants::{Grants, Owner};
use crate::chance;
use crate::id_token::Extras;

/// How long a code lives, in milliseconds.
const LIFETIME_MS: i64 = 10 * 60 * 1000;

/// So many codes are told from invented ones after they have died.
const REMEMBERED: usize = 20_000;

/// An authorization code and all it is bound to.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) owner: Owner,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) nonce: Option<String>,
    /// What else the ID token is to say.
    pub(crate) extras: Extras,
    pub(crate) offline: bool,
    pub(crate) consent_shown: bool,
    pub(crate) issued_at: i64,
    /// Spent, or taken back with the grant it came of.
    pub(crate) redeemed: bool,
}

/// What the client must prove at the token endpoint (RFC 7636).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Challenge {
    Plain(String),
    S256(String),
}

impl Code {
    /// Takes milliseconds.
    pub(crate) fn is_expired(&self, now: i64) -> bool {
        self.issued_at + LIFETIME_MS < now
    }
}

impl Challenge {
    pub(crate) fn is_met_by(&self, verifier: &str) -> bool {
        match self {
            Self::Plain(challenge) => challenge == verifier,
            Self::S256(challenge) => {
                let hash = chance::sha256(verifier.as_bytes());
                *challenge == data_encoding::BASE64URL_NOPAD.encode(&hash)
            }
        }
    }
}

impl Grants {
    /// Stores a code. Whoever demanded a sign-in has signed all browsers out, so whoever gets a code
    /// has signed in since: the demand is met.
    pub(crate) fn add_code(&mut self, code: Code) -> String {
        let text = chance::authorization_code();
        self.signed_in(&code.owner.sub);
        let now = code.issued_at;
        self.codes.insert(text.clone(), code);
        self.codes.drop_oldest_while(|count, code| {
            count > REMEMBERED && (code.redeemed || code.is_expired(now))
        });
        text
    }

    pub(crate) fn code(&mut self, text: &str) -> Option<&mut Code> {
        self.codes.get_mut(text)
    }

    /// Ends every token that descends from one code, and those still on their way.
    pub(crate) fn replay(&mut self, code: &str) {
        self.replayed.insert(code.to_owned(), ());
        self.replayed.drop_oldest_while(|count, ()| count > REMEMBERED);
        self.kill_where(|_, family| family == code);
    }

    /// The second use may overtake the first one's answer.
    pub(super) fn is_replayed(&self, code: &str) -> bool {
        self.replayed.get(code).is_some()
    }

    /// No code of this grant gives anything any more, and each is still told from an invented one.
    pub(super) fn spend_codes(&mut self, owner: &Owner) {
        for code in self.codes.values_mut().filter(|code| code.owner == *owner) {
            code.redeemed = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_7636_appendix_b_holds() {
        let challenge = Challenge::S256("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned());
        assert!(challenge.is_met_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert!(!challenge.is_met_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl"));
    }
}
