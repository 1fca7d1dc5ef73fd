//! The device flow (RFC 8628): the person types a code into a browser elsewhere, and this process asks until they
//! have answered.
//!
//! ```text
//! begin ─▶ user code, address ─▶ person ─▶ provider
//!   └──▶ poll … pending, slower … ─▶ tokens ─▶ verify ─▶ DeviceAnswer ─▶ who is it? ─▶ keep │ give back
//! ```
//!
//! Whoever types the code answers for whoever shows it, and the two may be strangers: a code can be sent to a victim.
//! So nothing is kept until the person at this end has seen whose account it is and has said yes (requirement CB-16).

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use super::attempt::Attempt;
use super::begin::wanted;
use super::complete::{Proved, keeps_nothing};
use super::installed::program;
use super::{Completed, Failed, SignIn};
use crate::error::{Error, Refusal};
use crate::provider::{
    ClientUse, DeviceAuthorization, OAuthError, Provider, Scopes, SignInProof, TokenError,
    TokenResponse,
};
use crate::receipt::Receipt;
use crate::time::Timestamp;
use crate::verify::{ExpectedNonce, Profile, ProviderId};

/// How much slower, when the provider says so (RFC 8628 §3.5).
const SLOWER: Duration = Duration::from_secs(5);

/// An attempt of this process that waits for its person.
pub struct DeviceAttempt {
    attempt: Arc<Attempt>,
    authorization: DeviceAuthorization,
    interval: Duration,
    expires_at: Timestamp,
}

impl DeviceAttempt {
    /// What the person types.
    #[must_use]
    pub fn user_code(&self) -> &str {
        &self.authorization.user_code
    }

    /// Where they type it.
    #[must_use]
    pub fn verification_url(&self) -> &str {
        self.authorization.verification_url.as_str()
    }

    /// How long to wait before the next poll.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// How long the code lives.
    #[must_use]
    pub fn expires_in(&self) -> Duration {
        self.authorization.expires_in
    }
}

/// What a poll brought.
pub enum Polled {
    /// Nothing yet: wait for [`DeviceAttempt::interval`] and poll again.
    Pending,
    /// The person has answered; nothing is kept yet.
    Answered(Box<DeviceAnswer>),
}

/// Somebody's answer, proved, and not kept.
pub struct DeviceAnswer {
    attempt: Arc<Attempt>,
    provider: Arc<Provider>,
    proved: Proved,
}

impl DeviceAnswer {
    /// Whose account it is.
    #[must_use]
    pub fn person(&self) -> &Profile {
        &self.proved.known.profile
    }

    /// How the provider knows them.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.proved.identity.identity().subject
    }

    /// What they gave.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        self.proved.answer.granted(&self.attempt.scopes)
    }
}

impl SignIn {
    /// Begins, with the registration for devices.
    ///
    /// # Errors
    /// [`Refusal::UnknownProvider`], [`Refusal::ClientNotConfigured`], [`Refusal::ScopeNotAllowed`],
    /// [`Error::ProviderMisbehaved`] if the provider has no device flow or not for these scopes, and whatever
    /// keeps it from answering.
    ///
    /// # Cancel safety
    /// Cancel-safe: nothing is stored.
    pub async fn begin_device(
        &self,
        provider: &ProviderId,
        scopes: &Scopes,
    ) -> Result<DeviceAttempt, Error> {
        let provider = self.core.provider(provider)?.for_use(ClientUse::Device)?;
        let attempt = Attempt::start(&self.core, provider, program(wanted(provider, scopes)?));
        let authorization = provider.authorize_device(&self.core, &attempt.scopes).await?;
        Ok(DeviceAttempt {
            interval: authorization.interval,
            expires_at: self.core.now().after(authorization.expires_in),
            authorization,
            attempt: Arc::new(attempt),
        })
    }

