//! The credential of a sign-in button or of One Tap: an ID token that a page or the provider posts to us.
//!
//! ```text
//! begin ─▶ nonce ─▶ button ─▶ credential ─▶ attempt of this browser ─▶ verify ─▶ spend ─▶ session
//!                                           by state, or by nonce       the door   one winner
//! ```
//!
//! It proves who somebody is and gives nothing: no code, no grant, no offline access. So anybody who ever saw the
//! token could sign in with it, and three things stand against that. Its nonce is one that `begin` gave to a page
//! in this browser: a token that was made for another browser, another site's page or another moment has another
//! one. It is accepted once, by whichever process. And cookie and body agree on a value, so that no page of
//! somebody else's posts its own credential to sign its victim in as the attacker.

use std::sync::Arc;

use super::attempt::Attempt;
use super::callback::Way;
use super::complete::check_subject;
use super::{Completed, Failed, Mode, Next, ReturnTo, SignIn};
use crate::error::{Error, Refusal};
use crate::id::{AttemptId, UserId};
use crate::measure;
use crate::provider::{Provider, unverified};
use crate::receipt::{Fact, Offline, Receipt, rules};
use crate::secret::{IdToken, Nonce, State};
use crate::session::Sessions;
use crate::session::cookie::Cookies;
use crate::session::device::device;
use crate::store::{self, Admits, EventKind, SessionHash, SpentKind, StoreError};
use crate::verify::{
    ExpectedNonce, MAX_LEEWAY, MAX_TOKEN_BYTES, ProviderId, VerifiedCredential, shown,
};

/// The longest state that we look for; ours are much shorter.
const MAX_STATE: usize = 1024;

/// What a button posts.
#[derive(Debug)]
pub struct UnverifiedCredential {
    token: IdToken,
    state: Option<State>,
}

impl UnverifiedCredential {
    /// Takes the parts of a post. One Tap sends no state; an empty one is none.
    ///
    /// # Errors
    /// [`Refusal::CredentialMissing`], [`Refusal::TooLarge`].
    pub fn new(credential: Option<String>, state: Option<String>) -> Result<Self, Refusal> {
        let token = credential.filter(|token| !token.is_empty());
        let token = token.ok_or(Refusal::CredentialMissing)?;
        let state = state.filter(|state| !state.is_empty());
        if token.len() > MAX_TOKEN_BYTES || state.as_ref().is_some_and(|s| s.len() > MAX_STATE) {
            return Err(Refusal::TooLarge);
        }
        Ok(Self { token: IdToken::new(token), state: state.map(State::new) })
    }

    /// What came, for the receipt.
    fn came(&self, receipt: &mut Receipt) {
        let state = self.state.as_ref().map(|state| Fact::Bytes(state.expose().len()));
        let facts = [
            ("came", Fact::Word("posted by a page")),
            ("credential", Fact::Bytes(self.token.expose().len())),
            ("state", state.unwrap_or(Fact::Word("none"))),
        ];
        receipt.step("answer", &facts);
    }
}

/// Which attempt it is, and which session it takes the place of. A credential without a nonce is an attempt of
/// its own.
struct Answered {
    attempt: Option<Attempt>,
    id: AttemptId,
    replaces: Option<SessionHash>,
    device: Option<String>,
}

impl SignIn {
    /// Signs in with a credential. The caller has checked that the post is this site's, with
    /// [`require_double_submit`](crate::session::csrf::require_double_submit).
    ///
    /// # Errors
    /// [`Failed`] with the reason, and what is known of the attempt; [`Refusal::CredentialUsed`] if the
    /// credential was accepted before, [`Refusal::CredentialWithoutNonce`] if it answers no attempt and the
    /// configuration does not allow that. Whatever it is, no session was opened or changed.
    ///
    /// # Security
    /// The cookie of an attempt comes along when the provider's page posts, that of the session does not: the
    /// session that ends is the one that `begin` saw. Without a nonce there is no attempt that could remember it,
    /// and a session from before lives on until its time, unreachable for this browser.
    ///
    /// # Cancel safety
    /// As [`SignIn::callback`]: the work runs in a tracked task.
    pub async fn credential(
        &self,
        provider: &ProviderId,
        post: UnverifiedCredential,
        headers: &http::HeaderMap,
    ) -> Result<Completed, Failed> {
        self.core.vault.keep_up().await;
        let mut receipt = self.receipt();
        post.came(&mut receipt);
        let attempt = match self.attempt_of(&post, Cookies::of(headers), &mut receipt) {
            Ok(attempt) => attempt,
            Err(error) => return Err(self.stray(provider, error, receipt).await),
        };
        let presented = Sessions::presented(Cookies::of(headers)).session();
        let answered = Answered {
            id: attempt.as_ref().map_or_else(|| self.new_attempt(), |attempt| attempt.id),
            replaces: presented.or_else(|| attempt.as_ref()?.session()),
            device: device(headers),
            attempt,
        };
        let (signin, provider) = (self.clone(), provider.clone());
        let task = self.tasks.spawn(async move {
            match signin.accept(&provider, &post.token, &answered, &mut receipt).await {
                Ok(completed) => Ok(completed),
                Err(error) => Err(match &answered.attempt {
                    Some(attempt) => signin.turned_away(attempt, error, &mut receipt).await,
                    None => signin.stray(&provider, error, receipt).await,
                }),
            }
        });
        // As in `run`: a panic is logged by the runtime's hook.
        task.await.unwrap_or_else(|_panicked| Err(Failed::before_attempt(Error::unavailable())))
    }

