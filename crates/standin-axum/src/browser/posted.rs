//! What a page of ours posts when whoever is signed in changes something: JSON by a script, or a form that needs
//! no script.
//!
//! ```text
//! session ─▶ content type ─▶ body ─▶ a page of ours? ─▶ the fields, and no others ─▶ Posted
//! ```
//!
//! A script is answered; a form is sent on, with 303, and shown a page if it was refused.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use standin::Refusal;
use standin::session::csrf::{require_own_form, require_same_origin};
use standin::signin::{Parameters, ReturnTo};
use standin::store::SessionRow;
use url::Url;

use super::login::require_top_level;
use crate::Shared;
use crate::cookies::CurrentSession;
use crate::json::{from_object, has_type, unreadable, wrong_type};
use crate::page;
use crate::problem::Problem;

/// A change that the page of a live session asks for.
pub(super) struct Posted<T> {
    pub(super) session: SessionRow,
    pub(super) body: T,
    pub(super) is_form: bool,
    pub(super) headers: HeaderMap,
}

/// A body that comes in both forms. As JSON it is an object without unknown members.
pub(super) trait Fields: DeserializeOwned {
    /// Takes its fields out of a form. What is left is unknown, and refused.
    ///
    /// # Errors
    /// For a value that does not hold.
    fn take(form: &mut Parameters) -> Result<Self, Refusal>;
}

impl<T: Fields> FromRequest<Shared> for Posted<T> {
    type Rejection = Response;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let CurrentSession(session) =
            CurrentSession::from_request_parts(&mut parts, shared).await?;
        let headers = parts.headers.clone();
        let is_form = has_type(&headers, "application/x-www-form-urlencoded");
        let body = Bytes::from_request(Request::from_parts(parts, body), shared)
            .await
            .map_err(|rejection| unreadable(&rejection))?;
        let says_nothing = body.is_empty() && !headers.contains_key(CONTENT_TYPE);
        if !is_form && !says_nothing && !has_type(&headers, "application/json") {
            return Err(wrong_type("application/json or application/x-www-form-urlencoded"));
        }
        let read = guard(&headers, is_form, shared.standin.public_url())
            .and_then(|()| if is_form { from_form(&body) } else { from_json(&body) });
        match read {
            Ok(body) => Ok(Self { session, body, is_form, headers }),
            Err(refusal) => Err(refused(&headers, refusal)),
        }
    }
}

impl<T> Posted<T> {
    /// What was asked for is not done.
    pub(super) fn refused(&self, why: impl Into<Problem>) -> Response {
        refused(&self.headers, why)
    }

    /// It is done: a form goes where it wanted to go afterwards, by default to the user's own page; a script is
    /// told.
    pub(super) fn done(
        &self,
        shared: &Shared,
        return_to: Option<&str>,
        told: impl IntoResponse,
    ) -> Response {
        if self.is_form {
            let public_url = shared.standin.public_url();
            let next = ReturnTo::new(return_to.unwrap_or("/account"), public_url);
            Redirect::to(next.resolve(public_url).as_str()).into_response()
        } else {
            told.into_response()
        }
    }
}

fn refused(headers: &HeaderMap, why: impl Into<Problem>) -> Response {
    page::refused(headers, why.into())
}

/// A page of ours, in either way of asking (requirements AR-11, SC-12).
fn guard(headers: &HeaderMap, is_form: bool, public_url: &Url) -> Result<(), Refusal> {
    if is_form {
        require_top_level(headers)?;
        require_own_form(headers, public_url)
    } else {
        require_same_origin(headers, public_url)
    }
}

fn from_json<T: Fields>(body: &[u8]) -> Result<T, Refusal> {
    let body = if body.is_empty() { b"{}" } else { body };
    from_object(body).map_err(|_| Refusal::InvalidRequest)
}

fn from_form<T: Fields>(body: &[u8]) -> Result<T, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| Refusal::InvalidRequest)?;
    let mut form = Parameters::parse(text)?;
    let fields = T::take(&mut form)?;
    if form.is_empty() { Ok(fields) } else { Err(Refusal::InvalidRequest) }
}