    /// Asks once whether the person has answered.
    ///
    /// # Errors
    /// [`Refusal::AccessDenied`], [`Refusal::AttemptExpired`], and every fault of the tokens that came; then the
    /// attempt is over. [`Error::ProviderUnavailable`] is no end of it: wait and poll again.
    pub async fn poll_device(&self, waiting: &mut DeviceAttempt) -> Result<Polled, Error> {
        if self.core.now() >= waiting.expires_at {
            return Err(Refusal::AttemptExpired.into());
        }
        let provider = self.core.provider(&waiting.attempt.provider)?;
        let provider = provider.of_client(&waiting.attempt.client_id);
        let asked_at = self.core.now();
        let code = &waiting.authorization.device_code;
        let answer = match provider.poll_device(&self.core, code).await? {
            Ok(answer) => answer,
            Err(TokenError::Refused(OAuthError::AuthorizationPending)) => {
                return Ok(Polled::Pending);
            }
            Err(TokenError::Throttled { retry_after }) => {
                waiting.interval = retry_after.unwrap_or(waiting.interval + SLOWER);
                return Ok(Polled::Pending);
            }
            Err(TokenError::Refused(OAuthError::AccessDenied)) => {
                return Err(Refusal::AccessDenied.into());
            }
            Err(TokenError::Refused(OAuthError::ExpiredToken | OAuthError::InvalidGrant)) => {
                return Err(Refusal::AttemptExpired.into());
            }
            Err(error) => return Err(Error::of_exchange(provider.id(), error)),
        };
        let attempt = Arc::clone(&waiting.attempt);
        let proved = self.prove_device(&attempt, provider, answer, asked_at).await?;
        let provider = Arc::clone(provider);
        Ok(Polled::Answered(Box::new(DeviceAnswer { attempt, provider, proved })))
    }

    /// There is no browser that could have brought a nonce or a code back: the tokens came over our own connection.
    async fn prove_device(
        &self,
        attempt: &Attempt,
        provider: &Provider,
        answer: TokenResponse,
        asked_at: Timestamp,
    ) -> Result<Proved, Error> {
        let receipt = &mut Receipt::unkept();
        let (nonce, access_token) = (ExpectedNonce::NotSent, &answer.access_token);
        let proof = SignInProof {
            nonce,
            access_token,
            code: None,
            front: None,
            begun_at: attempt.begun_at(),
        };
        let identity = self.verify_or_give_back(provider, &proof, &answer, receipt).await?;
        let granted = answer.granted(&attempt.scopes);
        let known = provider.known(&self.core, &identity, granted, access_token, receipt).await;
        match known {
            Ok(known) => Ok(Proved { identity, known, answer, asked_at }),
            Err(error) => {
                self.give_back(provider, &identity, &answer).await;
                Err(error)
            }
        }
    }

    /// The person at this end says yes: what came is admitted, sealed and stored.
    ///
    /// # Errors
    /// As [`SignIn::callback`].
    ///
    /// # Cancel safety
    /// As [`SignIn::callback`]: the work runs in a tracked task.
    pub async fn keep_device(&self, answer: DeviceAnswer) -> Result<Completed, Failed> {
        let signin = self.clone();
        let task = self.tasks.spawn(async move {
            let receipt = &mut Receipt::begin(&signin.core.clock);
            let DeviceAnswer { attempt, provider, proved } = answer;
            match signin.settle_device(&attempt, &provider, &proved, receipt).await {
                Ok(completed) => Ok(completed),
                Err(error) => {
                    if keeps_nothing(&error) {
                        signin.give_back(&provider, &proved.identity, &proved.answer).await;
                    }
                    Err(signin.record_failure(&attempt, error, receipt).await)
                }
            }
        });
        // As in `run`: a panic is logged by the runtime's hook.
        task.await.unwrap_or_else(|_panicked| Err(Failed::before_attempt(Error::unavailable())))
    }

    async fn settle_device(
        &self,
        attempt: &Attempt,
        provider: &Provider,
        proved: &Proved,
        receipt: &mut Receipt,
    ) -> Result<Completed, Error> {
        attempt.began(receipt);
        self.consume(attempt, receipt).await?;
        let admits = self.core.admits(provider, &proved.known, receipt)?;
        self.settle(attempt, provider, proved, admits, &HeaderMap::new(), receipt).await
    }

    /// The person at this end does not know that account: what it gave is revoked at the provider.
    pub async fn give_device_back(&self, answer: DeviceAnswer) {
        self.give_back(&answer.provider, &answer.proved.identity, &answer.proved.answer).await;
    }
}
