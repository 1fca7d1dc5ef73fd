//! Refusals of the stream API, in Google's words.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::object::Object;
use crate::reply;

/// What the API says no with: a status, its name, and a sentence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    status: StatusCode,
    name: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn missing_field(field: &str) -> Self {
        let message = format!("Stream configuration must contain {field} field.");
        Self { status: StatusCode::BAD_REQUEST, name: "INVALID_ARGUMENT", message }
    }

    pub(super) fn malformed() -> Self {
        let message = "Invalid JSON payload received.".to_owned();
        Self { status: StatusCode::BAD_REQUEST, name: "INVALID_ARGUMENT", message }
    }

    pub(super) fn unauthorized() -> Self {
        let message = "Unauthorized.".to_owned();
        Self { status: StatusCode::UNAUTHORIZED, name: "UNAUTHENTICATED", message }
    }

    pub(super) fn denied(message: &str) -> Self {
        let message = message.to_owned();
        Self { status: StatusCode::FORBIDDEN, name: "PERMISSION_DENIED", message }
    }

    pub(super) fn no_stream() -> Self {
        let message = "Project has no RISC configuration.".to_owned();
        Self { status: StatusCode::NOT_FOUND, name: "NOT_FOUND", message }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error =
            json!({"code": self.status.as_u16(), "message": self.message, "status": self.name});
        reply::json(self.status, &Object::default().with("error", error))
    }
}
