//! The pages that people see on the way: a sign-in that failed, and a window that is done.
//!
//! Styles and the one script stand in the page and are allowed by their hashes, so the policy stays closed
//! to everything else.

use std::sync::LazyLock;

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use data_encoding::BASE64;
use http::header::{ACCEPT, CONTENT_SECURITY_POLICY};
use http::{HeaderMap, HeaderValue, StatusCode};
use standin::secret::sha256;
use standin::signin::{Mode, WindowId};

use crate::problem::Problem;

const STYLE: &str = include_str!("../templates/page.css");
const SCRIPT: &str = include_str!("../templates/page.js");

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = |text: &str| BASE64.encode(&sha256(text.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    HeaderValue::from_str(&policy)
        .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
});

#[derive(Template)]
#[template(path = "failed.html")]
struct FailedPage<'a> {
    style: &'a str,
    script: &'a str,
    is_popup: bool,
    detail: &'a str,
    code: &'a str,
    attempt: Option<&'a str>,
    window: &'a str,
    login: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "done.html")]
struct DonePage<'a> {
    style: &'a str,
    script: &'a str,
    attempt: &'a str,
    window: &'a str,
}

#[derive(Template)]
#[template(path = "refused.html")]
struct RefusedPage<'a> {
    style: &'a str,
    detail: &'a str,
    code: &'a str,
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOutPage<'a> {
    style: &'a str,
}

/// Who is to be told how it went.
#[derive(Clone, Copy)]
pub(crate) enum Waiting<'a> {
    /// Only the person in front of this window.
    Nobody,
    /// The page that opened it, and may have given it a name.
    Page(Option<&'a WindowId>),
}

impl<'a> Waiting<'a> {
    pub(crate) fn of(mode: Mode, window: Option<&'a WindowId>) -> Self {
        if mode == Mode::Popup { Self::Page(window) } else { Self::Nobody }
    }

    fn is_popup(self) -> bool {
        matches!(self, Self::Page(_))
    }

    fn window(self) -> &'a str {
        match self {
            Self::Page(Some(window)) => window.as_str(),
            Self::Page(None) | Self::Nobody => "",
        }
    }
}

/// Whether a person is looking: browsers ask for HTML when they navigate, programs do not.
pub(crate) fn is_navigation(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("text/html")
}

/// A problem for a person, or for a program; in a popup it tells the page that waits.
pub(crate) fn failed(
    headers: &HeaderMap,
    problem: Problem,
    waiting: Waiting<'_>,
    login: Option<&str>,
) -> Response {
    if !is_navigation(headers) {
        return problem.into_response();
    }
    let page = FailedPage {
        style: STYLE,
        script: SCRIPT,
        is_popup: waiting.is_popup(),
        detail: problem.detail(),
        code: problem.code(),
        attempt: problem.attempt(),
        window: waiting.window(),
        login,
    };
    render(problem.status(), &page)
}

/// What a form of the user's own page asked for and did not get, for a person or for a program.
pub(crate) fn refused(headers: &HeaderMap, problem: Problem) -> Response {
    if !is_navigation(headers) {
        return problem.into_response();
    }
    let page = RefusedPage { style: STYLE, detail: problem.detail(), code: problem.code() };
    render(problem.status(), &page)
}

/// A browser that comes back from signing out at a provider, and brings nothing that says where to.
pub(crate) fn signed_out() -> Response {
    render(StatusCode::OK, &SignedOutPage { style: STYLE })
}

/// The window of a popup, when it is done.
pub(crate) fn done(attempt: &str, window: Option<&WindowId>) -> Response {
    let window = Waiting::Page(window).window();
    render(StatusCode::OK, &DonePage { style: STYLE, script: SCRIPT, attempt, window })
}

/// Shows nothing but itself; a page that needs more says so in a policy of its own.
pub(crate) fn render(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => {
            let mut response = (status, Html(html)).into_response();
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY.clone());
            response
        }
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
