//! A program on the person's own machine (RFC 8252): it opens the browser there, and waits at a loopback address.
//!
//! ```text
//! begin ─▶ attempt (in this process) ─▶ browser of this machine ─▶ provider ─▶ http://127.0.0.1:{port} ─▶ grant
//! ```
//!
//! There is no cookie: the attempt never leaves the process that began it, so no other can answer it, and it is
//! answered once. What comes is verified, admitted and sealed as any sign-in's; no session is opened.

use http::HeaderMap;
use url::Url;

use super::attempt::{Attempt, Intent, Start};
use super::begin::{Ask, authorization_url, wanted};
use super::callback::UnverifiedCallback;
use super::complete::Answer;
use super::{Completed, Failed, Mode, ReturnTo, SignIn};
use crate::error::{Error, Refusal};
use crate::provider::{ClientUse, Scopes};
use crate::receipt::Receipt;
use crate::secret::same_bytes;
use crate::verify::ProviderId;

/// An attempt of this process.
#[derive(Debug)]
pub struct InstalledAttempt {
    attempt: Attempt,
    /// Where the browser goes. It holds the state: for this machine's eyes only.
    pub location: Url,
}

impl InstalledAttempt {
    /// Whether an answer is this attempt's: whoever else finds the port answers nothing.
    ///
    /// # Errors
    /// [`Refusal::StateMismatch`].
    pub fn check(&self, answer: &UnverifiedCallback) -> Result<(), Refusal> {
        let (ours, theirs) = (self.attempt.state.as_bytes(), answer.state.expose().as_bytes());
        if same_bytes(ours, theirs) { Ok(()) } else { Err(Refusal::StateMismatch) }
    }
}

impl SignIn {
    /// Begins, with the registration for installed applications, for an answer at `redirect_uri`.
    ///
    /// # Errors
    /// [`Refusal::UnknownProvider`], [`Refusal::ClientNotConfigured`], [`Refusal::ScopeNotAllowed`], and
    /// [`Error::ProviderUnavailable`] if the provider cannot be discovered.
    ///
    /// # Security
    /// `redirect_uri` is an address of this machine's loopback that the caller listens on already.
    ///
    /// # Cancel safety
    /// Cancel-safe: nothing is stored.
    pub async fn begin_installed(
        &self,
        provider: &ProviderId,
        scopes: &Scopes,
        redirect_uri: &Url,
    ) -> Result<InstalledAttempt, Error> {
        let provider = self.core.provider(provider)?.for_use(ClientUse::Installed)?;
        let metadata = provider.metadata(&self.core).await?;
        let mut attempt = Attempt::start(&self.core, provider, program(wanted(provider, scopes)?));
        attempt.redirect_uri = redirect_uri.to_string();
        let ask = Ask { login_hint: None, prompt: None };
        let location = authorization_url(provider, &metadata, &attempt, ask);
        Ok(InstalledAttempt { attempt, location })
    }

    /// Completes it, once.
    ///
    /// # Errors and cancel safety
    /// As [`SignIn::callback`]; [`Refusal::StateMismatch`] if the answer is not this attempt's.
    pub async fn complete_installed(
        &self,
        begun: InstalledAttempt,
        answer: UnverifiedCallback,
    ) -> Result<Completed, Failed> {
        begun.check(&answer).map_err(Failed::before_attempt)?;
        let attempt = begun.attempt;
        let mut receipt = Receipt::begin(&self.core.clock);
        answer.came(&mut receipt);
        let provider = self.core.provider(&attempt.provider).map_err(Failed::before_attempt)?;
        let provider = provider.of_client(&attempt.client_id).clone();
        let admitted = match self.admit_now(&attempt, answer.way, &mut receipt) {
            Ok(()) => self.check_issuer(&provider, &answer, &mut receipt).await,
            Err(error) => Err(error),
        };
        match admitted {
            Ok(()) => {
                let answer = Answer { answer: answer.answer, expected_subject: None };
                self.run(attempt, provider, answer, HeaderMap::new(), receipt).await
            }
            Err(error) => Err(self.turned_away(&attempt, error, &mut receipt).await),
        }
    }
}

/// What a program's attempt starts from.
pub(super) fn program(scopes: Scopes) -> Start {
    Start {
        mode: Mode::Redirect,
        intent: Intent::Program,
        scopes,
        return_to: ReturnTo::default(),
        window: None,
        session: None,
    }
}
