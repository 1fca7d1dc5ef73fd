//! Google's error page: an encoded `authError` in a redirect, then a page that says it in words.
//!
//! `authError` is base64url of a small protobuf message: 1 code, 2 description, 3 help URL, 4 HTTP
//! status, 5 a detail (name and value), 6 the description once more for messages with a detail.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64URL_NOPAD;

use crate::reply;
use crate::state::Shared;

const DOCUMENTATION: &str = "https://developers.google.com/identity/protocols/oauth2/";

/// Why a request never reaches the client's redirect URI.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct AuthError {
    code: Box<str>,
    description: Box<str>,
    help: Box<str>,
    status: u16,
    detail: Option<(Box<str>, Box<str>)>,
}

impl AuthError {
    pub(crate) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", 400, description)
    }

    pub(crate) fn invalid_client() -> Self {
        Self::new("invalid_client", 401, "The OAuth client was not found.")
    }

    pub(crate) fn redirect_uri_mismatch(uri: &str) -> Self {
        let description = complaint("redirect URI");
        let page = "web-server#authorization-errors-redirect-uri-mismatch";
        let help = format!("{DOCUMENTATION}{page}").into();
        let detail = Some(("redirect_uri".into(), uri.into()));
        Self { help, detail, ..Self::new("redirect_uri_mismatch", 400, description) }
    }

    pub(crate) fn origin_mismatch(origin: &str) -> Self {
        let description = complaint("JavaScript origin");
        let page = "javascript-implicit-flow#authorization-errors-origin-mismatch";
        let detail = Some(("origin".into(), origin.into()));
        Self {
            help: format!("{DOCUMENTATION}{page}").into(),
            detail,
            ..Self::new("origin_mismatch", 400, description)
        }
    }

    pub(super) fn malformed_redirect_uri(uri: &str) -> Self {
        let description = "You can't sign in to this app because it doesn't comply with Google's \
            OAuth 2.0 policy for keeping apps secure.\n\nYou can let the app developer know that \
            this app doesn't comply with one or more Google validation rules.";
        let detail = Some(("redirect_uri".into(), uri.into()));
        let help = format!("{DOCUMENTATION}policies#secure-response-handling").into();
        Self { help, detail, ..Self::invalid_request(description) }
    }

    pub(super) fn invalid_scope(valid: &[&str], invalid: &[&str]) -> Self {
        let invalid = format!("invalid=[{}]", invalid.join(", "));
        let lists = if valid.is_empty() {
            invalid
        } else {
            format!("valid=[{}], {invalid}", valid.join(", "))
        };
        let description = format!("Some requested scopes were invalid. {{{lists}}}");
        Self::new("invalid_scope", 400, description)
    }

    fn new(code: &str, status: u16, description: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            description: description.into().into_boxed_str(),
            status,
            ..Self::default()
        }
    }

    /// 302 to the error page, echoing what Google echoes.
    pub(crate) fn redirect(&self, shared: &Shared, params: &[(String, String)]) -> Response {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("authError", &self.encode());
        for (name, value) in params {
            if ["client_id", "access_type", "prompt", "code_challenge_method"]
                .contains(&name.as_str())
            {
                query.append_pair(name, value);
            }
        }
        query.append_pair("flowName", "GeneralOAuthFlow");
        let page = shared.path("/signin/oauth/error");
        reply::redirect(&format!("{page}?{}", query.finish()))
    }

    fn encode(&self) -> String {
        let mut message = Vec::new();
        put_text(&mut message, 1, &self.code);
        put_text(&mut message, 2, &self.description);
        if !self.help.is_empty() {
            put_text(&mut message, 3, &self.help);
        }
        message.push(4 << 3);
        put_varint(&mut message, usize::from(self.status));
        if let Some((name, value)) = &self.detail {
            let mut detail = Vec::new();
            put_text(&mut detail, 1, name);
            put_text(&mut detail, 2, value);
            put_bytes(&mut message, 5, &detail);
            let mut again = vec![1 << 3, 1];
            put_text(&mut again, 2, &self.description);
            put_text(&mut again, 3, &self.help);
            put_bytes(&mut message, 6, &again);
        }
        BASE64URL_NOPAD.encode(&message)
    }

    /// Reads back what [`AuthError::encode`] wrote; unknown fields are skipped.
    fn decode(text: &str) -> Option<Self> {
        let message = BASE64URL_NOPAD.decode(text.trim_end_matches('=').as_bytes()).ok()?;
        let mut error = Self::default();
        for (field, value) in fields(&message)? {
            match (field, value) {
                (1, Field::Bytes(bytes)) => error.code = string(bytes)?,
                (2, Field::Bytes(bytes)) => error.description = string(bytes)?,
                (3, Field::Bytes(bytes)) => error.help = string(bytes)?,
                (4, Field::Number(status)) => error.status = u16::try_from(status).ok()?,
                (5, Field::Bytes(bytes)) => error.detail = Some(detail(bytes)?),
                _ => {}
            }
        }
        Some(error)
    }
}

