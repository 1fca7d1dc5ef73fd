//! The way from the provider's answer to a session, every check in its order.
//!
//! ```text
//! answer ─▶ attempt of this browser ─▶ provider, issuer ─▶ consume ─▶ exchange ─▶ verify ─▶ seal ─▶ store
//!           cookie, state, time        AR-4, CB-4, CB-5     one winner  once       the door   one transaction
//! ```
//!
//! In the hybrid flow an ID token is verified between consuming and exchanging (`redeemable.rs`).
//!
//! Nothing is asked of the provider before the attempt is consumed, and nothing is stored before everything
//! has been checked. A failure after that point leaves its code with the attempt, for a page that waits.

use std::sync::Arc;

use super::attempt::{ATTEMPT_LIFETIME, Attempt, Intent};
use super::callback::{UnverifiedAnswer, UnverifiedCallback, UnverifiedCodePost, Way};
use super::redeemable::Redeemable;
use super::{Completed, Failed, Mode, Next, SignIn};
use crate::error::{Error, Refusal};
use crate::fail_point::FailPoint;
use crate::measure;
use crate::provider::{Known, Provider, SignInProof, TokenResponse};
use crate::receipt::{Fact, Offline, Receipt, rules};
use crate::secret::Nonce;
use crate::session::cookie::Cookies;
use crate::store::{AttemptOutcome, AttemptRow, Event, EventKind, StoreError};
use crate::time::Timestamp;
use crate::verify::{ExpectedNonce, IdTokenFault, ProviderId, VerifiedIdentity};

/// What the exchange brought, proved.
pub(super) struct Proved {
    pub(super) identity: VerifiedIdentity,
    /// What is known about the person; the identity's own attributes, or more.
    pub(super) known: Known,
    pub(super) answer: TokenResponse,
    pub(super) asked_at: Timestamp,
}

/// What came, and whom the page that posted it expects.
pub(super) struct Answer {
    pub(super) answer: UnverifiedAnswer,
    pub(super) expected_subject: Option<String>,
}

impl SignIn {
    /// Completes a sign-in whose answer the browser brings from the provider, by redirect or by form post.
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
        let mut receipt = self.receipt();
        answer.came(&mut receipt);
        let (cookies, state) = (Cookies::of(headers), &answer.state);
        let attempt = match Attempt::of_answer(&self.core, cookies, state, &mut receipt) {
            Ok(attempt) => attempt,
            Err(refusal) => return Err(self.stray(provider, refusal, receipt).await),
        };
        let admitted = match self.admit(&attempt, provider, answer.way, &mut receipt) {
            Ok(provider) => {
                self.check_issuer(&provider, &answer, &mut receipt).await.map(|()| provider)
            }
            Err(error) => Err(error),
        };
        match admitted {
            Ok(provider) => {
                let answer = Answer { answer: answer.answer, expected_subject: None };
                self.run(attempt, provider, answer, headers.clone(), receipt).await
            }
            Err(error) => Err(self.turned_away(&attempt, error, &mut receipt).await),
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
        let mut receipt = self.receipt();
        post.came(&mut receipt);
        let (cookies, state) = (Cookies::of(headers), &post.state);
        let attempt = match Attempt::of_answer(&self.core, cookies, state, &mut receipt) {
            Ok(attempt) => attempt,
            Err(refusal) => return Err(self.stray(provider, refusal, receipt).await),
        };
        match self.admit(&attempt, provider, Way::Page, &mut receipt) {
            Ok(provider) => {
                let (answer, expected_subject) =
                    (UnverifiedAnswer::Code(post.code), post.expected_subject);
                let answer = Answer { answer, expected_subject };
                self.run(attempt, provider, answer, headers.clone(), receipt).await
            }
            Err(error) => Err(self.turned_away(&attempt, error, &mut receipt).await),
        }
    }

    /// Whether an answer that came this way, to this provider's address, at this time, is the attempt's.
    pub(super) fn admit(
        &self,
        attempt: &Attempt,
        provider: &ProviderId,
        way: Way,
        receipt: &mut Receipt,
    ) -> Result<Arc<Provider>, Error> {
        self.admit_now(attempt, way, receipt)?;
        let provider = self.core.provider(provider)?;
        attempt.check_provider(provider, receipt)?;
        Ok(Arc::clone(provider))
    }

    /// Whether an answer that came this way, at this time, can be the attempt's.
    pub(super) fn admit_now(
        &self,
        attempt: &Attempt,
        way: Way,
        receipt: &mut Receipt,
    ) -> Result<(), Error> {
        attempt.began(receipt);
        let now = self.core.now();
        let took = Fact::For(now.remaining(attempt.begun_at()));
        receipt
            .check(rules::TIME, Fact::For(ATTEMPT_LIFETIME), took, now < attempt.expires_at())
            .or(Refusal::AttemptExpired)?;
        let asked = attempt.way();
        receipt
            .check(rules::RESPONSE_MODE, asked.word(), way.word(), asked == way)
            .or(Refusal::ResponseModeMismatch.into())
    }

