//! 1 ── Beginning: a request of the browser becomes an attempt, a cookie, and an address at the provider.

use data_encoding::BASE64URL_NOPAD;
use url::Url;

use super::attempt::{ATTEMPT_LIFETIME, Asked, Attempt, Intent, Start};
use super::{Mode, ReturnTo, SignIn, WindowId};
use crate::error::{Error, Refusal};
use crate::id::AttemptId;
use crate::provider::{Metadata, Provider, Scopes};
use crate::secret::sha256;
use crate::session::Sessions;
use crate::session::cookie::{Cookies, SetCookie};
use crate::store::SessionHash;
use crate::verify::ProviderId;

/// What a browser may say about the sign-in it wants. Nothing here can set what protects the flow
/// (requirement AR-6).
#[derive(Debug, Default)]
pub struct SignInRequest {
    /// Where to go afterwards; the front page if it is not a page of this site.
    pub return_to: Option<String>,
    /// Scopes beyond those of every sign-in, from the configured list.
    pub scopes: Scopes,
    /// Whom the provider may expect: an e-mail address or a subject. A hint, not a check.
    pub login_hint: Option<String>,
    /// Whether this is a window that closes itself afterwards.
    pub popup: bool,
    /// What the page that opened that window calls it.
    pub window: Option<WindowId>,
}

/// An attempt that has begun: where to send the browser, and which cookies to set with that.
#[derive(Debug)]
pub struct Begun {
    /// The attempt.
    pub attempt: AttemptId,
    /// The provider's address, with everything it must know. It holds the state: not for the log.
    pub location: Url,
    /// The attempt's own cookie, and the removal of those that make room.
    pub cookies: Vec<SetCookie>,
}

/// What a page may say about a code or a credential that it will post.
#[derive(Debug, Default)]
pub struct CodeRequest {
    /// Scopes beyond those of every sign-in, from the configured list. A credential brings none.
    pub scopes: Scopes,
    /// Where a credential that the provider's page posts leads to; the front page if it is not a page of
    /// this site. A code is posted by a page that stays.
    pub return_to: Option<String>,
}

/// An attempt whose answer will be posted: what a page must know for the provider's own script.
#[derive(Debug)]
pub struct BegunCode {
    /// The attempt.
    pub attempt: AttemptId,
    /// To be handed to the popup and posted back with the code. A button may be given it, too.
    pub state: String,
    /// Our public id at the provider.
    pub client_id: String,
    /// What to ask for.
    pub scopes: Scopes,
    /// To be handed to the button and to One Tap: the credential must repeat it. Pages that open the
    /// authorization endpoint themselves may send it as well.
    pub nonce: String,
    /// Seconds until the attempt is over.
    pub expires_in: u64,
    /// The provider's script.
    pub script_url: String,
    /// The attempt's own cookie, and the removal of those that make room.
    pub cookies: Vec<SetCookie>,
}

/// How the provider is asked.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) login_hint: Option<&'a str>,
    pub(super) prompt: Option<&'static str>,
}

impl From<Ask<'_>> for Asked {
    fn from(ask: Ask<'_>) -> Self {
        Self { for_consent: ask.prompt.is_some(), with_hint: ask.login_hint.is_some() }
    }
}

impl SignIn {
    /// Begins a sign-in by redirect, in this window or in one that closes itself.
    ///
    /// # Errors
    /// [`Refusal::UnknownProvider`], [`Refusal::ScopeNotAllowed`], [`Error::AnswerNotSupported`] if the provider
    /// says that it does not answer as it is configured to be asked, and [`Error::ProviderUnavailable`] if it
    /// cannot be discovered.
    pub async fn begin(
        &self,
        provider: &ProviderId,
        request: SignInRequest,
        cookies: Cookies<'_>,
    ) -> Result<Begun, Error> {
        let provider = self.core.provider(provider)?;
        let scopes = wanted(provider, &request.scopes)?;
        let account = self.account_to_add_to(provider, &request, cookies).await?;
        let ask =
            Ask { login_hint: request.login_hint.as_deref().or(account.as_deref()), prompt: None };
        let start = Start {
            mode: if request.popup { Mode::Popup } else { Mode::Redirect },
            intent: match &account {
                Some(subject) => Intent::AddScopes { subject: subject.clone() },
                None => Intent::SignIn,
            },
            scopes,
            return_to: self.return_to(request.return_to.as_deref()),
            window: request.window,
            session: Sessions::presented(cookies).session(),
        };
        self.start(provider, start, ask, cookies).await
    }

    /// Whose scopes the request adds to: those of whoever is signed in, unless it asks for none or names
    /// somebody itself. Then it is a sign-in, and any account may take the session.
    async fn account_to_add_to(
        &self,
        provider: &Provider,
        request: &SignInRequest,
        cookies: Cookies<'_>,
    ) -> Result<Option<String>, Error> {
        let is_addition = !request.scopes.is_empty() && request.login_hint.is_none();
        let Some(hash) = Sessions::presented(cookies).session().filter(|_| is_addition) else {
            return Ok(None);
        };
        let Some(session) = self.sessions.find(&hash).await? else {
            return Ok(None);
        };
        let identities = self.core.store.identities_of(session.user).await?;
        let mut there = identities.into_iter().filter(|identity| provider.is_issuer_of(identity));
        let first = there.next();
        Ok(first.filter(|_| there.next().is_none()).map(|identity| identity.subject))
    }