/// `GET /signin/oauth/error`: the page itself, which Google serves with 200.
pub(super) async fn page(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let param = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    let Some(error) = param("authError").and_then(|text| AuthError::decode(&text)) else {
        return reply::not_found().await.into_response();
    };
    let client_id = param("client_id").unwrap_or_default();
    let application = shared.state().client(&client_id).map(|client| client.name.clone());
    let page = ErrorPage {
        title: match &*error.code {
            "invalid_request" | "redirect_uri_mismatch" | "origin_mismatch" => {
                "Access blocked: This app’s request is invalid"
            }
            _ => "Access blocked: Authorization Error",
        },
        application,
        error: &error,
    };
    reply::page(page.render().unwrap_or_default())
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    title: &'a str,
    application: Option<String>,
    error: &'a AuthError,
}

fn complaint(what: &str) -> String {
    format!(
        "\nYou can't sign in to this app because it doesn't comply with Google's OAuth 2.0 policy.\
        \n\nIf you're the app developer, register the {what} in the Google Cloud Console.\n  "
    )
}

enum Field<'a> {
    Number(usize),
    Bytes(&'a [u8]),
}

fn put_text(message: &mut Vec<u8>, field: u8, text: &str) {
    put_bytes(message, field, text.as_bytes());
}

fn put_bytes(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    message.push(field << 3 | 2);
    put_varint(message, bytes.len());
    message.extend_from_slice(bytes);
}

fn put_varint(message: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        message.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    message.push(number.to_le_bytes()[0]);
}

fn fields(mut message: &[u8]) -> Option<Vec<(u8, Field<'_>)>> {
    let mut fields = Vec::new();
    while let Some((&tag, rest)) = message.split_first() {
        let (number, rest) = varint(rest)?;
        let (value, rest) = match tag & 7 {
            0 => (Field::Number(number), rest),
            2 => {
                let (bytes, rest) = rest.split_at_checked(number)?;
                (Field::Bytes(bytes), rest)
            }
            _ => return None,
        };
        fields.push((tag >> 3, value));
        message = rest;
    }
    Some(fields)
}

fn varint(message: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0;
    for (index, &byte) in message.iter().take(4).enumerate() {
        number |= usize::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Some((number, &message[index + 1..]));
        }
    }
    None
}

fn detail(message: &[u8]) -> Option<(Box<str>, Box<str>)> {
    let mut detail = (Box::default(), Box::default());
    for (field, value) in fields(message)? {
        match (field, value) {
            (1, Field::Bytes(bytes)) => detail.0 = string(bytes)?,
            (2, Field::Bytes(bytes)) => detail.1 = string(bytes)?,
            _ => {}
        }
    }
    Some(detail)
}

fn string(bytes: &[u8]) -> Option<Box<str>> {
    std::str::from_utf8(bytes).ok().map(Box::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_client_is_encoded_byte_for_byte_as_google_does() {
        let vector = "Cg5pbnZhbGlkX2NsaWVudBIfVGhlIE9BdXRoIGNsaWVudCB3YXMgbm90IGZvdW5kLiCRAw";
        assert_eq!(AuthError::invalid_client().encode(), vector);
    }

    #[test]
    fn a_redirect_uri_mismatch_begins_as_googles_does() {
        let encoded = AuthError::redirect_uri_mismatch("http://localhost:3000/cb").encode();
        let prefix = "ChVyZWRpcmVjdF91cmlfbWlzbWF0Y2gSsAEKWW91IGNhbid0IHNpZ24gaW4gdG8gdGhpcyBhcHAg";
        assert!(encoded.starts_with(prefix), "{encoded}");
    }

    #[test]
    fn what_was_encoded_is_read_back() {
        for error in [
            AuthError::invalid_client(),
            AuthError::redirect_uri_mismatch("http://localhost:3000/cb"),
            AuthError::invalid_scope(&["openid"], &["foo"]),
        ] {
            assert_eq!(AuthError::decode(&error.encode()), Some(error));
        }
    }

    #[test]
    fn garbage_is_no_error() {
        for garbage in ["!", "Cg", "CgX_", "_____w"] {
            assert_eq!(AuthError::decode(garbage), None, "{garbage}");
        }
    }
}
