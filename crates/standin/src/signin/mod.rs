//! 1 ── Signing in: one authorization code becomes a session and a grant.
//!
//! ```text
//! SignInRequest ──begin──▶ Attempt (sealed in a cookie) ──▶ provider
//!                                                              │ code
//! Completed ◀──store── seal ◀── VerifiedIdentity ◀── exchange ◀┘
//! ```
//!
//! A sign-in button takes a shorter way: its credential is verified and opens a session, and there is nothing to
//! exchange and nothing to seal (`credential.rs`).

mod attempt;
mod begin;
mod callback;
mod complete;
mod credential;
mod device;
mod incremental;
mod installed;
mod link;
mod recorded;
mod redeemable;
mod return_to;
mod settle;
mod window_id;

use std::sync::Arc;

use serde::Serialize;
use tokio_util::task::TaskTracker;
use url::Url;

pub use attempt::{ATTEMPT_LIFETIME, Mode};
pub use begin::{Begun, BegunCode, CodeRequest, SignInRequest};
pub use callback::{Parameters, UnverifiedCallback, UnverifiedCodePost};
pub use credential::UnverifiedCredential;
pub use device::{DeviceAnswer, DeviceAttempt, Polled};
pub use incremental::GrantRequest;
pub use installed::InstalledAttempt;
pub use link::LinkRequest;
pub use return_to::ReturnTo;
pub use window_id::WindowId;

use self::attempt::Attempt;
use self::recorded::Strays;
use crate::core::Core;
use crate::error::Error;
use crate::id::{AttemptId, UserId};
use crate::provider::Scopes;
use crate::receipt::Offline;
use crate::session::cookie::{Cookies, SetCookie};
use crate::session::{Presented, Sessions};
use crate::store::{AttemptOutcome, SessionHash};

/// Begins and completes sign-ins.
#[derive(Clone)]
pub struct SignIn {
    core: Arc<Core>,
    sessions: Sessions,
    tasks: TaskTracker,
    strays: Arc<Strays>,
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
    /// What the page that waits calls its window.
    pub window: Option<WindowId>,
    /// The session that was opened; none if the one before goes on.
    pub session: Option<SessionHash>,
    /// Whose it is, where the answer was about somebody.
    pub user: Option<UserId>,
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

/// How an attempt stands, for the page that began it.
#[derive(Debug, Serialize)]
pub struct Standing {
    /// Whether it is over.
    #[serde(flatten)]
    pub outcome: AttemptOutcome,
    /// What it asked for and the user kept back; left out where that is nothing.
    #[serde(skip_serializing_if = "Scopes::is_empty")]
    pub missing_scopes: Scopes,
    /// How it left offline access, once it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offline: Option<Offline>,
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
    /// What the page that waits calls its window.
    pub window: Option<WindowId>,
}

impl Failed {
    /// The answer belongs to no attempt of this browser.
    pub fn before_attempt(error: impl Into<Error>) -> Self {
        Self { error: error.into(), attempt: None, mode: Mode::Redirect, window: None }
    }

    fn of(attempt: &Attempt, error: Error) -> Self {
        let window = attempt.window.clone();
        Self { error, attempt: Some(attempt.id), mode: attempt.mode, window }
    }
}

impl SignIn {
    pub(crate) fn new(core: Arc<Core>, sessions: Sessions, tasks: TaskTracker) -> Self {
        Self { core, sessions, tasks, strays: Arc::default() }
    }

    /// How an attempt of this browser stands; `None` if it is not this browser's.
    pub async fn outcome(
        &self,
        id: AttemptId,
        cookies: Cookies<'_>,
    ) -> Result<Option<Standing>, Error> {
        self.core.vault.keep_up().await;
        let under_way = Attempt::under_way(&self.core, cookies).into_iter();
        let ours = under_way.filter_map(|(_, attempt)| attempt).find(|attempt| attempt.id == id);
        let Some(attempt) = ours else { return Ok(None) };
        let outcome = self.core.store.attempt_outcome(id).await?;
        let outcome = outcome.unwrap_or(AttemptOutcome::Pending);
        let missing_scopes = match outcome {
            AttemptOutcome::Done => self.missing(&attempt, cookies).await?,
            AttemptOutcome::Pending | AttemptOutcome::Failed { .. } => Scopes::default(),
        };
        let receipt = match outcome {
            AttemptOutcome::Done => self.core.store.receipt(id).await?,
            AttemptOutcome::Pending | AttemptOutcome::Failed { .. } => None,
        };
        let offline = receipt.and_then(|receipt| receipt.offline);
        Ok(Some(Standing { outcome, missing_scopes, offline }))
    }

    /// What the attempt asked for and the grant of whoever is signed in does not open.
    async fn missing(&self, attempt: &Attempt, cookies: Cookies<'_>) -> Result<Scopes, Error> {
        let Presented::Session(hash) = Sessions::presented(cookies) else {
            return Ok(Scopes::default());
        };
        let Some(session) = self.sessions.find(&hash).await? else {
            return Ok(Scopes::default());
        };
        let subject = attempt.subject();
        let grant = self.core.grant_of(session.user, &attempt.provider, subject).await?;
        Ok(grant.map_or_else(Scopes::default, |grant| grant.scopes.missing(&attempt.scopes)))
    }
}
