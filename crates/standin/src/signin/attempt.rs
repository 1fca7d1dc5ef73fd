//! An attempt: one try at signing in, from the request to the answer.
//!
//! Everything about it travels in a cookie of the browser that began it, sealed: the server keeps nothing
//! for somebody who has only pressed a button, and nobody but that browser can finish it. The cookie's name
//! is derived from the state, so several tabs can sign in at once and each answer finds its own cookie.

use std::time::Duration;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde::{Deserialize, Serialize};

use super::callback::Way;
use super::{ReturnTo, WindowId};
use crate::core::Core;
use crate::error::{Error, Refusal};
use crate::id::{AttemptId, SessionId, UserId};
use crate::provider::{AnswerForm, Provider, Scopes};
use crate::receipt::{Fact, Receipt, rules};
use crate::secret::{Nonce, State, same_bytes, sha256};
use crate::session::Sessions;
use crate::session::cookie::{Cookies, Found, SetCookie};
use crate::store::{EventKind, SessionHash};
use crate::time::Timestamp;
use crate::vault::{ScopeSource, Sealed};
use crate::verify::ProviderId;

/// How long an attempt may take. The store remembers a used attempt at least as long
/// ([`AttemptRow::expires_at`](crate::store::AttemptRow)): a shorter memory would let an answer be replayed.
pub const ATTEMPT_LIFETIME: Duration = Duration::from_mins(10);
/// A browser has at most so many attempts under way; the oldest makes room (requirement AR-10).
const MAX_PER_BROWSER: usize = 5;
/// What their cookies may weigh together. Servers refuse a request whose cookies are too many, proxies often
/// beyond 8 KiB, and a foreign page that starts sign-ins must not bring a browser there.
const MAX_WEIGHT_PER_BROWSER: usize = 6 * 1024;
/// What the name of every attempt cookie begins with.
pub(super) const COOKIE_PREFIX: &str = "__Host-standin-att-";
/// The longest value that a cookie of ours may have, so that the whole stays under 4096 bytes.
const MAX_COOKIE_VALUE: usize = 3900;

/// How the answer comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A page posts what the provider's own script gave it: a code, or the credential of a button.
    Code,
    /// The provider sends a window of ours back, which then closes.
    Popup,
    /// The provider sends the browser back.
    Redirect,
}

/// What the attempt is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Intent {
    /// Somebody who is signed in is asked for more: this user, in this session, as this person there.
    Grant { subject: String, user: UserId, session: SessionId },
    /// Whoever is signed in gives more than before: the answer must be about the same account.
    AddScopes { subject: String },
    /// Somebody who is signed in adds one more account to those they have: this user, in this session.
    Link { user: UserId, session: SessionId },
    /// A program on the person's own machine, or a device, is given access: no browser is signed in by that.
    Program,
    /// Somebody signs in.
    SignIn,
    /// The second leg: the person who has just signed in is asked for consent, since there is no refresh
    /// token that works. It is never followed by a third.
    Consent { subject: String },
}

/// What is sealed into the cookie. An answer that agrees with all of it was asked for by this browser, from
/// this provider, under this registration (requirement AR-4).
#[derive(Serialize, Deserialize)]
pub(super) struct Attempt {
    pub(super) id: AttemptId,
    pub(super) provider: ProviderId,
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) mode: Mode,
    /// What was asked for, and how it is to come.
    #[serde(default)]
    pub(super) answer: AnswerForm,
    pub(super) intent: Intent,
    pub(super) state: String,
    pub(super) nonce: String,
    pub(super) verifier: String,
    pub(super) scopes: Scopes,
    pub(super) return_to: ReturnTo,
    pub(super) window: Option<WindowId>,
    /// The session that the browser had, for an answer that comes without its cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    /// How the provider was asked, for the receipt.
    #[serde(default)]
    pub(super) asked: Asked,
    /// Milliseconds since the epoch.
    expires_at: i64,
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attempt({}, {:?})", self.id, self.mode)
    }
}

/// How the provider was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    /// With `prompt=consent`.
    #[serde(default, rename = "c")]
    pub(super) for_consent: bool,
    /// With a `login_hint`.
    #[serde(default, rename = "h")]
    pub(super) with_hint: bool,
}

/// What an attempt starts from.
pub(super) struct Start {
    pub(super) mode: Mode,
    pub(super) intent: Intent,
    pub(super) scopes: Scopes,
    pub(super) return_to: ReturnTo,
    pub(super) window: Option<WindowId>,
    /// The session that the browser has, where the answer may come without its cookie.
    pub(super) session: Option<SessionHash>,
}

