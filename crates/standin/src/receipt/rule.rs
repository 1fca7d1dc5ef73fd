//! The checks that a receipt can show, each with the requirement that asks for it.

/// A check's name, and its requirement in `docs/requirements.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) requirement: &'static str,
}

macro_rules! rules {
    ($($name:ident = $words:literal, $requirement:literal;)+) => {
        /// Every rule.
        pub(crate) mod rules {
            use super::Rule;
            $(pub(crate) const $name: Rule = Rule { name: $words, requirement: $requirement };)+

            #[cfg(test)]
            pub(super) const ALL: &[Rule] = &[$($name,)+];
        }
    };
}

rules! {
    // The answer, and whose it is.
    FORM = "form of the answer", "AR-7";
    SIZE = "size of the answer", "CB-15";
    STATE_THERE = "state", "CB-1";
    ONE_ANSWER = "code or error", "CB-6";
    COOKIE = "cookie of the attempt", "CB-2";
    STATE = "state of the cookie", "CB-1";
    TIME = "time since it began", "CB-1";
    RESPONSE_MODE = "way it came", "CB-7";
    PROVIDER = "provider", "CB-4";
    REGISTRATION = "issuer and client id as begun", "AR-4";
    ANSWER_ISSUER = "issuer of the answer", "CB-5";
    SINGLE_USE = "first use", "CB-3";
    TOKENS_ASKED_FOR = "tokens beside the code", "CB-10";
    SESSION = "session that asked", "AR-4";
    DECISION = "decision", "CB-6";
    ACCOUNT = "account", "CB-14";
    OWNER = "whose the account is", "CB-14";
    ACCOUNT_ENABLED = "account not disabled", "RI-5";
    LISTED = "lists of who may sign in", "ID-14";
    SIGN_UP = "who may be new", "SC-7";
    // The exchange.
    ANSWERED = "the provider answers", "CB-9";
    CODE_ACCEPTED = "code is accepted", "CB-9";
    CLIENT_ACCEPTED = "client is accepted", "CB-9";
    TOKEN_ANSWER = "form of the token answer", "CB-11";
    ID_TOKEN = "ID token", "CB-10";
    API_ACCOUNT = "account of the access token", "CB-10";
    // The ID token.
    TOKEN_SIZE = "size and parts", "ID-19";
    TOKEN_FORM = "encoding and JSON", "ID-4";
    HEADER = "type and extensions", "ID-3";
    ALGORITHM = "alg", "ID-1";
    KEY = "key of that name", "ID-17";
    KEY_FITS = "key is for alg", "ID-2";
    SIGNATURE = "signature", "ID-1";
    ISSUER = "iss", "ID-5";
    AUDIENCE = "aud", "ID-6";
    AUTHORIZED_PARTY = "azp", "ID-6";
    EXPIRY = "exp", "ID-7";
    ISSUED_AT = "iat", "ID-7";
    LIFETIME = "iat to exp", "ID-7";
    NOT_BEFORE = "nbf", "ID-7";
    NONCE = "nonce", "ID-8";
    AUTHENTICATION_CONTEXT = "acr", "ID-23";
    AUTHENTICATION_TIME = "auth_time, at the earliest", "ID-23";
    ACCESS_TOKEN_HASH = "at_hash", "ID-10";
    CODE_HASH = "c_hash", "ID-10";
    HOSTED_DOMAIN = "hd", "ID-15";
    TENANT = "tid", "ID-5";
    SUBJECT = "sub", "ID-9";
    SAME_PERSON = "person of both ID tokens", "ID-11";
    USERINFO_SUBJECT = "sub of userinfo", "ID-16";
    // The credential of a button.
    NONCE_KNOWN = "nonce of this browser", "ID-20";
    CAME_ALONE = "made for the button", "ID-20";
    CREDENTIAL_FIRST_USE = "first use of the credential", "ID-20";
}

#[cfg(test)]
mod tests {
    use super::rules::ALL;

    #[test]
    fn every_check_names_a_requirement_that_is_listed() {
        let listed = include_str!("../../../../docs/requirements.md");
        for rule in ALL {
            let row = format!("\n| {} |", rule.requirement);
            assert!(listed.contains(&row), "{rule:?}");
        }
    }
}
