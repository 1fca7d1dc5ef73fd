//! The parameters of an authorization request as they came, and the complaints about single ones.

use crate::authorize::error::AuthError;

/// What Google reads. Others are ignored, however often they come.
const KNOWN: [&str; 34] = [
    "access_type",
    "approval_prompt",
    "claims",
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "cookie_policy",
    "device_id",
    "device_name",
    "display",
    "enable_granular_consent",
    "enable_serial_consent",
    "fetch_basic_profile",
    "gsiwebsdk",
    "hd",
    "hl",
    "immediate",
    "include_granted_scopes",
    "login_hint",
    "nonce",
    "openid.realm",
    "origin",
    "prompt",
    "proxy",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
    "ss_domain",
    "state",
    "ui_locales",
];

/// What the error page's address repeats.
const ECHOED: [&str; 4] = ["client_id", "access_type", "prompt", "code_challenge_method"];

#[derive(Clone, Copy)]
pub(super) struct Params<'a>(&'a [(String, String)]);

impl<'a> Params<'a> {
    /// Refuses a known parameter that comes twice.
    pub(super) fn new(params: &'a [(String, String)]) -> Result<Self, AuthError> {
        for (index, (name, _)) in params.iter().enumerate() {
            let again = params[..index].iter().any(|(earlier, _)| earlier == name);
            if again && KNOWN.contains(&name.as_str()) {
                let text = format!("OAuth 2 parameters can only have a single value: {name}");
                return Err(AuthError::invalid_request(text));
            }
        }
        Ok(Self(params))
    }

    /// A parameter's value; an empty one counts as absent.
    pub(super) fn get(self, name: &str) -> Option<&'a str> {
        let value = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    pub(super) fn owned(self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    pub(super) fn require(self, name: &str) -> Result<&'a str, AuthError> {
        self.get(name).ok_or_else(|| AuthError::missing(name))
    }

    pub(super) fn one_of(self, name: &str, known: &[&str]) -> Result<Option<&'a str>, AuthError> {
        match self.get(name) {
            Some(value) if !known.contains(&value) => Err(invalid(name, value)),
            value => Ok(value),
        }
    }

    pub(super) fn flag(self, name: &str) -> Result<Option<bool>, AuthError> {
        Ok(self.one_of(name, &["true", "false"])?.map(|value| value == "true"))
    }

    /// Refuses parameters that have no place beside the response type.
    pub(super) fn refuse(self, names: &[&str]) -> Result<(), AuthError> {
        match names.iter().find(|name| self.get(name).is_some()) {
            None => Ok(()),
            Some(name) => {
                let text = format!("Parameter not allowed for this message type: {name}");
                Err(AuthError::invalid_request(text))
            }
        }
    }

    pub(super) fn echo(self) -> Vec<(String, String)> {
        echo(self.0)
    }
}

/// The parameters that the error page's address repeats, in the order in which they came.
pub(in crate::authorize) fn echo(params: &[(String, String)]) -> Vec<(String, String)> {
    params.iter().filter(|(name, _)| ECHOED.contains(&name.as_str())).cloned().collect()
}

pub(super) fn invalid(name: &str, value: &str) -> AuthError {
    AuthError::invalid_request(format!("Invalid {name}: {value}"))
}
