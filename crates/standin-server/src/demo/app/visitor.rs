//! Who is at the browser: Standin knows, and is asked with the visitor's own cookie.

use ::http::header::COOKIE;
use ::http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use super::NightlyNotes;
use crate::demo::http::{Call, Unanswered};
use crate::http::problem::Problem;

/// Somebody who is signed in.
pub(super) struct Visitor {
    pub(super) user: String,
    pub(super) email: String,
    /// All that `GET /auth/session` says.
    pub(super) session: Value,
}

impl NightlyNotes {
    /// The visitor, if they are signed in.
    pub(super) async fn visitor(&self, headers: &HeaderMap) -> Result<Option<Visitor>, Unanswered> {
        let origin = self.public_url.origin().ascii_serialization();
        let mut call = Call::new(Method::GET, format!("{origin}/auth/session"));
        for cookie in headers.get_all(COOKIE) {
            call = call.header(COOKIE, cookie.clone());
        }
        let answer = self.http.send(call).await?;
        if answer.status != StatusCode::OK {
            return Ok(None);
        }
        let session: Value = answer.read()?;
        let text = |name: &str| session["user"][name].as_str().unwrap_or_default().to_owned();
        Ok(Some(Visitor { user: text("id"), email: text("email"), session }))
    }

    /// The visitor, who must be signed in.
    pub(super) async fn signed_in(&self, headers: &HeaderMap) -> Result<Visitor, Problem> {
        self.visitor(headers).await?.ok_or_else(|| {
            Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Sign in first.")
        })
    }
}
