//! The tokeninfo endpoints, which say what a token is: v3 in strings only, v1 and v2 in JSON types.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};

use crate::bearer;
use crate::object::Object;
use crate::reply::{self, OAuthError};
use crate::scopes;
use crate::seed::User;
use crate::state::Shared;
use crate::state::grants::AccessToken;

/// `/tokeninfo` and `/oauth2/v3/tokeninfo`: an access token or an ID token.
pub(crate) async fn v3(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    if let Some(id_token) = param("id_token", &headers, query.as_deref(), &body) {
        return answer(id_token_info(&shared, &id_token));
    }
    let Some(token) = access_token(&headers, query.as_deref(), &body) else {
        return OAuthError::bad_request("invalid_request", "Bad Request").into_response();
    };
    let caller = bearer::caller(&shared, &token);
    answer(caller.map(|(token, user)| access_token_info(&shared, &token, &user)))
}

/// `/oauth2/v1/tokeninfo` and `/oauth2/v2/tokeninfo`: access tokens, under older names.
pub(crate) async fn v1(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let Some(token) = access_token(&headers, query.as_deref(), &body) else {
        return OAuthError::bad_request("invalid_request", "Bad Request").into_response();
    };
    let caller = bearer::caller(&shared, &token);
    answer(caller.map(|(token, user)| older_access_token_info(&shared, &token, &user)))
}

fn answer(info: Option<Object>) -> Response {
    match info {
        Some(info) => reply::uncached_json(StatusCode::OK, &info),
        None => OAuthError::bad_request("invalid_token", "Invalid Value").into_response(),
    }
}

fn access_token_info(shared: &Shared, token: &AccessToken, user: &User) -> Object {
    let signed_in = token.scopes.contains(scopes::OPENID);
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

fn older_access_token_info(shared: &Shared, token: &AccessToken, user: &User) -> Object {
    let signed_in = token.scopes.contains(scopes::OPENID);
    let info = Object::default()
        .with("issued_to", token.client_id.as_str())
        .with("audience", token.client_id.as_str())
        .with_some("user_id", signed_in.then_some(user.sub.as_str()))
        .with("scope", scopes::join(&token.scopes))
        .with("expires_in", token.expires_at - shared.clock.now_unix());
    let info = if token.scopes.contains(scopes::EMAIL) {
        info.with("email", user.email.as_str()).with("verified_email", user.email_verified)
    } else {
        info
    };
    info.with("access_type", access_type(token))
}

fn access_type(token: &AccessToken) -> &'static str {
    if token.offline { "offline" } else { "online" }
}

/// The payload of an ID token signed by a published key and not expired, all values as strings.
fn id_token_info(shared: &Shared, id_token: &str) -> Option<Object> {
    let header = jsonwebtoken::decode_header(id_token).ok()?;
    let kid = header.kid?;
    let published = shared.state().keys.published();
    let jwk = published.iter().find(|key| key.kid == kid)?.jwk();
    let key = DecodingKey::from_rsa_components(jwk["n"].as_str()?, jwk["e"].as_str()?).ok()?;
    let mut validation = Validation::new(Algorithm::RS256);
    // Expiry is judged by the emulator's clock, below, not by the machine's.
    validation.validate_exp = false;
    validation.validate_aud = false;
    let claims =
        jsonwebtoken::decode::<Map<String, Value>>(id_token, &key, &validation).ok()?.claims;
    if claims.get("exp")?.as_i64()? <= shared.clock.now_unix() {
        return None;
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let info =
        claims.iter().fold(Object::default(), |info, (name, value)| info.with(name, text(value)));
    Some(info.with("alg", "RS256").with("kid", kid).with("typ", "JWT"))
}

fn access_token(headers: &HeaderMap, query: Option<&str>, body: &[u8]) -> Option<String> {
    param("access_token", headers, query, body)
        .or_else(|| bearer::token(headers).map(str::to_owned))
}

/// From the query, a form, or a JSON object.
fn param(name: &str, headers: &HeaderMap, query: Option<&str>, body: &[u8]) -> Option<String> {
    let content_type = headers.get("content-type").and_then(|value| value.to_str().ok());
    if content_type.is_some_and(|value| value.starts_with("application/json")) {
        let object: Value = serde_json::from_slice(body).ok()?;
        return object[name].as_str().map(str::to_owned);
    }
    bearer::param(name, query, body)
}
