//! Cookies in and out.

use axum::extract::{FromRef, FromRequestParts};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::SET_COOKIE;
use http::request::Parts;
use standin::session::cookie::{Cookies, SetCookie};
use standin::session::{Presented, SESSION_COOKIE, Sessions};
use standin::store::SessionRow;
use standin::{Refusal, Standin};

use crate::problem::Problem;

/// The live session of a request, for handlers that need one: those of an embedding app, too.
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use standin::Standin;
/// use standin_axum::CurrentSession;
///
/// async fn hello(CurrentSession(session): CurrentSession) -> String {
///     session.user.to_string()
/// }
///
/// # fn run(standin: Standin) {
/// // A state of your own does as well, if it implements `FromRef` for `Standin`.
/// let app: Router = Router::new()
///     .route("/hello", get(hello))
///     .with_state(standin.clone())
///     .merge(standin_axum::router(standin));
/// # }
/// ```
#[derive(Debug)]
pub struct CurrentSession(pub SessionRow);

impl<S> FromRequestParts<S> for CurrentSession
where
    S: Send + Sync,
    Standin: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let hash = match Sessions::presented(Cookies::of(&parts.headers)) {
            Presented::Session(hash) => hash,
            Presented::Nothing => return Err(unauthenticated()),
            Presented::Ambiguous => return Err(ambiguous()),
        };
        let session = Standin::from_ref(state).sessions().find(&hash).await;
        match session.map_err(|error| Problem::from(error).into_response())? {
            Some(session) => Ok(Self(session)),
            None => Err(unauthenticated()),
        }
    }
}

pub(crate) fn unauthenticated() -> Response {
    Problem::from(Refusal::Unauthenticated).into_response()
}

/// Two cookies of the session's name: nobody is signed in, and both go. The browser keeps two of them apart
/// only if one is partitioned, so that one is cleared by its own header (requirement SC-8).
pub(crate) fn ambiguous() -> Response {
    let mut response = unauthenticated();
    let clear = SetCookie::clear(SESSION_COOKIE).to_header();
    if let Ok(text) = clear.to_str()
        && let Ok(partitioned) = HeaderValue::from_str(&format!("{text}; Partitioned"))
    {
        response.headers_mut().append(SET_COOKIE, partitioned);
    }
    response.headers_mut().append(SET_COOKIE, clear);
    response
}

/// The session of this browser is over: its cookie goes, and what a page of its user has kept. Cookies of the app
/// are the app's.
pub(crate) fn signed_out(mut response: Response) -> Response {
    let kept = HeaderValue::from_static("\"cache\", \"storage\"");
    response.headers_mut().insert("clear-site-data", kept);
    with_cookies(response, &[SetCookie::clear(SESSION_COOKIE)])
}

/// Adds cookies to an answer.
pub(crate) fn with_cookies(mut response: Response, cookies: &[SetCookie]) -> Response {
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie.to_header());
    }
    response
}
