//! The tokeninfo endpoints, which say what a token is: v3 in strings only, v1 and v2 in JSON types
//! and under older names.

mod v1;
mod v3;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde_json::Value;

pub(crate) use self::v1::endpoint as v1;
pub(crate) use self::v3::endpoint as v3;
use crate::bearer;
use crate::jws::Jws;
use crate::object::Object;
use crate::reply::{self, OAuthError};
use crate::seed::User;
use crate::state::Shared;
use crate::state::grants::AccessToken;

/// What somebody wants to know about.
enum Subject {
    AccessToken(String),
    IdToken(String),
    Nothing,
}

impl Subject {
    /// From the query, a form, a JSON object, or the header.
    fn of(headers: &HeaderMap, query: Option<&str>, body: &[u8]) -> Self {
        let param = |name| param(name, headers, query, body);
        let bearer = || bearer::token(headers).map(str::to_owned);
        match (param("id_token"), param("access_token").or_else(bearer)) {
            (Some(token), _) => Self::IdToken(token),
            (None, Some(token)) => Self::AccessToken(token),
            (None, None) => Self::Nothing,
        }
    }
}

fn param(name: &str, headers: &HeaderMap, query: Option<&str>, body: &[u8]) -> Option<String> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if content_type.is_some_and(|value| value.starts_with("application/json")) {
        let object: Value = serde_json::from_slice(body).unwrap_or_default();
        if let Some(value) = object[name].as_str() {
            return Some(value.to_owned());
        }
        return bearer::param(name, query, &[]);
    }
    bearer::param(name, query, body)
}

/// An ID token that a published key signed and that has not expired.
fn verified<'a>(shared: &Shared, id_token: &'a str) -> Option<Jws<'a>> {
    let jws = Jws::parse(id_token)?;
    let kid = jws.kid().filter(|_| jws.is_rs256())?;
    let published = shared.state().keys.published();
    let key = published.iter().find(|key| key.kid == kid)?;
    let good = key.verifies(jws.message, &jws.signature);
    let live = jws.claims.get("exp")?.as_i64()? > shared.clock.now_unix();
    (good && live).then_some(jws)
}

/// Says what the token of a request is, each kind in the words of one version.
fn tell(
    shared: &Shared,
    asked: Subject,
    of_id_token: impl FnOnce(&Jws<'_>) -> Object,
    of_access_token: impl FnOnce(&AccessToken, &User) -> Object,
) -> Response {
    match asked {
        Subject::IdToken(token) => answer(verified(shared, &token).as_ref().map(of_id_token)),
        Subject::AccessToken(token) => {
            let caller = bearer::caller(shared, &token);
            answer(caller.map(|(token, user)| of_access_token(&token, &user)))
        }
        Subject::Nothing => nothing_asked(),
    }
}

fn answer(info: Option<Object>) -> Response {
    match info {
        Some(info) => reply::esf_json(StatusCode::OK, &info),
        None => refused("invalid_token", "Invalid Value"),
    }
}

fn nothing_asked() -> Response {
    refused("invalid_request", "Bad Request")
}

fn refused(error: &'static str, description: &str) -> Response {
    let error = OAuthError::bad_request(error, description);
    reply::esf_json(error.status, &error.body())
}

fn access_type(token: &AccessToken) -> &'static str {
    if token.offline { "offline" } else { "online" }
}
