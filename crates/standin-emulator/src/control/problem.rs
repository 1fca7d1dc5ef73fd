//! The control API's errors, and reading a body into what is expected or into such an error.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::suggest::with_suggestion;
use crate::tenants::NoWorld;

/// RFC 9457, as far as a test needs it.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    status: u16,
    code: &'static str,
    detail: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status: status.as_u16(), code, detail: detail.into() }
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_body", detail)
    }

    pub(crate) fn invalid_query(detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_query", detail)
    }

    pub(crate) fn unknown_user(user: &str) -> Self {
        let detail = format!("There is no user `{user}`; GET /_emulator/users lists all.");
        Self::new(StatusCode::NOT_FOUND, "unknown_user", detail)
    }
}

impl From<NoWorld> for Problem {
    fn from(reason: NoWorld) -> Self {
        match reason {
            NoWorld::BadName => Self::new(
                StatusCode::NOT_FOUND,
                "invalid_tenant",
                "After /t/ comes a tenant's name: 1 to 64 letters, digits, `-` or `_`.",
            ),
            NoWorld::TooMany => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_tenants",
                "There are as many tenants as there may be; DELETE /_emulator/tenants/{name} ends one.",
            ),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let body = serde_json::to_string(&self).unwrap_or_default();
        (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}

/// The body of a call, or the answer to one that is too large.
#[derive(Debug)]
pub(super) struct Body(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let path = request.uri().path().to_owned();
        Bytes::from_request(request, state).await.map(Self).map_err(|rejection| {
            let detail = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => format!("The body of {path} is over 1 MiB."),
                _ => format!("The body of {path} cannot be read: {}.", rejection.body_text()),
            };
            Problem::new(rejection.status(), "unreadable_body", detail)
        })
    }
}

/// Reads one JSON value, whatever the content type says: `curl -d` says it is a form.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::invalid(with_suggestion(error.to_string())))
}

/// Reads one object or a list of them.
pub(super) fn read_list<T: DeserializeOwned>(body: &[u8]) -> Result<Vec<T>, Problem> {
    if body.trim_ascii_start().starts_with(b"[") { read(body) } else { Ok(vec![read(body)?]) }
}