impl Attempt {
    pub(super) fn start(core: &Core, provider: &Provider, start: Start) -> Self {
        let random = || crate::entropy::random_token(&*core.entropy);
        let config = provider.config();
        let answer = answer_form(start.mode, provider);
        Self {
            id: AttemptId::new(&*core.clock, &*core.entropy),
            provider: config.id.clone(),
            issuer: config.issuer.clone(),
            client_id: config.registration.client_id.clone(),
            redirect_uri: redirect_uri(start.mode, provider),
            mode: start.mode,
            answer,
            intent: start.intent,
            state: random(),
            nonce: random(),
            verifier: random(),
            scopes: start.scopes,
            return_to: start.return_to,
            window: start.window,
            session: start
                .session
                .filter(|_| crosses_sites(start.mode, answer))
                .map(|hash| BASE64URL_NOPAD.encode(&hash.0)),
            asked: Asked::default(),
            expires_at: core.now().after(ATTEMPT_LIFETIME).unix_ms(),
        }
    }

    /// Whether it may need a second leg: an incremental authorization has asked for consent itself.
    pub(super) const fn is_sign_in(&self) -> bool {
        matches!(self.intent, Intent::AddScopes { .. } | Intent::SignIn)
    }

    pub(super) fn begun_at(&self) -> Timestamp {
        self.expires_at().before(ATTEMPT_LIFETIME)
    }

    /// What it began with, for its receipt.
    pub(super) fn began(&self, receipt: &mut Receipt) {
        let mode = match self.mode {
            Mode::Code => "posted by a page",
            Mode::Popup => "popup",
            Mode::Redirect => "redirect",
        };
        let kind = match self.intent {
            Intent::AddScopes { .. } => "more scopes at sign-in",
            Intent::Consent { .. } => "second leg, for consent",
            Intent::Grant { .. } => "more scopes for a session",
            Intent::Link { .. } => "another account for a session",
            Intent::Program => "a program or a device",
            Intent::SignIn => "sign-in",
        };
        let prompt = if self.asked.for_consent { "consent" } else { "none" };
        let facts = [
            ("provider", Fact::Provider(&self.provider)),
            ("for", Fact::Word(kind)),
            ("mode", Fact::Word(mode)),
            ("scopes", Fact::Scopes(&self.scopes)),
            ("prompt", Fact::Word(prompt)),
            ("login hint", Fact::yes(self.asked.with_hint)),
        ];
        receipt.began(self.begun_at(), &facts);
    }

