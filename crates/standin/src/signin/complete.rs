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

use super::attempt::{Attempt, Intent, cookie_name};
use super::callback::{UnverifiedAnswer, UnverifiedCallback, UnverifiedCodePost};
use super::{Begun, Completed, Failed, Mode, Next, SignIn};
use crate::error::{Error, Refusal};
use crate::id::{GrantId, UserId};
use crate::provider::{Provider, SignInProof, TokenResponse};
use crate::secret::{AuthorizationCode, Nonce};
use crate::session::cookie::{Cookies, SetCookie};
use crate::session::{Presented, Sessions};
use crate::store::{
    AttemptOutcome, AttemptRow, Event, EventKind, NewSession, SessionHash, StoreError,
};
use crate::time::Timestamp;
use crate::vault::{Binding, Grant, GrantState, SealedTokens};
use crate::verify::{ExpectedNonce, ProviderId, VerifiedIdentity};

/// How often a sign-in tries to write over a grant that keeps changing under it.
const MAX_ROUNDS: usize = 5;

/// What the exchange brought, proved.
struct Proved {
    identity: VerifiedIdentity,
    answer: TokenResponse,
    asked_at: Timestamp,
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
        let attempt = Attempt::of_answer(&self.core, Cookies::of(headers), &answer.state)
            .map_err(Failed::before_attempt)?;
        let known = |error: Error| Failed::of(&attempt, error);
        if attempt.mode == Mode::Code {
            return Err(known(Refusal::ResponseModeMismatch.into()));
        }
        let provider = Arc::clone(self.core.provider(provider).map_err(known)?);
        attempt
            .check_provider(&provider)
            .map_err(|refusal| known(refusal.into()))?;
        self.check_issuer(&provider, answer.issuer.as_deref())
            .await
            .map_err(known)?;
        self.run(attempt, provider, answer.answer, None, headers.clone())
            .await
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
        let attempt = Attempt::of_answer(&self.core, Cookies::of(headers), &post.state)
            .map_err(Failed::before_attempt)?;
        let known = |error: Error| Failed::of(&attempt, error);
        if attempt.mode != Mode::Code {
            return Err(known(Refusal::ResponseModeMismatch.into()));
        }
        let provider = Arc::clone(self.core.provider(provider).map_err(known)?);
        attempt
            .check_provider(&provider)
            .map_err(|refusal| known(refusal.into()))?;
        let answer = UnverifiedAnswer::Code(post.code);
        self.run(
            attempt,
            provider,
            answer,
            post.expected_subject,
            headers.clone(),
        )
        .await
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
                .complete(
                    &attempt,
                    &provider,
                    answer,
                    expected_subject.as_deref(),
                    &headers,
                )
                .await;
            match done {
                Ok(completed) => Ok(completed),
                Err(error) => Err(signin.record_failure(&attempt, error).await),
            }
        });
        // A panic in there is logged by the runtime's hook; the browser is told to start again.
        task.await
            .unwrap_or_else(|_panicked| Err(Failed::before_attempt(Error::unavailable())))
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
        let code = match answer {
            UnverifiedAnswer::Code(code) => code,
            UnverifiedAnswer::Neither => return Err(Refusal::CodeMissing.into()),
            UnverifiedAnswer::Refused(word) => return self.refused(attempt, &word).await,
        };
        let proved = self.prove(attempt, provider, code).await?;
        check_subject(attempt, expected_subject, &proved.identity)?;
        self.store(attempt, provider, proved, headers).await
    }

    async fn consume(&self, attempt: &Attempt) -> Result<(), Error> {
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
                self.core
                    .store
                    .finish_attempt(attempt.id, AttemptOutcome::Done)
                    .await?;
                Ok(Completed {
                    attempt: attempt.id,
                    mode: attempt.mode,
                    cookies: vec![SetCookie::clear(cookie_name(&attempt.state))],
                    session: None,
                    next: Next::ReturnTo(attempt.return_to.resolve(&self.core.public_url)),
                })
            }
            (Intent::SignIn, "access_denied") => Err(Refusal::AccessDenied.into()),
            (Intent::SignIn, _) => Err(Refusal::ProviderError.into()),
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
        let answer = provider
            .exchange(&self.core, &code, &attempt.redirect_uri, verifier)
            .await?;
        let id_token = answer
            .unverified_id_token
            .as_ref()
            .ok_or(Error::ProviderMisbehaved)?;
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
        Ok(Proved {
            identity,
            answer,
            asked_at,
        })
    }

    async fn store(
        &self,
        attempt: &Attempt,
        provider: &Provider,
        proved: Proved,
        headers: &http::HeaderMap,
    ) -> Result<Completed, Error> {
        let token_endpoint = provider
            .metadata(&self.core)
            .await?
            .token_endpoint
            .url()
            .to_string();
        let new_user = UserId::new(&*self.core.clock, &*self.core.entropy);
        for _ in 0..MAX_ROUNDS {
            let grant = self
                .grant(attempt, provider, &proved, new_user, &token_endpoint)
                .await?;
            let (session, cookie) = self.sessions.open(&proved.identity);
            let is_offline = grant.is_offline();
            let sign_in = self.sign_in(attempt, &proved, new_user, grant, session.clone(), headers);
            match self.core.store.complete_sign_in(sign_in).await {
                Ok(_) => {
                    return self
                        .completed(
                            attempt, provider, &proved, session, cookie, is_offline, headers,
                        )
                        .await;
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    fn sign_in(
        &self,
        attempt: &Attempt,
        proved: &Proved,
        new_user: UserId,
        grant: Grant,
        session: NewSession,
        headers: &http::HeaderMap,
    ) -> crate::store::SignIn {
        crate::store::SignIn {
            attempt: attempt.id,
            identity: proved.identity.identity().clone(),
            profile: proved.identity.profile().clone(),
            new_user,
            grant,
            session: Some(session),
            replaces: presented(headers),
            at: self.core.now(),
            event: match attempt.intent {
                Intent::SignIn => EventKind::SignedIn,
                Intent::Consent { .. } => EventKind::GrantAuthorized,
            },
        }
    }

    /// The grant as it is after this answer, over what is stored. An answer without a refresh token never
    /// touches the one that is there.
    async fn grant(
        &self,
        attempt: &Attempt,
        provider: &Provider,
        proved: &Proved,
        new_user: UserId,
        token_endpoint: &str,
    ) -> Result<Grant, Error> {
        let identity = proved.identity.identity();
        let stored = self.core.store.grant_of_identity(identity).await?;
        let scopes = proved
            .answer
            .scopes
            .clone()
            .unwrap_or_else(|| attempt.scopes.clone());
        let brings_refresh_token = proved.answer.refresh_token.is_some();
        let now = self.core.now();
        let old = match stored {
            Some(grant) if !brings_refresh_token && keeps_its_tokens(&grant, &scopes) => {
                return Ok(Grant {
                    requested: grant.requested.union(&attempt.scopes),
                    version: grant.version + 1,
                    updated_at: now,
                    ..grant
                });
            }
            Some(grant) => grant,
            None => {
                let known = self
                    .core
                    .store
                    .user_by_subject(&identity.provider, &identity.subject);
                self.empty_grant(proved, known.await?.unwrap_or(new_user))
            }
        };
        let client_id = &provider.config().registration.client_id;
        let generation = old.generation + u64::from(brings_refresh_token);
        let binding = Binding::new(old.id, &proved.identity, client_id, generation);
        let sealed = self.core.vault.seal_tokens(
            &binding,
            &proved.answer.access_token,
            proved.answer.refresh_token.as_ref(),
            &*self.core.entropy,
        )?;
        let heals = brings_refresh_token || old.state == GrantState::Revoked;
        Ok(Grant {
            provider_client: client_id.clone(),
            token_endpoint: token_endpoint.to_owned(),
            scopes,
            requested: old.requested.union(&attempt.scopes),
            state: if heals { GrantState::Active } else { old.state },
            reason: if heals { None } else { old.reason },
            version: old.version + 1,
            generation,
            tokens: SealedTokens {
                access: sealed.access,
                refresh: sealed.refresh.or(old.tokens.refresh),
            },
            access_expires_at: proved.asked_at.after(proved.answer.expires_in),
            refresh_expires_at: match proved.answer.refresh_expires_in {
                Some(life) => Some(proved.asked_at.after(life)),
                None if brings_refresh_token => None,
                None => old.refresh_expires_at,
            },
            updated_at: now,
            ..old
        })
    }

    fn empty_grant(&self, proved: &Proved, user: UserId) -> Grant {
        let now = self.core.now();
        Grant {
            id: GrantId::new(&*self.core.clock, &*self.core.entropy),
            user,
            identity: proved.identity.identity().clone(),
            provider_client: String::new(),
            token_endpoint: String::new(),
            scopes: crate::provider::Scopes::default(),
            requested: crate::provider::Scopes::default(),
            state: GrantState::Active,
            reason: None,
            version: 0,
            generation: 0,
            tokens: SealedTokens::default(),
            access_expires_at: Timestamp::default(),
            refresh_expires_at: None,
            created_at: now,
            updated_at: now,
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one caller; each is a result of a step before"
    )]
    async fn completed(
        &self,
        attempt: &Attempt,
        provider: &Provider,
        proved: &Proved,
        session: NewSession,
        cookie: SetCookie,
        is_offline: bool,
        headers: &http::HeaderMap,
    ) -> Result<Completed, Error> {
        let mut cookies = vec![cookie];
        if attempt.mode == Mode::Redirect {
            cookies.push(SetCookie::clear(cookie_name(&attempt.state)));
        }
        let needs_consent =
            !is_offline && attempt.intent == Intent::SignIn && attempt.mode != Mode::Code;
        let next = if needs_consent {
            let subject = &proved.identity.identity().subject;
            let Begun {
                location,
                cookies: own,
                ..
            } = self
                .begin_consent(provider, attempt, subject, Cookies::of(headers))
                .await?;
            cookies.extend(own);
            Next::Consent(location)
        } else {
            Next::ReturnTo(attempt.return_to.resolve(&self.core.public_url))
        };
        Ok(Completed {
            attempt: attempt.id,
            mode: attempt.mode,
            cookies,
            session: Some(session.hash),
            next,
        })
    }

    /// Leaves the reason with the attempt and in the events. Someone else's use of an attempt is no end of
    /// it, so a replay leaves the outcome alone.
    async fn record_failure(&self, attempt: &Attempt, error: Error) -> Failed {
        let code = error.code();
        if error != Error::Refused(Refusal::AttemptUsed) {
            let outcome = AttemptOutcome::Failed {
                code: code.to_owned(),
            };
            if let Err(error) = self.core.store.finish_attempt(attempt.id, outcome).await {
                tracing::warn!(attempt.id = %attempt.id, %error, "the outcome of an attempt is not stored");
            }
        }
        let event = Event {
            attempt: Some(attempt.id),
            detail: Some(code.to_owned()),
            ..Event::new(EventKind::SignInFailed, self.core.now())
        };
        if let Err(error) = self.core.store.append_events(vec![event]).await {
            tracing::warn!(attempt.id = %attempt.id, %error, "a failed sign-in is not in the events");
        }
        Failed::of(attempt, error)
    }
}

/// An answer without a refresh token brings at most a new access token. Where what is stored works and
/// covers more, even that is left alone.
fn keeps_its_tokens(grant: &Grant, answered: &crate::provider::Scopes) -> bool {
    grant.is_offline() && !answered.covers(&grant.scopes)
}

fn check_subject(
    attempt: &Attempt,
    expected: Option<&str>,
    identity: &VerifiedIdentity,
) -> Result<(), Refusal> {
    let subject = identity.identity().subject.as_str();
    let same_person = match &attempt.intent {
        Intent::Consent { subject: first } => first == subject,
        Intent::SignIn => true,
    };
    if same_person && expected.is_none_or(|expected| expected == subject) {
        Ok(())
    } else {
        Err(Refusal::SubjectMismatch)
    }
}

fn presented(headers: &http::HeaderMap) -> Option<SessionHash> {
    match Sessions::presented(Cookies::of(headers)) {
        Presented::Session(hash) => Some(hash),
        Presented::Ambiguous | Presented::Nothing => None,
    }
}