    pub(super) fn return_to(&self, asked: Option<&str>) -> ReturnTo {
        ReturnTo::new(asked.unwrap_or("/"), &self.core.public_url)
    }

    /// Begins what a page will post the end of: the one-time code of the provider's own popup, or the
    /// credential of its button or One Tap ([`SignIn::credential`]). One attempt takes one of them.
    ///
    /// # Security
    /// That popup carries neither PKCE nor nonce: what binds the code to this browser is the state and the
    /// attempt's cookie. Our own window ([`SignIn::begin`] with `popup`) has both and is the better choice.
    ///
    /// # Errors
    /// As [`SignIn::begin`]; [`Refusal::UnknownProvider`] too if the provider has no such popup.
    ///
    /// # Cancel safety
    /// Cancel-safe: nothing is stored, and an attempt whose cookie is not set is none.
    pub async fn begin_code(
        &self,
        provider: &ProviderId,
        request: &CodeRequest,
        cookies: Cookies<'_>,
    ) -> Result<BegunCode, Error> {
        let provider = self.core.provider(provider)?;
        let script_url = provider.script_url().ok_or(Refusal::UnknownProvider)?;
        let start = Start {
            mode: Mode::Code,
            intent: Intent::SignIn,
            scopes: wanted(provider, &request.scopes)?,
            return_to: self.return_to(request.return_to.as_deref()),
            window: None,
            session: Sessions::presented(cookies).session(),
        };
        let mut attempt = Attempt::start(&self.core, provider, start);
        Ok(BegunCode {
            cookies: self.cookies_for(&mut attempt, cookies).await?,
            attempt: attempt.id,
            state: attempt.state,
            client_id: attempt.client_id,
            scopes: attempt.scopes,
            nonce: attempt.nonce,
            expires_in: ATTEMPT_LIFETIME.as_secs(),
            script_url,
        })
    }

    /// The second leg: the same person, asked for consent, in the session that the first has opened.
    pub(super) async fn begin_consent(
        &self,
        provider: &Provider,
        first: &Attempt,
        subject: &str,
        session: Option<SessionHash>,
        cookies: Cookies<'_>,
    ) -> Result<Begun, Error> {
        let start = Start {
            mode: first.mode,
            intent: Intent::Consent { subject: subject.to_owned() },
            scopes: first.scopes.clone(),
            return_to: first.return_to.clone(),
            window: first.window.clone(),
            session,
        };
        let ask = Ask { login_hint: Some(subject), prompt: Some("consent") };
        self.start(provider, start, ask, cookies).await
    }

    pub(super) async fn start(
        &self,
        provider: &Provider,
        start: Start,
        ask: Ask<'_>,
        cookies: Cookies<'_>,
    ) -> Result<Begun, Error> {
        let metadata = provider.metadata(&self.core).await?;
        if !metadata.allows(provider.config().answer) {
            return Err(Error::AnswerNotSupported { provider: provider.id().clone() });
        }
        let mut attempt = Attempt::start(&self.core, provider, start);
        attempt.asked = ask.into();
        let cookies = self.cookies_for(&mut attempt, cookies).await?;
        let location = authorization_url(provider, &metadata, &attempt, ask);
        Ok(Begun { attempt: attempt.id, location, cookies })
    }

    /// The attempt's cookie; and where a browser has its fill of attempts, the oldest make room.
    async fn cookies_for(
        &self,
        attempt: &mut Attempt,
        cookies: Cookies<'_>,
    ) -> Result<Vec<SetCookie>, Error> {
        self.core.vault.require_current().await?;
        let own = attempt.cookie(&self.core)?;
        let leaving = Attempt::make_room(&self.core, cookies, &own);
        Ok(leaving.into_iter().chain([own]).collect())
    }
}

/// Everything a sign-in asks for: the configured scopes, and those extra ones that the configuration allows.
pub(super) fn wanted(provider: &Provider, extra: &Scopes) -> Result<Scopes, Refusal> {
    if provider.allowed_scopes().covers(extra) {
        Ok(provider.config().scopes.union(extra))
    } else {
        Err(Refusal::ScopeNotAllowed)
    }
}

/// RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1, RFC 7636 §4.3. `prompt` is absent unless it is needed:
/// whoever has given everything before is not asked again.
pub(super) fn authorization_url(
    provider: &Provider,
    metadata: &Metadata,
    attempt: &Attempt,
    ask: Ask<'_>,
) -> Url {
    let mut url = metadata.authorization_endpoint.url().clone();
    let posted = attempt.answer.is_posted();
    let challenge = BASE64URL_NOPAD.encode(&sha256(attempt.verifier.as_bytes()));
    url.query_pairs_mut()
        .append_pair("response_type", attempt.answer.response_type())
        .append_pair("client_id", &attempt.client_id)
        .append_pair("redirect_uri", &attempt.redirect_uri)
        .append_pair("scope", &attempt.scopes.to_string())
        .append_pair("state", &attempt.state)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256")
        .extend_pairs(provider.sends_id_tokens().then_some(("nonce", &attempt.nonce)))
        // What is asked for by default goes unsaid: a provider may know no response modes at all.
        .extend_pairs(posted.then(|| ("response_mode", attempt.answer.response_mode())))
        .extend_pairs(provider.authentication_parameters())
        .extend_pairs(provider.authorization_parameters())
        .extend_pairs(ask.login_hint.and_then(|hint| provider.hint(hint)))
        .extend_pairs(ask.prompt.map(|prompt| ("prompt", prompt)));
    url
}
