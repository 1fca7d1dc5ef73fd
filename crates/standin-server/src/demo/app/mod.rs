//! Nightly Notes: an ordinary web app that has handed its sign-in and its tokens to Standin.
//!
//! It learns who a visitor is by passing their cookie to `GET /auth/session`, and leaves everything else
//! to [the job](super::job). It never sees a token of Google's.

mod button;
mod flow;
mod job;
mod page;
mod state;
mod trouble;
mod visitor;

use std::sync::Arc;

use ::http::StatusCode;
use axum::Router;
use axum::routing::{get, post};
use standin::session::csrf::require_same_origin;
use url::Url;

use super::clock::EmulatedTime;
use super::emulator::{Control, Refused};
use super::http::{Http, Unanswered};
use super::job::Job;
use crate::http::problem::Problem;

/// What the app's handlers share.
pub(super) struct NightlyNotes {
    pub(super) public_url: Url,
    pub(super) control: Control,
    pub(super) job: Arc<Job>,
    pub(super) http: Http,
    pub(super) time: EmulatedTime,
}

/// Every route of the app, on one page.
pub(super) fn router(notes: NightlyNotes) -> Router {
    Router::new()
        .route("/", get(page::get))
        .route("/button", get(button::get))
        .route("/demo/app.css", get(page::style))
        .route("/demo/app.js", get(page::script))
        .route("/demo/signin.js", get(page::sign_in_script))
        .route("/demo/button.js", get(page::button_script))
        .route("/demo/icon.svg", get(page::icon))
        .route("/demo/state", get(state::get))
        .route("/demo/job/start", post(job::start))
        .route("/demo/job/run", post(job::run))
        .route("/demo/trouble/{name}", post(trouble::post))
        .with_state(Arc::new(notes))
}

impl NightlyNotes {
    /// A request that changes something comes from a page of ours, or it is refused.
    fn require_own_page(&self, headers: &::http::HeaderMap) -> Result<(), Problem> {
        require_same_origin(headers, &self.public_url).map_err(|refusal| {
            Problem::new(StatusCode::FORBIDDEN, refusal.code(), refusal.to_string())
        })
    }
}

/// The neighbours are in this process: if one does not answer, nothing on this page helps.
fn unavailable(error: &impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "a part of the demo does not answer");
    let detail = "A part of the demo does not answer. Look at the terminal it runs in.";
    Problem::new(StatusCode::BAD_GATEWAY, "demo_unavailable", detail)
}

impl From<Unanswered> for Problem {
    fn from(error: Unanswered) -> Self {
        unavailable(&error)
    }
}

impl From<Refused> for Problem {
    fn from(error: Refused) -> Self {
        unavailable(&error)
    }
}
