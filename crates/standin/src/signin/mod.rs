//! 1 ── Signing in: one authorization code becomes a session and a grant.
//!
//! ```text
//! SignInRequest ──begin──▶ Attempt (sealed in a cookie) ──▶ provider
//!                                                              │ code
//! Completed ◀──store── seal ◀── VerifiedIdentity ◀── exchange ◀┘
//! ```

mod attempt;
mod begin;
mod callback;
mod complete;
mod return_to;
mod settle;

use std::sync::Arc;

use tokio_util::task::TaskTracker;
use url::Url;

pub use attempt::{ATTEMPT_LIFETIME, Mode};
pub use begin::{Begun, BegunCode, SignInRequest};
pub use callback::{Parameters, UnverifiedCallback, UnverifiedCodePost};
pub use return_to::ReturnTo;

use self::attempt::Attempt;
use crate::core::Core;
use crate::error::Error;
use crate::id::AttemptId;
use crate::session::Sessions;
use crate::session::cookie::{Cookies, SetCookie};
use crate::store::{AttemptOutcome, SessionHash};

/// Begins and completes sign-ins.
#[derive(Clone)]
pub struct SignIn {
    core: Arc<Core>,
    sessions: Sessions,
    tasks: TaskTracker,
}

/// A sign-in that succeeded.
#[derive(Debug)]
pub struct Completed {
    /// The attempt it was.
    pub attempt: AttemptId,
    /// How its window is to be left.
    pub mode: Mode,
    /// The session's cookie and what else is to be set.
    pub cookies: Vec<SetCookie>,
    /// The session that was opened; none if the one before goes on.
    pub session: Option<SessionHash>,
    /// Where the browser goes.
    pub next: Next,
}

/// Where the browser goes after a sign-in.
#[derive(Debug)]
pub enum Next {
    /// To the provider once more, for consent: there is no refresh token that works.
    Consent(Url),
    /// To where it came from.
    ReturnTo(Url),
}

/// A sign-in that did not succeed.
#[derive(Debug)]
pub struct Failed {
    /// Why.
    pub error: Error,
    /// Which attempt it was, where that is known.
    pub attempt: Option<AttemptId>,
    /// How its window is to be left.
    pub mode: Mode,
}

impl Failed {
    /// The answer belongs to no attempt of this browser.
    pub fn before_attempt(error: impl Into<Error>) -> Self {
        Self { error: error.into(), attempt: None, mode: Mode::Redirect }
    }

    fn of(attempt: &Attempt, error: Error) -> Self {
        Self { error, attempt: Some(attempt.id), mode: attempt.mode }
    }
}

impl SignIn {
    pub(crate) fn new(core: Arc<Core>, sessions: Sessions, tasks: TaskTracker) -> Self {
        Self { core, sessions, tasks }
    }

    /// How an attempt of this browser stands; `None` if it is not this browser's.
    pub async fn outcome(
        &self,
        id: AttemptId,
        cookies: Cookies<'_>,
    ) -> Result<Option<AttemptOutcome>, Error> {
        self.core.vault.keep_up().await;
        let is_ours = Attempt::under_way(&self.core, cookies)
            .iter()
            .any(|(_, attempt)| attempt.as_ref().is_some_and(|attempt| attempt.id == id));
        if !is_ours {
            return Ok(None);
        }
        let outcome = self.core.store.attempt_outcome(id).await?;
        Ok(Some(outcome.unwrap_or(AttemptOutcome::Pending)))
    }
}