    /// RFC 9207: the issuer of the answer, where it is named or promised, is the one that was asked. An ID token in
    /// front names it as well, and some providers leave it at that: it is verified before the code goes anywhere.
    pub(super) async fn check_issuer(
        &self,
        provider: &Provider,
        answer: &UnverifiedCallback,
        receipt: &mut Receipt,
    ) -> Result<(), Error> {
        let issuer = answer.issuer.as_deref();
        let is_in_token = matches!(answer.answer, UnverifiedAnswer::Front(_));
        let is_promised = provider.metadata(&self.core).await?.issuer_in_response && !is_in_token;
        let ours = provider.config().issuer.as_str();
        let holds = issuer.map_or(!is_promised, |issuer| provider.has_issuer(issuer));
        let absent = if is_promised { "absent" } else { "absent, as it may be" };
        let came = issuer.map_or(Fact::Word(absent), Fact::Issuer);
        receipt
            .check(rules::ANSWER_ISSUER, Fact::Issuer(ours), came, holds)
            .or(Refusal::IssuerMismatch.into())
    }

    pub(super) async fn run(
        &self,
        attempt: Attempt,
        provider: Arc<Provider>,
        answer: Answer,
        headers: http::HeaderMap,
        mut receipt: Receipt,
    ) -> Result<Completed, Failed> {
        let signin = self.clone();
        let task = self.tasks.spawn(async move {
            let receipt = &mut receipt;
            match signin.complete(&attempt, &provider, answer, &headers, receipt).await {
                Ok(completed) => Ok(completed),
                Err(error) => Err(signin.record_failure(&attempt, error, receipt).await),
            }
        });
        // A panic in there is logged by the runtime's hook; the browser is told to start again.
        task.await.unwrap_or_else(|_panicked| Err(Failed::before_attempt(Error::unavailable())))
    }

    async fn complete(
        &self,
        attempt: &Attempt,
        provider: &Provider,
        answer: Answer,
        headers: &http::HeaderMap,
        receipt: &mut Receipt,
    ) -> Result<Completed, Error> {
        FailPoint::SignInConsume.reach().await?;
        self.consume(attempt, receipt).await?;
        FailPoint::SignInHasConsumed.reach().await?;
        self.check_session(attempt, headers, receipt).await?;
        let code = match answer.answer {
            UnverifiedAnswer::Code(code) => Redeemable::alone(attempt, code, receipt)?,
            UnverifiedAnswer::Front(front) => {
                self.vouched_for(attempt, provider, front, receipt).await?
            }
            UnverifiedAnswer::Neither => {
                receipt.failed(rules::ONE_ANSWER, "a code", "neither code nor error");
                return Err(Refusal::CodeMissing.into());
            }
            UnverifiedAnswer::Refused(word) => return self.refused(attempt, &word, receipt).await,
        };
        let proved = self.prove(attempt, provider, code, receipt).await?;
        let expected = answer.expected_subject.as_deref();
        let admitted = check_subject(attempt, expected, &proved.identity, receipt)
            .map_err(Error::from)
            .and_then(|()| self.core.admits(provider, &proved.known, receipt));
        let settled = match admitted {
            Ok(admits) => self.settle(attempt, provider, &proved, admits, headers, receipt).await,
            Err(error) => Err(error),
        };
        if settled.as_ref().is_err_and(keeps_nothing) {
            self.give_back(provider, &proved.identity, &proved.answer).await;
        }
        settled
    }

    pub(super) async fn consume(
        &self,
        attempt: &Attempt,
        receipt: &mut Receipt,
    ) -> Result<(), Error> {
        let row = AttemptRow {
            id: attempt.id,
            provider: attempt.provider.clone(),
            expires_at: attempt.expires_at(),
        };
        let is_first = self.core.store.consume_attempt(row).await?;
        let came = if is_first { "the first" } else { "it was used before" };
        receipt
            .check(rules::SINGLE_USE, "the first", came, is_first)
            .or(Refusal::AttemptUsed.into())
    }

