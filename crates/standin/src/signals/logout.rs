//! A user has signed out at their provider (OpenID Connect Back-Channel Logout 1.0).

use super::{Signals, Taken, up_to_and_including};
use crate::error::Error;
use crate::provider::Provider;
use crate::store::{About, Duties, News, SpentKind};
use crate::verify::{
    EventTokenFault, Identity, LEEWAY, MAX_LOGOUT_TOKEN_AGE, ProviderId, ProviderSession,
    VerifiedLogout,
};

impl Signals {
    /// Ends the sessions that a logout token is about: those that came from the provider's session it names,
    /// or all of the person it names.
    ///
    /// # Errors
    /// [`Error::EventToken`] for a token that does not count, or that was used before (requirement SC-16);
    /// otherwise the provider's keys or the database are out of reach, and nothing was changed.
    pub async fn logout(&self, provider: &ProviderId, logout_token: &str) -> Result<(), Error> {
        let provider = self.core.provider(provider)?;
        let token = provider.verify_logout(&self.core, logout_token).await?;
        let taken = Taken {
            kind: SpentKind::LogoutToken,
            provider: provider.id(),
            id: &token.id,
            remembered_for: MAX_LOGOUT_TOKEN_AGE + LEEWAY,
        };
        let is_first = self.take(taken, news(provider, &token).into_iter().collect()).await?;
        if is_first { Ok(()) } else { Err(EventTokenFault::Replayed.into()) }
    }
}

fn news(provider: &Provider, token: &VerifiedLogout) -> Option<News> {
    let issuer = &provider.config().issuer;
    let identity = token.subject.as_ref().map(|subject| Identity {
        provider: provider.id().clone(),
        issuer: issuer.clone(),
        subject: subject.clone(),
    });
    let named = token.session.as_ref().map(|sid| ProviderSession::of(provider.id(), issuer, sid));
    let about = match (named, identity) {
        (Some(session), identity) => About::Session { session, identity },
        (None, Some(identity)) => About::Identity(identity),
        (None, None) => return None,
    };
    Some(News {
        about,
        duties: Duties { end_sessions: true, ..Duties::NONE },
        // Clocks differ, and a session too many is the smaller harm here.
        before: up_to_and_including(token.issued_at.after(LEEWAY)),
        detail: "backchannel-logout".to_owned(),
    })
}
