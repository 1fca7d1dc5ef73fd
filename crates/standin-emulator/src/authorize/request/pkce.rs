//! PKCE (RFC 7636): the challenge that a code is bound to.

use super::{Params, Part, ResponseType, invalid};
use crate::authorize::error::AuthError;
use crate::state::grants::Challenge;

/// Without a method a challenge is `plain`; without a code there is nothing to challenge.
pub(super) fn check(
    params: Params<'_>,
    response: &ResponseType,
) -> Result<Option<Challenge>, AuthError> {
    if response.is_front() && !response.has(Part::Code) {
        params.refuse(&["code_challenge", "code_challenge_method"])?;
    }
    let method = params.one_of("code_challenge_method", &["S256", "plain"])?;
    let Some(challenge) = params.get("code_challenge") else {
        return match method {
            Some(_) => Err(AuthError::missing("code_challenge")),
            None => Ok(None),
        };
    };
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !(43..=128).contains(&challenge.len()) || !challenge.bytes().all(unreserved) {
        return Err(invalid("code_challenge", challenge));
    }
    let challenge = challenge.to_owned();
    Ok(Some(match method {
        Some("S256") => Challenge::S256(challenge),
        _ => Challenge::Plain(challenge),
    }))
}