    /// The provider says no. Whoever declines the second leg is signed in all the same, without offline
    /// access: that is what they chose.
    async fn refused(
        &self,
        attempt: &Attempt,
        word: &str,
        receipt: &mut Receipt,
    ) -> Result<Completed, Error> {
        let is_second_leg = matches!(attempt.intent, Intent::Consent { .. });
        if !is_second_leg {
            receipt.failed(rules::DECISION, "access is given", Fact::error_word(word));
        }
        match (&attempt.intent, word) {
            (Intent::Consent { .. }, _) => {
                receipt.step("declined", &[("answer", Fact::error_word(word))]);
                receipt.leaves(Offline::Declined);
                self.core.store.finish_attempt(attempt.id, AttemptOutcome::Done).await?;
                self.keep(self.done(attempt.id, &attempt.provider, receipt)).await;
                Ok(Completed {
                    attempt: attempt.id,
                    mode: attempt.mode,
                    window: attempt.window.clone(),
                    cookies: attempt.leaves().into_iter().collect(),
                    session: None,
                    user: None,
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
        code: Redeemable,
        receipt: &mut Receipt,
    ) -> Result<Proved, Error> {
        let asked_at = self.core.now();
        let is_ours = attempt.mode != Mode::Code;
        let verifier = is_ours.then_some(attempt.verifier.as_str());
        let redirect_uri = &attempt.redirect_uri;
        FailPoint::SignInExchange.reach().await?;
        let answer =
            provider.exchange(&self.core, code.code(), redirect_uri, verifier, receipt).await?;
        FailPoint::SignInHasExchanged.reach().await?;
        let nonce = Nonce::new(attempt.nonce.as_str());
        let proof = SignInProof {
            nonce: if is_ours {
                ExpectedNonce::Required(&nonce)
            } else {
                ExpectedNonce::IfPresent(&nonce)
            },
            access_token: &answer.access_token,
            code: Some(code.code()),
            front: code.front(),
            begun_at: attempt.begun_at(),
        };
        let identity = self.verify_or_give_back(provider, &proof, &answer, receipt).await?;
        FailPoint::SignInHasVerified.reach().await?;
        let granted = answer.granted(&attempt.scopes);
        let access_token = &answer.access_token;
        let known = provider.known(&self.core, &identity, granted, access_token, receipt).await;
        let known = match known {
            Ok(known) => known,
            Err(error) => {
                self.give_back(provider, &identity, &answer).await;
                return Err(error);
            }
        };
        Ok(Proved { identity, known, answer, asked_at })
    }

    /// The identity; what somebody outside of the hosted domains gave is given back.
    pub(super) async fn verify_or_give_back(
        &self,
        provider: &Provider,
        proof: &SignInProof<'_>,
        answer: &TokenResponse,
        receipt: &mut Receipt,
    ) -> Result<VerifiedIdentity, Error> {
        let verified = provider.identify(&self.core, answer, proof, receipt).await;
        let is_outsider = verified == Err(IdTokenFault::HostedDomainRefused.into());
        if let (true, Some(id_token)) = (is_outsider, &answer.unverified_id_token) {
            let outsider = provider.verify_outsider(&self.core, id_token, proof).await?;
            self.give_back(provider, &outsider, answer).await;
        }
        verified
    }

    /// Leaves the reason with the attempt and in the events. Someone else's use of an attempt is no end of
    /// it, so a replay leaves the outcome alone.
    pub(super) async fn record_failure(
        &self,
        attempt: &Attempt,
        error: Error,
        receipt: &mut Receipt,
    ) -> Failed {
        measure::signed_in(&self.core, &attempt.provider, Err(&error));
        if error != Error::Refused(Refusal::AttemptUsed) {
            let outcome = AttemptOutcome::Failed { code: error.code().to_owned() };
            let stored = self.core.store.finish_attempt(attempt.id, outcome).await;
            if let Err(fault) = stored {
                tracing::warn!(attempt.id = %attempt.id, error = %fault, "the outcome of an attempt is not stored");
                if matches!(fault, StoreError::Unavailable(_) | StoreError::Unknown(_)) {
                    // Nothing can be written now, and a browser waits.
                    return Failed::of(attempt, error);
                }
            }
        }
        self.leave_reason(attempt, error, receipt).await
    }

    /// Leaves the reason in the events. An attempt that was not consumed goes on: the right answer to it may
    /// still come.
    pub(super) async fn turned_away(
        &self,
        attempt: &Attempt,
        error: Error,
        receipt: &mut Receipt,
    ) -> Failed {
        measure::signed_in(&self.core, &attempt.provider, Err(&error));
        self.leave_reason(attempt, error, receipt).await
    }

    async fn leave_reason(&self, attempt: &Attempt, error: Error, receipt: &mut Receipt) -> Failed {
        receipt.stopped(error.code());
        self.keep_receipt(attempt, &error, receipt).await;
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

/// Whether it is certain that nothing was written: where the database failed, nobody knows. What cannot be sealed is not
/// written.
pub(super) fn keeps_nothing(error: &Error) -> bool {
    matches!(error, Error::Refused(_) | Error::ProviderUnavailable { .. } | Error::Vault(_))
}

pub(super) fn check_subject(
    attempt: &Attempt,
    expected: Option<&str>,
    identity: &VerifiedIdentity,
    receipt: &mut Receipt,
) -> Result<(), Refusal> {
    let subject = identity.identity().subject.as_str();
    let same_person = attempt.subject().is_none_or(|known| known == subject);
    let is_any = expected.is_none() && attempt.subject().is_none();
    let holds = same_person && expected.is_none_or(|expected| expected == subject);
    let wanted = if is_any { "any" } else { "the one that was expected" };
    let came = if is_any || holds { wanted } else { "another" };
    receipt.check(rules::ACCOUNT, wanted, came, holds).or(Refusal::SubjectMismatch)
}
