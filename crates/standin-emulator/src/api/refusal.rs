//! How calls fail: before they are allowed, in the envelope that all of Google shares, and after, in
//! the older one whose member order each API has kept for itself.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::call::Method;
use super::shape::{InOrder, Shape, nested, plain};
use crate::scopes;

/// What Google says without a token, and on older endpoints with one that is no good.
pub(crate) const MISSING_CREDENTIAL: &str = "Request is missing required authentication credential. \
    Expected OAuth 2 access token, login cookie or other valid authentication credential. See \
    https://developers.google.com/identity/sign-in/web/devconsole-project.";
const INVALID_CREDENTIAL: &str = "Request had invalid authentication credentials. \
    Expected OAuth 2 access token, login cookie or other valid authentication credential. See \
    https://developers.google.com/identity/sign-in/web/devconsole-project.";
const REALM: &str = "Bearer realm=\"https://accounts.google.com/\"";

const INFO: Shape = Shape(&[
    plain("@type"),
    plain("reason"),
    plain("domain"),
    nested("metadata", &Shape(&[plain("service"), plain("method")])),
]);
/// Code first: every API before a call is allowed, and Drive throughout.
pub(crate) const NEWER: Shape = Shape(&[nested(
    "error",
    &Shape(&[
        plain("code"),
        plain("message"),
        nested(
            "errors",
            &Shape(&[
                plain("message"),
                plain("domain"),
                plain("reason"),
                plain("location"),
                plain("locationType"),
            ]),
        ),
        plain("status"),
        nested("details", &INFO),
    ]),
)]);
/// The list of errors first: Calendar.
pub(crate) const OLDER: Shape = Shape(&[nested(
    "error",
    &Shape(&[
        nested(
            "errors",
            &Shape(&[
                plain("domain"),
                plain("reason"),
                plain("message"),
                plain("locationType"),
                plain("location"),
            ]),
        ),
        plain("code"),
        plain("message"),
    ]),
)]);

/// An error of a method that was allowed: bad input, no such thing, no room.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    domain: &'static str,
    reason: &'static str,
    pub(super) message: String,
    /// Where the fault is: `parameter` or `header`, and its name.
    at: Option<(&'static str, &'static str)>,
}

impl Refusal {
    pub(super) fn new(
        status: StatusCode,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { status, domain: "global", reason, message: message.into(), at: None }
    }

    pub(super) fn bad_request(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason, message)
    }

    pub(super) fn invalid_parameter(name: &'static str, message: String) -> Self {
        Self::bad_request("invalidParameter", message).at("parameter", name)
    }

    pub(super) fn domain(self, domain: &'static str) -> Self {
        Self { domain, ..self }
    }

    pub(super) fn at(self, kind: &'static str, name: &'static str) -> Self {
        Self { at: Some((kind, name)), ..self }
    }

    pub(super) fn into_response(self, envelope: &Shape) -> Response {
        let Self { status, domain, reason, message, at } = self;
        let mut error = json!({"domain": domain, "reason": reason, "message": message});
        if let Some((kind, name)) = at {
            error["locationType"] = kind.into();
            error["location"] = name.into();
        }
        let error = json!({"errors": [error], "code": status.as_u16(), "message": message});
        json_answer(status, envelope, &json!({"error": error}), true)
    }
}

pub(super) fn missing_credential() -> Response {
    let error = json!({
        "code": 401,
        "message": MISSING_CREDENTIAL,
        "status": "UNAUTHENTICATED",
        "details": [info("CREDENTIALS_MISSING", &json!({"service": "googleapis.com"}))],
    });
    challenged(StatusCode::UNAUTHORIZED, REALM, &error)
}

pub(super) fn invalid_credential() -> Response {
    let error = json!({"code": 401, "message": INVALID_CREDENTIAL, "status": "UNAUTHENTICATED"});
    challenged(StatusCode::UNAUTHORIZED, &format!("{REALM}, error=\"invalid_token\""), &error)
}

pub(super) fn insufficient_scope(method: &Method) -> Response {
    let metadata = json!({"service": method.api.service, "method": method.name});
    let mut error = json!({
        "code": 403,
        "message": "Request had insufficient authentication scopes.",
        "status": "PERMISSION_DENIED",
        "details": [info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", &metadata)],
    });
    if method.api.lists_insufficient_permissions {
        error["errors"] = json!([{
            "message": "Insufficient Permission",
            "domain": "global",
            "reason": "insufficientPermissions",
        }]);
    }
    let scopes: Vec<String> = method.scopes.iter().map(|name| scopes::url(name)).collect();
    let scopes = scopes.join(" ");
    let challenge = format!("{REALM}, error=\"insufficient_scope\", scope=\"{scopes}\"");
    challenged(StatusCode::FORBIDDEN, &challenge, &error)
}

fn info(reason: &str, metadata: &Value) -> Value {
    json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": metadata,
    })
}

fn challenged(status: StatusCode, challenge: &str, error: &Value) -> Response {
    let mut response = json_answer(status, &NEWER, &json!({"error": error}), true);
    if let Ok(value) = HeaderValue::from_str(challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

/// JSON in a shape's order; on many lines unless `prettyPrint=false`.
pub(super) fn json_answer(
    status: StatusCode,
    shape: &Shape,
    value: &Value,
    pretty: bool,
) -> Response {
    let value = InOrder(shape, value);
    let text =
        if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
    let headers = [
        (header::CONTENT_TYPE, "application/json; charset=UTF-8"),
        (header::VARY, "Origin, X-Origin, Referer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
    ];
    (status, headers, text.unwrap_or_default()).into_response()
}
