//! The last page of a popup or a hidden frame: one message to the page behind it, and to nobody else.
//!
//! ```text
//! our page ── postMessage({params: {id, clientId, type, [type]: …}}, registered origin) ──▶ our script there
//! ```
//!
//! The message goes to exactly one origin, which was checked against the client's registration; a
//! browser drops it if another page sits there by now. The receiver checks our origin, the window that
//! sent it, and the id it gave along.

use askama::Template;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

/// Who waits for a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receiver<'a> {
    /// A registered JavaScript origin of the client: the one place the message may reach.
    pub(crate) origin: &'a str,
    pub(crate) client_id: &'a str,
    /// What the page called its request.
    pub(crate) id: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "popup.html")]
struct PopupPage {
    message: String,
    origin: String,
}

impl Receiver<'_> {
    /// The page that says `content` under the name `kind`, then closes.
    pub(crate) fn tell(&self, kind: &str, content: impl Serialize) -> Response {
        let page = PopupPage {
            message: script_literal(&self.message(kind, content)),
            origin: script_literal(self.origin),
        };
        self.framed(page.render().unwrap_or_default())
    }

    /// A page that only the receiver's origin may frame.
    pub(crate) fn framed(&self, html: String) -> Response {
        let headers = [
            (header::CONTENT_SECURITY_POLICY, format!("frame-ancestors {}", self.origin)),
            (header::CACHE_CONTROL, "no-store".to_owned()),
        ];
        (headers, Html(html)).into_response()
    }

    /// A message as our scripts read it: JSON in a string, as Google's are.
    pub(crate) fn message(&self, kind: &str, content: impl Serialize) -> String {
        let mut params = json!({"id": self.id, "clientId": self.client_id, "type": kind});
        params[kind] = serde_json::to_value(content).unwrap_or_default();
        json!({"params": params}).to_string()
    }
}

/// A JavaScript string literal that can stand inside a `<script>` element.
pub(crate) fn script_literal(text: &str) -> String {
    let literal = Value::from(text).to_string();
    literal.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_literal_cannot_end_its_script() {
        assert_eq!(script_literal("</script>\"\u{2028}"), r#""\u003c/script>\"\u2028""#);
    }

    #[test]
    fn a_message_is_what_googles_library_reads() {
        let receiver = Receiver { origin: "http://localhost:1", client_id: "c", id: Some("auth1") };
        let message = receiver.message("authResult", json!({"code": "4/0A"}));
        let expected = json!({"params": {
            "id": "auth1", "clientId": "c", "type": "authResult", "authResult": {"code": "4/0A"}
        }});
        assert_eq!(serde_json::from_str::<Value>(&message).unwrap(), expected);
    }
}
