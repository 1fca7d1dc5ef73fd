//! Access tokens as requests carry them, and the user behind one.

use axum::http::{HeaderMap, header};

use crate::seed::User;
use crate::state::Shared;
use crate::state::grants::AccessToken;

/// The token of an `Authorization: Bearer` header.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A live token and its user, who may be a service account; `None` if the token is unknown, revoked or expired.
pub(crate) fn caller(shared: &Shared, token: &str) -> Option<(AccessToken, User)> {
    let now = shared.clock.now_unix();
    let state = shared.state();
    let token = state.grants.live_access(token, now)?.clone();
    let user = state.account(&token.owner.sub)?;
    Some((token, user))
}

/// A parameter of the query or, failing that, of a form body.
pub(crate) fn param(name: &str, query: Option<&str>, body: &[u8]) -> Option<String> {
    let query = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut pairs = query.chain(form_urlencoded::parse(body));
    pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}
