//! `/tokeninfo` and `/oauth2/v3/tokeninfo`: every value is a string.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;

use super::{Subject, access_type, tell};
use crate::jws::Jws;
use crate::object::Object;
use crate::scopes;
use crate::seed::User;
use crate::state::Shared;
use crate::state::grants::AccessToken;

pub(crate) async fn endpoint(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let asked = Subject::of(&headers, query.as_deref(), &body);
    tell(&shared, asked, of_id_token, |token, user| of_access_token(&shared, token, user))
}

fn of_access_token(shared: &Shared, token: &AccessToken, user: &User) -> Object {
    let signed_in = [scopes::OPENID, scopes::PROFILE].iter().any(|s| token.scopes.contains(*s));
    let info = Object::default()
        .with("azp", token.client_id.as_str())
        .with("aud", token.client_id.as_str())
        .with_some("sub", signed_in.then_some(user.sub.as_str()))
        .with("scope", scopes::join(&token.scopes))
        .with("exp", token.expires_at.to_string())
        .with("expires_in", (token.expires_at - shared.clock.now_unix()).to_string());
    let info = if token.scopes.contains(scopes::EMAIL) {
        info.with("email", user.email.as_str())
            .with("email_verified", user.email_verified.to_string())
    } else {
        info
    };
    info.with("access_type", access_type(token))
}

/// The payload in its own order, then the header.
fn of_id_token(jws: &Jws<'_>) -> Object {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let claims = jws.claims.members().map(|(name, value)| (name, text(value)));
    let info = claims.fold(Object::default(), |info, (name, value)| info.with(name, value));
    info.with("alg", "RS256").with_some("kid", jws.kid()).with("typ", "JWT")
}
