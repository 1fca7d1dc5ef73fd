//! Sessions: a browser's proof of sign-in.
//!
//! The cookie holds 256 random bits; the database holds their SHA-256 and the row. A session ends when it
//! has been idle or has lasted too long, when it is signed out, or when another takes its place at a
//! sign-in, and in each case on the server, at once.

pub mod cookie;
pub mod csrf;
pub mod device;
mod list;
mod provider_logout;

use std::sync::Arc;
use std::time::Duration;

use cookie::{Cookies, Found, SetCookie};
pub use provider_logout::WayOut;

use crate::core::Core;
use crate::entropy::random_token;
use crate::error::{Error, Refusal};
use crate::id::{SessionId, UserId};
use crate::receipt::{Receipt, rules};
use crate::secret::{SessionToken, sha256};
use crate::store::{Event, EventKind, NewSession, SessionHash, SessionRow, SessionView};
use crate::time::Timestamp;
use crate::verify::VerifiedIdentity;

/// The name of the session cookie.
pub const SESSION_COOKIE: &str = "__Host-standin";

/// How long sessions live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionSettings {
    /// How long one may go unused.
    pub idle: Duration,
    /// How long one lasts, however busy it is.
    pub absolute: Duration,
}

impl Default for SessionSettings {
    fn default() -> Self {
        const DAY: Duration = Duration::from_hours(24);
        Self { idle: 7 * DAY, absolute: 30 * DAY }
    }
}

impl SessionSettings {
    /// A session's use is noted when this much of its idle time has passed since the last note: often
    /// enough that nobody is signed out early by more than a sixteenth, and seldom enough that reading
    /// stays reading.
    fn granularity(self) -> Duration {
        self.idle / 16
    }

    fn is_alive(self, session: &SessionRow, now: Timestamp) -> bool {
        now < session.expires_at && now < session.last_seen_at.after(self.idle)
    }
}

/// What a request's cookies say about who sent it.
#[derive(Debug, PartialEq, Eq)]
pub enum Presented {
    /// The session's name stands twice: signed out, and both are cleared (requirement SC-8).
    Ambiguous,
    /// No session cookie.
    Nothing,
    /// One, not yet looked up.
    Session(SessionHash),
}

impl Presented {
    /// The one session that it can be.
    #[must_use]
    pub fn session(self) -> Option<SessionHash> {
        match self {
            Self::Session(hash) => Some(hash),
            Self::Ambiguous | Self::Nothing => None,
        }
    }
}

/// Opens, finds and ends sessions.
#[derive(Clone)]
pub struct Sessions {
    core: Arc<Core>,
    settings: SessionSettings,
}

impl Sessions {
    pub(crate) fn new(core: Arc<Core>, settings: SessionSettings) -> Self {
        Self { core, settings }
    }

    /// Reads the session cookie.
    #[must_use]
    pub fn presented(cookies: Cookies<'_>) -> Presented {
        match cookies.find(SESSION_COOKIE) {
            Found::Many => Presented::Ambiguous,
            Found::Nothing => Presented::Nothing,
            Found::One(value) => Presented::Session(SessionHash(sha256(value.as_bytes()))),
        }
    }

    /// The live session of a cookie, of somebody who may still sign in (requirement SC-7).
    pub async fn find(&self, hash: &SessionHash) -> Result<Option<SessionRow>, Error> {
        if self.core.looks_at_sessions() {
            return Ok(self.view(hash).await?.map(|view| view.session));
        }
        let session = self.core.store.session(hash).await?;
        let now = self.core.now();
        let session = session.filter(|session| self.settings.is_alive(session, now));
        if let Some(session) = &session {
            self.note_use(session, now).await?;
        }
        Ok(session)
    }

    /// The live session of a cookie, with everything that `GET /auth/session` shows.
    pub async fn view(&self, hash: &SessionHash) -> Result<Option<SessionView>, Error> {
        let view = self.core.store.session_view(hash).await?;
        let now = self.core.now();
        let Some(view) = view.filter(|view| self.settings.is_alive(&view.session, now)) else {
            return Ok(None);
        };
        // The session itself stays: a list that is mended gives everybody back what they had.
        if self.core.looks_at_sessions() && !self.core.still_admits(&view).await? {
            return Ok(None);
        }
        self.note_use(&view.session, now).await?;
        Ok(Some(view))
    }

    async fn note_use(&self, session: &SessionRow, now: Timestamp) -> Result<(), Error> {
        if now >= session.last_seen_at.after(self.settings.granularity()) {
            self.core.store.touch_session(&session.hash, now).await?;
        }
        Ok(())
    }

    /// Ends one session.
    pub async fn end(&self, session: &SessionRow) -> Result<(), Error> {
        self.core.store.end_session(&session.hash).await?;
        self.record_sign_out(session.user).await
    }

    /// Ends every session of a user.
    pub async fn end_all(&self, user: UserId) -> Result<(), Error> {
        self.core.store.end_sessions_of(user).await?;
        self.record_sign_out(user).await
    }

    async fn record_sign_out(&self, user: UserId) -> Result<(), Error> {
        let event = Event { user: Some(user), ..Event::new(EventKind::SignedOut, self.core.now()) };
        Ok(self.core.store.append_events(vec![event]).await?)
    }

    /// Refuses somebody whose account their provider has disabled (requirement RI-5).
    pub(crate) async fn admit(
        &self,
        proof: &VerifiedIdentity,
        receipt: &mut Receipt,
    ) -> Result<(), Error> {
        let is_suspended = self.core.store.is_suspended(proof.identity()).await?;
        let came = if is_suspended { "disabled by the provider" } else { "enabled" };
        receipt
            .check(rules::ACCOUNT_ENABLED, "enabled", came, !is_suspended)
            .or(Refusal::AccountDisabled.into())
    }

    /// A session for a person who has been verified, in a browser that its user knows by the name `device`: the row to write, and the cookie to set once it is
    /// written. There is no other way to make one.
    pub(crate) fn open(
        &self,
        proof: &VerifiedIdentity,
        device: Option<String>,
    ) -> (NewSession, SetCookie) {
        let token = SessionToken::new(random_token(&*self.core.entropy));
        let now = self.core.now();
        let session = NewSession {
            hash: SessionHash(token.sha256()),
            id: SessionId::new(&*self.core.clock, &*self.core.entropy),
            created_at: now,
            expires_at: now.after(self.settings.absolute),
            provider_session: proof.provider_session(),
            opened_by: proof.identity().hash(),
            device,
        };
        (session, SetCookie::new(SESSION_COOKIE, token.expose(), self.settings.absolute))
    }
}
