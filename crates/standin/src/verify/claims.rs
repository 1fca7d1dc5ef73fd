//! The claims of an ID token, and of a userinfo answer (OpenID Connect Core §2, §5.1; `hd` is Google's, `tid` and `xms_edov` are
//! Microsoft's).
//!
//! The signed bytes go in, and each claim comes out as the JSON value it was: whether it is good enough is
//! the business of the steps in `id_token.rs`. Claims that are not listed here are ignored, as they must be.

use super::email;
use super::identity::{LeftOut, Profile};
use super::strict_json::{Members, Value};

/// Longest name or picture address that is kept.
const MAX_TEXT_BYTES: usize = 2048;

#[derive(Default)]
pub(super) struct Claims<'de> {
    pub(super) acr: Value<'de>,
    pub(super) at_hash: Value<'de>,
    pub(super) aud: Value<'de>,
    pub(super) auth_time: Value<'de>,
    pub(super) azp: Value<'de>,
    pub(super) c_hash: Value<'de>,
    pub(super) email: Value<'de>,
    pub(super) email_verified: Value<'de>,
    pub(super) exp: Value<'de>,
    pub(super) hd: Value<'de>,
    pub(super) iat: Value<'de>,
    pub(super) iss: Value<'de>,
    pub(super) name: Value<'de>,
    pub(super) nbf: Value<'de>,
    pub(super) nonce: Value<'de>,
    pub(super) picture: Value<'de>,
    pub(super) sid: Value<'de>,
    pub(super) sub: Value<'de>,
    pub(super) tid: Value<'de>,
    pub(super) xms_edov: Value<'de>,
}

impl<'de> Members<'de> for Claims<'de> {
    fn slot(&mut self, name: &str) -> Option<&mut Value<'de>> {
        Some(match name {
            "acr" => &mut self.acr,
            "at_hash" => &mut self.at_hash,
            "aud" => &mut self.aud,
            "auth_time" => &mut self.auth_time,
            "azp" => &mut self.azp,
            "c_hash" => &mut self.c_hash,
            "email" => &mut self.email,
            "email_verified" => &mut self.email_verified,
            "exp" => &mut self.exp,
            "hd" => &mut self.hd,
            "iat" => &mut self.iat,
            "iss" => &mut self.iss,
            "name" => &mut self.name,
            "nbf" => &mut self.nbf,
            "nonce" => &mut self.nonce,
            "picture" => &mut self.picture,
            "sid" => &mut self.sid,
            "sub" => &mut self.sub,
            "tid" => &mut self.tid,
            "xms_edov" => &mut self.xms_edov,
            _ => return None,
        })
    }
}

impl Claims<'_> {
    /// The attributes, each kept only if it is what it should be. They decide nothing, so an odd one is
    /// left out rather than keeping its owner from signing in. `vouched` is the claim in which this provider says that
    /// the address has been verified.
    pub(super) fn profile(&self, vouched: &Value<'_>) -> Profile {
        let email = self.email.text().and_then(email::canonical);
        // Only the boolean counts: some provider's "false" is a string that is not empty.
        let email_verified = email.is_some() && *vouched == Value::Bool(true);
        let is_https = |address: &String| address.starts_with("https://");
        Profile {
            email,
            email_verified,
            name: shown(&self.name),
            picture: shown(&self.picture).filter(is_https),
            hosted_domain: shown(&self.hd),
        }
    }

    /// The provider's own session, where it names one (OpenID Connect Front-Channel Logout 1.0 §3).
    pub(super) fn session_id(&self) -> Option<String> {
        shown(&self.sid)
    }

    /// The attributes that are not mentioned.
    pub(super) fn left_out(&self) -> LeftOut {
        LeftOut {
            email: self.email == Value::Absent,
            name: self.name == Value::Absent,
            picture: self.picture == Value::Absent,
        }
    }
}

pub(super) fn shown(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let fit = !text.is_empty() && text.len() <= MAX_TEXT_BYTES && !text.contains(char::is_control);
    fit.then(|| text.to_owned())
}
