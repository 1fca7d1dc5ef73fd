//! JSON bodies, read strictly: the right content type, no unknown member, no member twice. And one that is written
//! quickly.

use axum::body::HttpBody as _;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::de::DeserializeOwned;
use standin::Refusal;

use crate::problem::Problem;

/// A body that is JSON of this shape; an empty body is the shape with everything left out.
pub(crate) struct StrictJson<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for StrictJson<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let is_json = has_type(request.headers(), "application/json");
        let body = if request.body().is_end_stream() {
            Bytes::new()
        } else {
            let read = Bytes::from_request(request, state).await;
            read.map_err(|rejection| unreadable(&rejection))?
        };
        if body.is_empty() {
            return parse(b"{}").map_err(IntoResponse::into_response);
        }
        if is_json {
            parse(&body).map_err(IntoResponse::into_response)
        } else {
            Err(wrong_type("application/json"))
        }
    }
}

/// Whether the body is of this type, whatever parameters follow.
pub(crate) fn has_type(headers: &HeaderMap, expected: &str) -> bool {
    let declared =
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(expected)
}

/// 415, naming what would do.
pub(crate) fn wrong_type(expected: &str) -> Response {
    let words = format!("the body must be {expected}, and its content type must say so");
    Problem::from(Refusal::InvalidRequest)
        .with_detail(words)
        .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        .into_response()
}

/// A body that could not be read: it is too long, or broke off.
pub(crate) fn unreadable(rejection: &BytesRejection) -> Response {
    let refusal = match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge,
        _ => Refusal::InvalidRequest,
    };
    Problem::from(refusal).with_status(rejection.status()).into_response()
}

/// As `serde_json::from_slice`, but an array is no object: serde would take one, member by member.
pub(crate) fn from_object<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    if body.trim_ascii_start().starts_with(b"[") {
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body)?;
    }
    serde_json::from_slice(body)
}

/// The parser's words name members and places, never values.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<StrictJson<T>, Problem> {
    from_object(body).map(StrictJson).map_err(|error| {
        let words = if error.is_data() && error.to_string().starts_with("unknown field") {
            format!("the body holds a member that is not known here: {error}")
        } else {
            format!(
                "the body is not the JSON object that is expected here (line {}, column {})",
                error.line(),
                error.column()
            )
        };
        Problem::from(Refusal::InvalidRequest).with_detail(words)
    })
}

/// A JSON object that is written member by member. Almost all texts here stand in JSON as they are: it is seen at a
/// glance which, where `serde_json` looks at each byte by itself, which was half of what writing an answer cost.
pub(crate) struct JsonObject(Vec<u8>);

impl JsonObject {
    /// For so many bytes.
    pub(crate) fn with_room_for(bytes: usize) -> Self {
        let mut object = Vec::with_capacity(bytes);
        object.push(b'{');
        Self(object)
    }

    pub(crate) fn text(self, name: &'static str, value: &str) -> Self {
        let mut object = self.member(name);
        object.quoted(value);
        object
    }

    pub(crate) fn number(self, name: &'static str, value: u64) -> Self {
        let mut object = self.member(name);
        object.0.extend_from_slice(value.to_string().as_bytes());
        object
    }

    pub(crate) fn texts<'t>(
        self,
        name: &'static str,
        values: impl Iterator<Item = &'t str>,
    ) -> Self {
        let mut object = self.member(name);
        object.0.push(b'[');
        for (index, value) in values.enumerate() {
            if index > 0 {
                object.0.push(b',');
            }
            object.quoted(value);
        }
        object.0.push(b']');
        object
    }

    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }

    fn member(mut self, name: &'static str) -> Self {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.quoted(name);
        self.0.push(b':');
        self
    }

    fn quoted(&mut self, text: &str) {
        if stands_as_it_is(text) {
            self.0.push(b'"');
            self.0.extend_from_slice(text.as_bytes());
            self.0.push(b'"');
        } else {
            self.0.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
        }
    }
}

impl IntoResponse for JsonObject {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        ([(CONTENT_TYPE, json)], self.into_bytes()).into_response()
    }
}

/// No quote, no backslash, no control character (RFC 8259 §7). All bytes are looked at, so that it is done many at a
/// time.
fn stands_as_it_is(text: &str) -> bool {
    let is_special = |byte: &u8| u8::from(*byte < 0x20 || *byte == b'"' || *byte == b'\\');
    text.as_bytes().iter().map(is_special).fold(0, |all, one| all | one) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_text_holds_it_is_read_back() {
        let texts = ["", "plain", "a\"b", "a\\b", "a\nb\u{1}\u{1f} \u{7f}", "\u{2028}é🦀"];
        let object = JsonObject::with_room_for(1).texts("texts", texts.into_iter());
        let object = texts.into_iter().fold(object, |object, text| object.text("text", text));
        let read: serde_json::Value =
            serde_json::from_slice(&object.number("number", u64::MAX).into_bytes()).unwrap();
        let expected = serde_json::json!({
            "texts": texts, "text": texts.last(), "number": u64::MAX
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn an_object_without_members_is_one() {
        assert_eq!(JsonObject::with_room_for(0).into_bytes(), b"{}");
    }
}