    pub(super) fn expires_at(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.expires_at)
    }

    /// Seals the attempt into the cookie that only its own answer finds.
    pub(super) fn cookie(&mut self, core: &Core) -> Result<SetCookie, Error> {
        let mut value = self.seal(core)?;
        if value.len() > MAX_COOKIE_VALUE {
            self.return_to = ReturnTo::default();
            value = self.seal(core)?;
        }
        let cookie = SetCookie::new(cookie_name(&self.state), value, ATTEMPT_LIFETIME);
        // The form in which a button's credential comes, and one that was asked for, is posted by the provider's
        // page. Of itself this cookie does nothing: an answer needs the state beside it, a code that is posted a
        // page of ours, a credential the nonce in a signed token.
        Ok(if crosses_sites(self.mode, self.answer) { cookie.across_sites() } else { cookie })
    }

    /// The one way by which its answer comes (requirement CB-7).
    pub(super) const fn way(&self) -> Way {
        match self.mode {
            Mode::Code => Way::Page,
            Mode::Popup | Mode::Redirect if self.answer.is_posted() => Way::FormPost,
            Mode::Popup | Mode::Redirect => Way::Query,
        }
    }

    /// The session of the browser that answers: its cookie's or, since a form that another site posts comes without
    /// that cookie, the one it had when it began.
    pub(super) fn session_of(&self, headers: &http::HeaderMap) -> Option<SessionHash> {
        Sessions::presented(Cookies::of(headers)).session().or_else(|| self.session())
    }

    /// The session that the browser had when it began.
    pub(super) fn session(&self) -> Option<SessionHash> {
        let bytes = BASE64URL_NOPAD.decode(self.session.as_ref()?.as_bytes()).ok()?;
        bytes.try_into().ok().map(SessionHash)
    }

    fn seal(&self, core: &Core) -> Result<String, Error> {
        let plain = serde_json::to_vec(self).unwrap_or_default();
        let sealed = core.vault.seal_attempt(self.id, &plain, &*core.entropy)?;
        let bytes = [self.id.as_bytes(), sealed.as_bytes()].concat();
        Ok(BASE64URL_NOPAD.encode(&bytes))
    }

    /// The attempt that an answer with this state belongs to, if this browser began it.
    pub(super) fn of_answer(
        core: &Core,
        cookies: Cookies<'_>,
        state: &State,
        receipt: &mut Receipt,
    ) -> Result<Self, Refusal> {
        let (attempt, came) = match cookies.find(&cookie_name(state.expose())) {
            Found::One(value) => (Self::open(core, value), "one that does not open"),
            Found::Many => (None, "two"),
            Found::Nothing => (None, "none"),
        };
        let came = if attempt.is_some() { "one" } else { came };
        let verdict = receipt.check(rules::COOKIE, "one of this state", came, attempt.is_some());
        verdict.or(Refusal::AttemptMissing)?;
        let attempt = attempt.ok_or(Refusal::AttemptMissing)?;
        let is_same = same_bytes(attempt.state.as_bytes(), state.expose().as_bytes());
        let came = if is_same { "the same" } else { "another" };
        let verdict = receipt.check(rules::STATE, "that of the answer", came, is_same);
        verdict.or(Refusal::StateMismatch)?;
        Ok(attempt)
    }

    /// The attempt of this browser whose page was given this nonce.
    pub(super) fn of_nonce(
        core: &Core,
        cookies: Cookies<'_>,
        nonce: &Nonce,
        receipt: &mut Receipt,
    ) -> Result<Self, Refusal> {
        let has_it =
            |attempt: &Self| same_bytes(attempt.nonce.as_bytes(), nonce.expose().as_bytes());
        let under_way = Self::under_way(core, cookies).into_iter();
        let attempt = under_way.filter_map(|(_, attempt)| attempt).find(has_it);
        let came = if attempt.is_some() { "an attempt's" } else { "of no attempt here" };
        let verdict = receipt.check(rules::NONCE_KNOWN, "an attempt's", came, attempt.is_some());
        verdict.or(Refusal::AttemptMissing)?;
        attempt.ok_or(Refusal::AttemptMissing)
    }

    /// What takes the cookie away, whoever waits.
    pub(super) fn clears(&self) -> SetCookie {
        SetCookie::clear(cookie_name(&self.state))
    }

    /// What takes the cookie away when the attempt is over. Where a page began it and may still ask how it
    /// ended, the cookie stays until its time is up.
    pub(super) fn leaves(&self) -> Option<SetCookie> {
        let is_waited_for = self.bound_to().is_some();
        (self.mode == Mode::Redirect && !is_waited_for).then(|| self.clears())
    }

    /// Whether whoever comes back is signed in by that. Who is signed in already keeps their session.
    pub(super) const fn opens_session(&self) -> bool {
        self.bound_to().is_none() && !matches!(self.intent, Intent::Program)
    }

    /// Who alone may have what it brings, where whoever is signed in asks for more.
    pub(super) const fn bound_to(&self) -> Option<UserId> {
        match self.intent {
            Intent::Grant { user, .. } | Intent::Link { user, .. } => Some(user),
            Intent::AddScopes { .. }
            | Intent::Consent { .. }
            | Intent::Program
            | Intent::SignIn => None,
        }
    }

    /// Which account must answer, where that is known.
    pub(super) fn subject(&self) -> Option<&str> {
        match &self.intent {
            Intent::AddScopes { subject }
            | Intent::Consent { subject }
            | Intent::Grant { subject, .. } => Some(subject),
            Intent::Link { .. } | Intent::Program | Intent::SignIn => None,
        }
    }

    /// What it is, when it succeeds.
    pub(super) const fn event(&self) -> EventKind {
        match self.intent {
            Intent::AddScopes { .. } | Intent::SignIn => EventKind::SignedIn,
            Intent::Consent { .. } | Intent::Grant { .. } | Intent::Program => {
                EventKind::GrantAuthorized
            }
            Intent::Link { .. } => EventKind::IdentityLinked,
        }
    }

    /// Who in the ledger of scopes is named for what this attempt brings.
    pub(super) const fn source(&self) -> ScopeSource {
        match self.intent {
            Intent::Consent { .. } => ScopeSource::Consent,
            Intent::AddScopes { .. } | Intent::Grant { .. } | Intent::Link { .. } => {
                ScopeSource::Incremental
            }
            Intent::Program | Intent::SignIn => ScopeSource::SignIn,
        }
    }

    fn open(core: &Core, value: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(value.as_bytes()).ok()?;
        let (id, sealed) = bytes.split_at_checked(16)?;
        let id = AttemptId::from_bytes(id.try_into().ok()?);
        let plain = core.vault.open_attempt(id, &Sealed::from_bytes(sealed.to_vec())).ok()?;
        serde_json::from_slice(&plain).ok()
    }

    /// The cookies that must go so that `newest` has room: the oldest attempts, and what is none.
    pub(super) fn make_room(
        core: &Core,
        cookies: Cookies<'_>,
        newest: &SetCookie,
    ) -> Vec<SetCookie> {
        let weight = |name: &str, value: &str| name.len() + value.len() + "=; ".len();
        let mut under_way = Self::under_way(core, cookies);
        let mut places = MAX_PER_BROWSER - 1;
        let mut room = MAX_WEIGHT_PER_BROWSER.saturating_sub(weight(newest.name(), newest.value()));
        while let Some((name, Some(_))) = under_way.last() {
            let Found::One(value) = cookies.find(name) else {
                break;
            };
            let Some(rest) = room.checked_sub(weight(name, value)).filter(|_| places > 0) else {
                break;
            };
            (room, places) = (rest, places - 1);
            under_way.pop();
        }
        let leaving = under_way.into_iter();
        leaving.map(|(name, _)| SetCookie::clear(name)).collect()
    }

    /// Every attempt that this browser has under way, oldest first, each with its cookie's name.
    pub(super) fn under_way(core: &Core, cookies: Cookies<'_>) -> Vec<(String, Option<Self>)> {
        let mut attempts: Vec<_> = cookies
            .names_with_prefix(COOKIE_PREFIX)
            // Whoever sends more than this has not got them from us: the rest is not even looked at.
            .take(4 * MAX_PER_BROWSER)
            .map(|name| match cookies.find(name) {
                Found::One(value) => (name.to_owned(), Self::open(core, value)),
                Found::Many | Found::Nothing => (name.to_owned(), None),
            })
            .collect();
        attempts
            .sort_by_key(|(_, attempt)| attempt.as_ref().map_or(0, |attempt| attempt.expires_at));
        attempts
    }

    /// Whether the answer may be for this provider, as it is configured now (requirements AR-4, CB-4).
    pub(super) fn check_provider(
        &self,
        provider: &Provider,
        receipt: &mut Receipt,
    ) -> Result<(), Refusal> {
        let config = provider.config();
        let (asked, answering) = (Fact::Provider(&self.provider), Fact::Provider(&config.id));
        receipt
            .check(rules::PROVIDER, asked, answering, self.provider == config.id)
            .or(Refusal::ProviderMismatch)?;
        let is_same = self.issuer == config.issuer
            && self.client_id == config.registration.client_id
            && self.redirect_uri == redirect_uri(self.mode, provider);
        let came = if is_same { "as configured" } else { "configured otherwise by now" };
        receipt
            .check(rules::REGISTRATION, "as configured", came, is_same)
            .or(Refusal::ProviderMismatch)
    }
}

/// Where the answer comes to.
fn redirect_uri(mode: Mode, provider: &Provider) -> String {
    match mode {
        Mode::Code => crate::provider::google::POSTMESSAGE.to_owned(),
        Mode::Popup | Mode::Redirect => provider.redirect_uri().to_string(),
    }
}

/// What is asked for, and how it comes. The provider's own popup knows one way only.
fn answer_form(mode: Mode, provider: &Provider) -> AnswerForm {
    match mode {
        Mode::Code => AnswerForm::default(),
        Mode::Popup | Mode::Redirect => provider.config().answer,
    }
}

/// Whether the answer is posted by a page of another site, so that a cookie which is Lax stays at home.
const fn crosses_sites(mode: Mode, answer: AnswerForm) -> bool {
    matches!(mode, Mode::Code) || answer.is_posted()
}

/// The cookie's name tells nothing of the state and is found from it.
fn cookie_name(state: &str) -> String {
    format!("{COOKIE_PREFIX}{}", HEXLOWER.encode(&sha256(state.as_bytes())[..8]))
}
