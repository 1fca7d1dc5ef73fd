//! What a request wants the ID token to say beyond its usual claims.
//!
//! `claims` is read as far as Google reads it: one essential `auth_time`. `openid.realm` comes from
//! applications that knew their users by OpenID 2.0.

use serde_json::Value;

use super::{Params, invalid};
use crate::authorize::error::AuthError;
use crate::chance;
use crate::id_token::Extras;

/// Claims that were asked for.
#[derive(Clone, Debug, Default)]
pub(in crate::authorize) struct Wanted {
    auth_time: bool,
    realm: Option<String>,
}

impl Wanted {
    pub(super) fn check(params: Params<'_>) -> Result<Self, AuthError> {
        let auth_time = match params.get("claims") {
            None => false,
            Some(text) => {
                let claims: Value =
                    serde_json::from_str(text).map_err(|_| invalid("claims", text))?;
                claims["id_token"]["auth_time"]["essential"] == true
            }
        };
        Ok(Self { auth_time, realm: params.owned("openid.realm") })
    }

    /// The claims for one user, who signed in at `since`; a project must have switched `auth_time` on.
    pub(in crate::authorize) fn of(&self, sub: &str, since: Option<i64>, enabled: bool) -> Extras {
        Extras {
            auth_time: since.filter(|_| self.auth_time && enabled),
            openid_id: self.realm.as_deref().map(|realm| openid_id(sub, realm)),
        }
    }
}

/// OpenID 2.0 gave a user another identifier in each realm.
fn openid_id(sub: &str, realm: &str) -> String {
    let hash = chance::sha256(format!("{sub} {realm}").as_bytes());
    let id = data_encoding::BASE64URL_NOPAD.encode(&hash);
    format!("https://www.google.com/accounts/o8/id?id=AItOawk{}", &id[..36])
}
