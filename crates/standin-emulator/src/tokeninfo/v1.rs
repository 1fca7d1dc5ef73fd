//! `/oauth2/v1/tokeninfo` and `/oauth2/v2/tokeninfo`: older names, and values in their JSON types.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

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
    let now = shared.clock.now_unix();
    let asked = Subject::of(&headers, query.as_deref(), &body);
    tell(
        &shared,
        asked,
        |jws| of_id_token(jws, now),
        |token, user| of_access_token(token, user, now),
    )
}

fn of_access_token(token: &AccessToken, user: &User, now: i64) -> Object {
    let signed_in = [scopes::OPENID, scopes::PROFILE].iter().any(|s| token.scopes.contains(*s));
    let info = Object::default()
        .with("issued_to", token.client_id.as_str())
        .with("audience", token.client_id.as_str())
        .with_some("user_id", signed_in.then_some(user.sub.as_str()))
        .with("scope", scopes::join(&token.scopes))
        .with("expires_in", token.expires_at - now);
    let info = if token.scopes.contains(scopes::EMAIL) {
        info.with("email", user.email.as_str()).with("verified_email", user.email_verified)
    } else {
        info
    };
    info.with("access_type", access_type(token))
}

fn of_id_token(jws: &Jws<'_>, now: i64) -> Object {
    let claim = |name| jws.claims.get(name).cloned();
    let expires_in = jws.claims.get("exp").and_then(serde_json::Value::as_i64).map(|at| at - now);
    Object::default()
        .with_some("issuer", claim("iss"))
        .with_some("issued_to", claim("azp"))
        .with_some("audience", claim("aud"))
        .with_some("user_id", claim("sub"))
        .with_some("expires_in", expires_in)
        .with_some("issued_at", claim("iat"))
        .with_some("email", claim("email"))
        .with_some("email_verified", claim("email_verified"))
}