    /// The attempt that a credential answers: the one its post names, else the one its nonce belongs to.
    fn attempt_of(
        &self,
        post: &UnverifiedCredential,
        cookies: Cookies<'_>,
        receipt: &mut Receipt,
    ) -> Result<Option<Attempt>, Error> {
        if let Some(state) = &post.state {
            return Ok(Some(Attempt::of_answer(&self.core, cookies, state, receipt)?));
        }
        let token = unverified(&post.token, receipt)?;
        match receipt.fault(token.unverified_nonce(), shown::fault)? {
            Some(nonce) => Ok(Some(Attempt::of_nonce(&self.core, cookies, &nonce, receipt)?)),
            None => Ok(None),
        }
    }

    fn new_attempt(&self) -> AttemptId {
        AttemptId::new(&*self.core.clock, &*self.core.entropy)
    }

    async fn accept(
        &self,
        provider: &ProviderId,
        token: &IdToken,
        answered: &Answered,
        receipt: &mut Receipt,
    ) -> Result<Completed, Error> {
        let provider = self.provider_of(provider, answered.attempt.as_ref(), receipt)?;
        let token = unverified(token, receipt)?;
        let attempt = answered.attempt.as_ref();
        let nonce = attempt.map(|attempt| Nonce::new(attempt.nonce.as_str()));
        let expected = nonce.as_ref().map_or(ExpectedNonce::NotSent, ExpectedNonce::Required);
        let credential = provider.verify_credential(&self.core, &token, expected, receipt).await?;
        if let Some(attempt) = attempt {
            check_subject(attempt, None, &credential.identity, receipt)?;
        }
        self.sessions.admit(&credential.identity, receipt).await?;
        let person = credential.identity.profile().clone().into();
        let admits = self.core.admits(&provider, &person, receipt)?;
        self.spend(&credential, receipt).await?;
        if let Some(attempt) = attempt {
            self.consume(attempt, receipt).await?;
        }
        receipt.leaves(Offline::Credential);
        self.open_session(&credential, admits, answered, receipt).await
    }

    /// The provider, if it has a button, and if the credential may come as it did.
    fn provider_of(
        &self,
        id: &ProviderId,
        attempt: Option<&Attempt>,
        receipt: &mut Receipt,
    ) -> Result<Arc<Provider>, Error> {
        let provider = match attempt {
            Some(attempt) => self.admit(attempt, id, Way::Page, receipt)?,
            None => Arc::clone(self.core.provider(id)?),
        };
        if provider.script_url().is_none() {
            return Err(Refusal::UnknownProvider.into());
        }
        if attempt.is_none() {
            let is_allowed = provider.config().allow_credential_without_nonce;
            receipt
                .check(rules::NONCE_KNOWN, "an attempt's, unless configured", "none", is_allowed)
                .or(Refusal::CredentialWithoutNonce)?;
        }
        Ok(provider)
    }

    /// Once, by whichever process; and whatever their clocks say, not forgotten by one while another would
    /// still accept it.
    async fn spend(
        &self,
        credential: &VerifiedCredential,
        receipt: &mut Receipt,
    ) -> Result<(), Error> {
        let until = credential.expires_at.after(MAX_LEEWAY);
        let store = &self.core.store;
        let is_first = store.spend(SpentKind::Credential, &credential.sha256, until).await?;
        let came = if is_first { "the first" } else { "it was used before" };
        receipt
            .check(rules::CREDENTIAL_FIRST_USE, "the first", came, is_first)
            .or(Refusal::CredentialUsed.into())
    }

    async fn open_session(
        &self,
        credential: &VerifiedCredential,
        admits: Admits,
        answered: &Answered,
        receipt: &mut Receipt,
    ) -> Result<Completed, Error> {
        let device = answered.device.clone();
        let (session, cookie) = self.sessions.open(&credential.identity, device);
        let hash = session.hash;
        let signed_in = store::SignIn {
            attempt: answered.id,
            identity: credential.identity.identity().clone(),
            profile: credential.identity.profile().clone(),
            untold: credential.identity.left_out(),
            admits,
            new_user: UserId::new(&*self.core.clock, &*self.core.entropy),
            is_bound: false,
            grant: None,
            scopes: Vec::new(),
            session: Some(session),
            replaces: answered.replaces,
            at: self.core.now(),
            event: EventKind::SignedIn,
            authorizes: false,
            receipt: Some(self.done(
                answered.id,
                &credential.identity.identity().provider,
                receipt,
            )),
        };
        let signed_in = match self.core.store.complete_sign_in(signed_in).await {
            Err(StoreError::NotAdmitted) => return Err(self.core.not_admitted(receipt).into()),
            done => done?,
        };
        measure::signed_in(&self.core, &credential.identity.identity().provider, Ok(()));
        let return_to = answered
            .attempt
            .as_ref()
            .map_or_else(ReturnTo::default, |attempt| attempt.return_to.clone());
        Ok(Completed {
            attempt: answered.id,
            mode: Mode::Code,
            window: None,
            cookies: [cookie]
                .into_iter()
                .chain(answered.attempt.as_ref().map(Attempt::clears))
                .collect(),
            session: Some(hash),
            user: Some(signed_in.user),
            next: Next::ReturnTo(return_to.resolve(&self.core.public_url)),
        })
    }
}
