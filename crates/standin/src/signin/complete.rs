//! The way from the provider's answer to a session, every check in its order.
//!
//! ```text
//! answer ─▶ attempt of this browser ─▶ provider, issuer ─▶ consume ─▶ exchange ─▶ verify ─▶ seal ─▶ store
//!           cookie, state, time        AR-4, CB-4, CB-5     one winner  once       the door   one transaction
//! ```
//!
//! Nothing is asked of the provider before the attempt is consumed, and nothing is stored before everything
//! has been checked. A failure after that point leaves its code with the attempt, for a page that waits.

use std::sync::Arc;

use super::attempt::{Attempt, Intent};
use super::callback::{UnverifiedAnswer, UnverifiedCallback, UnverifiedCodePost};
use super::{Completed, Failed, Mode, Next, SignIn};
use crate::error::{Error, Refusal};
use crate::provider::{Known, Provider, SignInProof, TokenResponse};
use crate::secret::{AuthorizationCode, Nonce};
use crate::session::cookie::Cookies;
use crate::store::{AttemptOutcome, AttemptRow, Event, EventKind};
use crate::time::Timestamp;
use crate::verify::{ExpectedNonce, ProviderId, VerifiedIdentity};

/// What the exchange brought, proved.
pub(super) struct Proved {
    pub(super) identity: VerifiedIdentity,
    /// What is known about the person; the identity's own attributes, or more.
    pub(super) known: Known,
    pub(super) answer: TokenResponse,
    pub(super) asked_at: Timestamp,
}

/// How an answer comes to us.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// A page posts it.
    Post,
    /// The provider sends the browser here with it.
    Redirect,
}

impl SignIn {
    /// Completes a sign-in by redirect.
    ///
    /// # Errors
    /// [`Failed`] with the reason, and what is known of the attempt. Whatever it is, no session was opened
    /// or changed and no grant was written.
    ///
    /// # Cancel safety
    /// Not cancel-safe: a code is good for one exchange. The work therefore runs in a tracked task, and
    /// dropping this future only stops the waiting.
    pub async fn callback(
        &self,
        provider: &ProviderId,
        answer: UnverifiedCallback,
        headers: &http::HeaderMap,
    ) -> Result<Completed, Failed> {
        let current = self.core.vault.require_current().await;
        current.map_err(Failed::before_attempt)?;
        let attempt = Attempt::of_answer(&self.core, Cookies::of(headers), &answer.state)
            .map_err(Failed::before_attempt)?;
        let admitted = match self.admit(&attempt, provider, Way::Redirect) {
            Ok(provider) => {
                self.check_issuer(&provider, answer.issuer.as_deref()).await.map(|()| provider)
            }
            Err(error) => Err(error),
        };
        match admitted {
            Ok(provider) => self.run(attempt, provider, answer.answer, None, headers.clone()).await,
            Err(error) => Err(self.turned_away(&attempt, error).await),
        }
    }

    /// Completes the one-time-code flow.
    ///
    /// # Errors and cancel safety
    /// As [`SignIn::callback`]; [`Refusal::SubjectMismatch`] too, if the page expected somebody else.
    pub async fn code(
        &self,
        provider: &ProviderId,
        post: UnverifiedCodePost,
        headers: &http::HeaderMap,
    ) -> Result<Completed, Failed> {
        let current = self.core.vault.require_current().await;
        current.map_err(Failed::before_attempt)?;
        let attempt = Attempt::of_answer(&self.core, Cookies::of(headers), &post.state)
            .map_err(Failed::before_attempt)?;
        match self.admit(&attempt, provider, Way::Post) {
            Ok(provider) => {
                let (code, expected) = (UnverifiedAnswer::Code(post.code), post.expected_subject);
                self.run(attempt, provider, code, expected, headers.clone()).await
            }
            Err(error) => Err(self.turned_away(&attempt, error).await),
        }
    }

    /// Whether an answer that came this way, to this provider's address, at this time, is the attempt's.
    pub(super) fn admit(
        &self,
        attempt: &Attempt,
        provider: &ProviderId,
        way: Way,
    ) -> Result<Arc<Provider>, Error> {
        if self.core.now() >= attempt.expires_at() {
            return Err(Refusal::AttemptExpired.into());
        }
        if (attempt.mode == Mode::Code) != (way == Way::Post) {
            return Err(Refusal::ResponseModeMismatch.into());
        }
        let provider = self.core.provider(provider)?;
        attempt.check_provider(provider)?;
        Ok(Arc::clone(provider))
    }

    /// RFC 9207: the issuer of the answer, where it is named or promised, is the one that was asked.
    async fn check_issuer(&self, provider: &Provider, issuer: Option<&str>) -> Result<(), Error> {
        let is_promised = provider.metadata(&self.core).await?.issuer_in_response;
        match issuer {
            Some(issuer) if issuer == provider.config().issuer => Ok(()),
            None if !is_promised => Ok(()),
            _ => Err(Refusal::IssuerMismatch.into()),
        }
    }

    async fn run(
        &self,
        attempt: Attempt,
        provider: Arc<Provider>,
        answer: UnverifiedAnswer,
        expected_subject: Option<String>,
        headers: http::HeaderMap,
    ) -> Result<Completed, Failed> {
        let signin = self.clone();
        let task = self.tasks.spawn(async move {
            let done = signin
                .complete(&attempt, &provider, answer, expected_subject.as_deref(), &headers)
                .await;
            match done {
                Ok(completed) => Ok(completed),
                Err(error) => Err(signin.record_failure(&attempt, error).await),
            }
        });
        // A panic in there is logged by the runtime's hook; the browser is told to start again.
        task.await.unwrap_or_else(|_panicked| Err(Failed::before_attempt(Error::unavailable())))
    }

