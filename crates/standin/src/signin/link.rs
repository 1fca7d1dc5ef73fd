//! Linking: whoever is signed in adds one more account to those they can sign in with.
//!
//! ```text
//! session ─▶ user ─▶ attempt, bound to user and session ─▶ provider ─▶ an account of nobody's, or already theirs
//! ```
//!
//! It is the only way in which a user comes to have two identities. An address that two accounts share links
//! nothing (requirement ID-13), and an account that another user has stays theirs: two users are never merged
//! (requirement CB-14).

use super::attempt::{Attempt, Intent, Start};
use super::begin::{Ask, wanted};
use super::{Begun, Mode, SignIn};
use crate::error::{Error, Refusal};
use crate::provider::Scopes;
use crate::receipt::{Receipt, rules};
use crate::session::cookie::Cookies;
use crate::store::{EventKind, SessionRow};
use crate::verify::{Identity, ProviderId};

/// How whoever is signed in wants one more account.
#[derive(Debug, Default)]
pub struct LinkRequest {
    /// Scopes beyond those of every sign-in, from the configured list.
    pub scopes: Scopes,
    /// Where to go afterwards; the front page if it is not a page of this site.
    pub return_to: Option<String>,
    /// Which account the provider may expect. A hint, not a check.
    pub login_hint: Option<String>,
}

impl SignIn {
    /// Begins linking for the user of a live session. The provider is asked to let them choose: it would take the
    /// account that they have here already.
    ///
    /// # Errors
    /// [`Refusal::UnknownProvider`], [`Refusal::ScopeNotAllowed`], and [`Error::ProviderUnavailable`] if the
    /// provider cannot be discovered.
    ///
    /// # Security
    /// That the request comes from a page of ours is for the caller to check, before (requirement AR-11).
    ///
    /// # Cancel safety
    /// Cancel-safe: nothing is stored, and an attempt whose cookie is not set is none.
    pub async fn begin_link(
        &self,
        provider: &ProviderId,
        session: &SessionRow,
        request: LinkRequest,
        cookies: Cookies<'_>,
    ) -> Result<Begun, Error> {
        let provider = self.core.provider(provider)?;
        let start = Start {
            mode: Mode::Redirect,
            intent: Intent::Link { user: session.user, session: session.id },
            scopes: wanted(provider, &request.scopes)?,
            return_to: self.return_to(request.return_to.as_deref()),
            window: None,
            session: Some(session.hash),
        };
        let login_hint = request.login_hint.as_deref();
        // Consent in any case: of an account that is new here nobody has a refresh token yet.
        let prompt = if login_hint.is_some() { "consent" } else { "select_account consent" };
        self.start(provider, start, Ask { login_hint, prompt: Some(prompt) }, cookies).await
    }

    /// What it is that whoever is signed in does with this account, once it is known that they may.
    ///
    /// # Errors
    /// [`Refusal::IdentityTaken`] if it is another user's; [`Refusal::IdentityUnknown`] if it was theirs, scopes
    /// were to be added to it, and it was unlinked meanwhile; [`Refusal::SessionMismatch`] if they were deleted.
    pub(super) async fn admit_account(
        &self,
        attempt: &Attempt,
        identity: &Identity,
        receipt: &mut Receipt,
    ) -> Result<EventKind, Error> {
        let Some(user) = attempt.bound_to() else { return Ok(attempt.event()) };
        let owner = self.core.store.user_of_identity(identity).await?;
        let is_linked = matches!(attempt.intent, Intent::Link { .. });
        let (came, decided) = match owner {
            Some(owner) if owner == user => ("theirs", Ok(EventKind::GrantAuthorized)),
            Some(_) => ("another user's", Err(Refusal::IdentityTaken)),
            None if self.core.store.user(user).await?.is_none() => {
                ("of nobody who is still here", Err(Refusal::SessionMismatch))
            }
            None if is_linked => ("nobody's", Ok(EventKind::IdentityLinked)),
            None => ("nobody's", Err(Refusal::IdentityUnknown)),
        };
        let wanted = if is_linked { "nobody's, or theirs" } else { "theirs" };
        match decided {
            Ok(event) => {
                let verdict = receipt.check(rules::OWNER, wanted, came, true);
                verdict.or(Refusal::IdentityTaken.into()).map(|()| event)
            }
            Err(refusal) => {
                receipt.failed(rules::OWNER, wanted, came);
                Err(refusal.into())
            }
        }
    }
}
