//! Calendar v3 and Drive v3, as far as a demo and scope tests need them.
//!
//! Every call is authenticated before its body is looked at, refused in Google's words, and written
//! to the ledger with the status it got.

pub(crate) mod calendar;
pub(crate) mod drive;
mod multipart;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::bearer;
use crate::object::Object;
use crate::reply;
use crate::scopes;
use crate::seed::User;
use crate::state::Shared;
use crate::state::grants::AccessToken;
use crate::state::ledger::{Event, Kind};

/// What Google says without a token, and on older endpoints with one that is no good.
pub(crate) const MISSING_CREDENTIAL: &str = "Request is missing required authentication credential. \
    Expected OAuth 2 access token, login cookie or other valid authentication credential. See \
    https://developers.google.com/identity/sign-in/web/devconsole-project.";
const INVALID_CREDENTIAL: &str = "Request had invalid authentication credentials. \
    Expected OAuth 2 access token, login cookie or other valid authentication credential. See \
    https://developers.google.com/identity/sign-in/web/devconsole-project.";
const REALM: &str = "Bearer realm=\"https://accounts.google.com/\"";

/// An API method: its names in error bodies, and the scopes of which one is enough.
#[derive(Debug)]
struct Method {
    service: &'static str,
    name: &'static str,
    scopes: &'static [&'static str],
}

/// Whom a call acts for.
#[derive(Debug)]
struct Caller {
    token: AccessToken,
    user: User,
}

/// A query parameter of a call.
fn query_param(parts: &Parts, name: &str) -> Option<String> {
    bearer::param(name, parts.uri.query(), &[])
}

/// Authenticates a call, does its work if that is allowed, and writes the ledger.
fn call(
    shared: &Shared,
    parts: &Parts,
    method: &Method,
    work: impl FnOnce(&Caller) -> Response,
) -> Response {
    let token = bearer::token(&parts.headers);
    let caller = token.and_then(|token| bearer::caller(shared, token));
    let caller = caller.map(|(token, user)| Caller { token, user });
    let response = match (&caller, token) {
        (Some(caller), _) if method.accepts(&caller.token) => work(caller),
        (Some(_), _) => method.insufficient_scope(),
        (None, Some(_)) => invalid_credential(),
        (None, None) => missing_credential(),
    };
    let mut event = Event::new(Kind::ApiCall)
        .with("method", parts.method.as_str())
        .with("path", parts.uri.path())
        .with("status", response.status().as_u16())
        .hashed_some("access_token", token);
    if let Some(Caller { token, user }) = caller {
        event = event.user(user.email).client(token.client_id);
    }
    shared.record(event);
    response
}

impl Method {
    fn accepts(&self, token: &AccessToken) -> bool {
        self.scopes.iter().any(|name| token.scopes.contains(&scopes::url(name)))
    }

    fn insufficient_scope(&self) -> Response {
        let metadata = json!({"service": self.service, "method": self.name});
        let mut error = json!({
            "code": 403,
            "message": "Request had insufficient authentication scopes.",
            "status": "PERMISSION_DENIED",
            "details": [error_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", metadata)],
        });
        // Calendar still carries the older list, Drive no longer does.
        if self.service.starts_with("calendar") {
            error["errors"] = json!([{
                "message": "Insufficient Permission",
                "domain": "global",
                "reason": "insufficientPermissions",
            }]);
        }
        let scopes: Vec<String> = self.scopes.iter().map(|name| scopes::url(name)).collect();
        let challenge =
            format!("{REALM}, error=\"insufficient_scope\", scope=\"{}\"", scopes.join(" "));
        challenged(StatusCode::FORBIDDEN, &challenge, error)
    }
}

fn missing_credential() -> Response {
    let error = json!({
        "code": 401,
        "message": MISSING_CREDENTIAL,
        "status": "UNAUTHENTICATED",
        "details": [error_info("CREDENTIALS_MISSING", json!({}))],
    });
    challenged(StatusCode::UNAUTHORIZED, REALM, error)
}

fn invalid_credential() -> Response {
    let error = json!({"code": 401, "message": INVALID_CREDENTIAL, "status": "UNAUTHENTICATED"});
    challenged(StatusCode::UNAUTHORIZED, &format!("{REALM}, error=\"invalid_token\""), error)
}

fn error_info(reason: &str, mut metadata: Value) -> Value {
    if metadata.as_object().is_some_and(serde_json::Map::is_empty) {
        metadata = json!({"service": "googleapis.com"});
    }
    json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": metadata,
    })
}

fn challenged(status: StatusCode, challenge: &str, error: Value) -> Response {
    let mut response = reply::json(status, &Object::default().with("error", error));
    if let Ok(value) = HeaderValue::from_str(challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

/// An error of a method that was allowed: bad input, no such thing.
fn refusal(status: StatusCode, reason: &str, message: &str) -> Response {
    let error = json!({
        "errors": [{"domain": "global", "reason": reason, "message": message}],
        "code": status.as_u16(),
        "message": message,
    });
    reply::json(status, &Object::default().with("error", error))
}

/// An instant as Google writes it, in milliseconds and UTC.
fn rfc3339(unix_ms: i64) -> String {
    let nanoseconds = i128::from(unix_ms) * 1_000_000;
    let instant = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds);
    instant.ok().and_then(|instant| instant.format(&Rfc3339).ok()).unwrap_or_default()
}

/// The body of a request within the router's limit, and the rest of it.
async fn taken_apart(request: Request) -> Result<(Parts, axum::body::Bytes), Response> {
    use axum::extract::FromRequest;
    use axum::response::IntoResponse;

    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts.clone(), body);
    let body = axum::body::Bytes::from_request(request, &());
    body.await.map(|body| (parts, body)).map_err(IntoResponse::into_response)
}
