//! `POST /auth/logout`: ends this session, or all of the user's.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use standin::session::SESSION_COOKIE;
use standin::session::cookie::SetCookie;
use standin::session::csrf::require_same_origin;

use crate::Shared;
use crate::cookies::{CurrentSession, with_cookies};
use crate::json::StrictJson;
use crate::problem::Problem;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Body {
    everywhere: bool,
}

pub(super) async fn post(
    State(shared): State<Shared>,
    CurrentSession(session): CurrentSession,
    headers: HeaderMap,
    StrictJson(body): StrictJson<Body>,
) -> Result<Response, Problem> {
    require_same_origin(&headers, shared.standin.public_url())?;
    if body.everywhere {
        shared.standin.sessions().end_all(session.user).await?;
    } else {
        shared.standin.sessions().end(&session).await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    // What a page of the user has kept goes too; cookies of the app are the app's.
    response
        .headers_mut()
        .insert("clear-site-data", HeaderValue::from_static("\"cache\", \"storage\""));
    Ok(with_cookies(response, &[SetCookie::clear(SESSION_COOKIE)]))
}
