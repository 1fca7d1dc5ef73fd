//! The list of a user's sessions, and ending one of them from there.

use super::Sessions;
use crate::error::{Error, Refusal};
use crate::id::{SessionId, UserId};
use crate::store::{Event, EventKind, SessionRow};

impl Sessions {
    /// The live sessions of a user, newest first.
    pub async fn list(&self, user: UserId) -> Result<Vec<SessionRow>, Error> {
        let now = self.core.now();
        let sessions = self.core.store.sessions_of(user).await?.into_iter();
        Ok(sessions.filter(|session| self.settings.is_alive(session, now)).collect())
    }

    /// Ends one of a user's sessions, wherever it is.
    ///
    /// # Errors
    /// [`Refusal::NoSession`] if there is none, or if it is somebody else's; which of the two is not told.
    pub async fn end_listed(&self, user: UserId, id: SessionId) -> Result<(), Error> {
        if !self.core.store.end_session_by_id(user, id).await? {
            return Err(Refusal::NoSession.into());
        }
        let event =
            Event { user: Some(user), ..Event::new(EventKind::SessionEnded, self.core.now()) };
        Ok(self.core.store.append_events(vec![event]).await?)
    }
}