    async fn complete(
        &self,
        attempt: &Attempt,
        provider: &Provider,
        answer: UnverifiedAnswer,
        expected_subject: Option<&str>,
        headers: &http::HeaderMap,
    ) -> Result<Completed, Error> {
        self.consume(attempt).await?;
        self.check_session(attempt, headers).await?;
        let code = match answer {
            UnverifiedAnswer::Code(code) => code,
            UnverifiedAnswer::Neither => return Err(Refusal::CodeMissing.into()),
            UnverifiedAnswer::Refused(word) => return self.refused(attempt, &word).await,
        };
        let proved = self.prove(attempt, provider, code).await?;
        if let Err(refusal) = check_subject(attempt, expected_subject, &proved.identity) {
            self.give_back(provider, &proved.identity, &proved.answer).await;
            return Err(refusal.into());
        }
        self.settle(attempt, provider, &proved, headers).await
    }

    pub(super) async fn consume(&self, attempt: &Attempt) -> Result<(), Error> {
        let row = AttemptRow {
            id: attempt.id,
            provider: attempt.provider.clone(),
            expires_at: attempt.expires_at(),
        };
        if self.core.store.consume_attempt(row).await? {
            Ok(())
        } else {
            Err(Refusal::AttemptUsed.into())
        }
    }

    /// The provider says no. Whoever declines the second leg is signed in all the same, without offline
    /// access: that is what they chose.
    async fn refused(&self, attempt: &Attempt, word: &str) -> Result<Completed, Error> {
        match (&attempt.intent, word) {
            (Intent::Consent { .. }, _) => {
                self.core.store.finish_attempt(attempt.id, AttemptOutcome::Done).await?;
                Ok(Completed {
                    attempt: attempt.id,
                    mode: attempt.mode,
                    window: attempt.window.clone(),
                    cookies: attempt.leaves().into_iter().collect(),
                    session: None,
                    next: Next::ReturnTo(attempt.return_to.resolve(&self.core.public_url)),
                })
            }
            (_, "access_denied") => Err(Refusal::AccessDenied.into()),
            (_, _) => Err(Refusal::ProviderError.into()),
        }
    }

    async fn prove(
        &self,
        attempt: &Attempt,
        provider: &Provider,
        code: AuthorizationCode,
    ) -> Result<Proved, Error> {
        let asked_at = self.core.now();
        let is_ours = attempt.mode != Mode::Code;
        let verifier = is_ours.then_some(attempt.verifier.as_str());
        let answer = provider.exchange(&self.core, &code, &attempt.redirect_uri, verifier).await?;
        let id_token = answer.unverified_id_token.as_ref().ok_or(Error::ProviderMisbehaved)?;
        let nonce = Nonce::new(attempt.nonce.as_str());
        let proof = SignInProof {
            nonce: if is_ours {
                ExpectedNonce::Required(&nonce)
            } else {
                ExpectedNonce::IfPresent(&nonce)
            },
            access_token: &answer.access_token,
            code: &code,
        };
        let identity = provider.verify(&self.core, id_token, &proof).await?;
        let granted = answer.granted(&attempt.scopes);
        let known = provider.profile(&self.core, &identity, granted, &answer.access_token).await;
        let known = match known {
            Ok(known) => known,
            Err(error) => {
                self.give_back(provider, &identity, &answer).await;
                return Err(error);
            }
        };
        Ok(Proved { identity, known, answer, asked_at })
    }

    /// Leaves the reason with the attempt and in the events. Someone else's use of an attempt is no end of
    /// it, so a replay leaves the outcome alone.
    async fn record_failure(&self, attempt: &Attempt, error: Error) -> Failed {
        if error != Error::Refused(Refusal::AttemptUsed) {
            let outcome = AttemptOutcome::Failed { code: error.code().to_owned() };
            if let Err(error) = self.core.store.finish_attempt(attempt.id, outcome).await {
                tracing::warn!(attempt.id = %attempt.id, %error, "the outcome of an attempt is not stored");
            }
        }
        self.turned_away(attempt, error).await
    }

    /// Leaves the reason in the events. An attempt that was not consumed goes on: the right answer to it may
    /// still come.
    pub(super) async fn turned_away(&self, attempt: &Attempt, error: Error) -> Failed {
        let event = Event {
            attempt: Some(attempt.id),
            detail: Some(error.code().to_owned()),
            ..Event::new(EventKind::SignInFailed, self.core.now())
        };
        if let Err(error) = self.core.store.append_events(vec![event]).await {
            tracing::warn!(attempt.id = %attempt.id, %error, "a failed sign-in is not in the events");
        }
        Failed::of(attempt, error)
    }
}

pub(super) fn check_subject(
    attempt: &Attempt,
    expected: Option<&str>,
    identity: &VerifiedIdentity,
) -> Result<(), Refusal> {
    let subject = identity.identity().subject.as_str();
    let same_person = match &attempt.intent {
        Intent::AddScopes { subject: known }
        | Intent::Consent { subject: known }
        | Intent::Grant { subject: known, .. } => known == subject,
        Intent::SignIn => true,
    };
    if same_person && expected.is_none_or(|expected| expected == subject) {
        Ok(())
    } else {
        Err(Refusal::SubjectMismatch)
    }
}
