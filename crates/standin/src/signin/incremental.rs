//! Adding scopes for somebody who is signed in already.
//!
//! ```text
//! session ─▶ user ─▶ their identity at the provider ─▶ attempt, bound to user, session and subject ─▶ provider
//! ```
//!
//! The answer counts only while that session lives, and only from that person. No session is opened: the one
//! that asked goes on.

use super::attempt::{Attempt, Intent, Start};
use super::begin::{Ask, wanted};
use super::{Begun, Mode, SignIn};
use crate::error::{Error, Refusal};
use crate::provider::{Provider, Scopes, TokenResponse};
use crate::receipt::{Receipt, rules};
use crate::revoke;
use crate::session::cookie::Cookies;
use crate::store::SessionRow;
use crate::vault::Grant;
use crate::verify::{ProviderId, VerifiedIdentity};

/// What a signed-in user is to be asked for.
#[derive(Debug)]
pub struct GrantRequest {
    /// The scopes to add, from the configured list.
    pub scopes: Scopes,
    /// Where to go afterwards; the front page if it is not a page of this site.
    pub return_to: Option<String>,
    /// Which of the user's accounts at the provider, where they have several. Left out, the one that jobs act
    /// for.
    pub subject: Option<String>,
}

impl SignIn {
    /// Begins incremental authorization for the user of a live session: more scopes for the grant they have,
    /// or a grant again after they took it back.
    ///
    /// # Errors
    /// [`Refusal::UnknownProvider`], [`Refusal::ScopeNotAllowed`], [`Refusal::InvalidRequest`] if no scope is
    /// asked for, [`Refusal::NoGrant`] if the user has never signed in with this provider (that would be
    /// linking), [`Refusal::IdentityUnknown`] if the account that is named is not theirs, and [`Error::ProviderUnavailable`] if it cannot be discovered.
    ///
    /// # Security
    /// That the request comes from a page of ours is for the caller to check, before.
    pub async fn begin_grant(
        &self,
        provider: &ProviderId,
        session: &SessionRow,
        request: GrantRequest,
        cookies: Cookies<'_>,
    ) -> Result<Begun, Error> {
        let provider = self.core.provider(provider)?;
        if request.scopes.is_empty() {
            return Err(Refusal::InvalidRequest.into());
        }
        let asked = wanted(provider, &request.scopes)?;
        let named = request.subject.as_deref();
        let grant = self.core.grant_of(session.user, provider.id(), named).await?;
        let subject = self.subject(provider, session, named, grant.as_ref()).await?;
        let start = Start {
            mode: Mode::Redirect,
            intent: Intent::Grant {
                subject: subject.clone(),
                user: session.user,
                session: session.id,
            },
            scopes: with_what_would_be_lost(asked, provider, grant.as_ref()),
            return_to: self.return_to(request.return_to.as_deref()),
            window: None,
            session: Some(session.hash),
        };
        // Only consent brings a refresh token, and whoever has none that works needs one.
        let is_offline = grant.is_some_and(|grant| grant.is_offline());
        let prompt = (!is_offline).then_some("consent");
        let ask = Ask { login_hint: Some(&subject), prompt };
        self.start(provider, start, ask, cookies).await
    }

    /// How the provider knows the user: by the grant that is to grow, or by the identity they signed in with.
    async fn subject(
        &self,
        provider: &Provider,
        session: &SessionRow,
        named: Option<&str>,
        grant: Option<&Grant>,
    ) -> Result<String, Error> {
        if let Some(grant) = grant {
            return Ok(grant.identity.subject.clone());
        }
        let identities = self.core.store.identities_of(session.user).await?;
        let mut there = identities.into_iter().filter(|identity| {
            identity.provider == *provider.id()
                && named.is_none_or(|subject| subject == identity.subject)
        });
        let nobody = if named.is_some() { Refusal::IdentityUnknown } else { Refusal::NoGrant };
        there.next().map(|identity| identity.subject).ok_or_else(|| nobody.into())
    }

    /// Whether whoever began an incremental authorization, or linking, is still who is signed in in this browser. Checked
    /// before the code is redeemed, so that nothing is left behind of what came too late.
    pub(super) async fn check_session(
        &self,
        attempt: &Attempt,
        headers: &http::HeaderMap,
        receipt: &mut Receipt,
    ) -> Result<(), Error> {
        let (Intent::Grant { user, session, .. } | Intent::Link { user, session }) =
            &attempt.intent
        else {
            return Ok(());
        };
        let found = match attempt.session_of(headers) {
            Some(hash) => self.sessions.find(&hash).await?,
            None => None,
        };
        let came = match &found {
            Some(found) if found.id == *session && found.user == *user => "that session",
            Some(_) => "another",
            None => "none",
        };
        receipt
            .check(rules::SESSION, "that session", came, came == "that session")
            .or(Refusal::SessionMismatch.into())
    }

    /// Another account than the expected one answered, or nobody knows which: what it gave is revoked at the provider, since nobody
    /// here wants it. Only what came with consent is new, and that brings a refresh token; a mere access
    /// token speaks of what was given before and lapses by itself.
    ///
    /// At Google revoking one token revokes all that the account gave to the application. So an account
    /// whose own grant is alive here keeps it: its owner must not lose it by somebody's wrong choice.
    pub(super) async fn give_back(
        &self,
        provider: &Provider,
        person: &VerifiedIdentity,
        answer: &TokenResponse,
    ) {
        let Some(token) = provider.token_to_give_back(answer) else { return };
        let grant = match self.core.store.grant_of_identity(person.identity()).await {
            Ok(grant) => grant,
            Err(error) => {
                tracing::error!(%error, "a token of another account is not revoked");
                return;
            }
        };
        if grant.as_ref().is_some_and(Grant::is_live) {
            tracing::info!(
                "another account answered whose own grant is alive: its token is dropped"
            );
            return;
        }
        // A grant of theirs that is dead or was taken back: should they give it again before the provider
        // can be told, the queue finds that out by its id.
        let id = grant.map_or_else(
            || crate::id::GrantId::new(&*self.core.clock, &*self.core.entropy),
            |grant| grant.id,
        );
        match provider.destination(&self.core, person.identity()).await {
            Ok(destination) => {
                revoke::discard(&self.core, id, &destination, &token).await;
            }
            Err(error) => tracing::error!(%error, "a token of another account is not revoked"),
        }
    }
}

/// A provider that does not add up what was given gives a token for what it was asked for and nothing more:
/// it is asked again for what is there already.
fn with_what_would_be_lost(asked: Scopes, provider: &Provider, grant: Option<&Grant>) -> Scopes {
    match grant {
        Some(grant) if !provider.adds_up() => {
            asked.union(&grant.scopes.intersection(&provider.allowed_scopes()))
        }
        _ => asked,
    }
}
