//! 5 ── Vending: a fresh access token for a job that may have it.
//!
//! ```text
//! client key ─▶ ClientRow ─▶ policy ─▶ user and grant ─▶ scopes ─▶ refresh (if need be) ─▶ Vended
//!                   └── given before, and good still (`live/`) ──────────────────────────────▲
//! ```
//!
//! An unknown user and a user without a grant get the same answer: a client cannot find out who exists.

mod alarm;
mod audit;
mod policy;

use std::sync::Arc;
use std::time::Duration;

pub use audit::Audit;
pub use policy::{InvalidRule, Permission, Policy, Rule, TokenRule};

use self::alarm::Alarms;
use crate::core::Core;
use crate::error::{Error, Refusal};
use crate::id::{GrantId, UserId};
use crate::live::Live;
use crate::measure::Vends;
use crate::provider::Scopes;
use crate::refresh::{FreshToken, Need, RefreshFailure, Refresher};
use crate::secret::ClientKey;
use crate::store::{ClientRow, EventKind, Store, StoreError};
use crate::vault::{Grant, GrantState, ReauthReason};
use crate::verify::ProviderId;

/// A vended token lives at least so long, unless the caller asks for more.
pub const DEFAULT_MIN_TTL: Duration = Duration::from_mins(1);

/// How a caller names a user: `usr_…`, or `provider:subject`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UserSelector {
    /// By our id.
    Id(UserId),
    /// As a provider knows them.
    Subject(ProviderId, String),
    /// In no way that could name anybody.
    Nobody,
}

impl UserSelector {
    /// Who it is, if there is such a user.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn find(&self, store: &dyn Store) -> Result<Option<UserId>, StoreError> {
        match self {
            Self::Id(id) => Ok(Some(*id)),
            Self::Subject(provider, subject) => store.user_by_subject(provider, subject).await,
            Self::Nobody => Ok(None),
        }
    }

    /// Which of their accounts at this provider is meant, where one is named.
    #[must_use]
    pub fn account_at(&self, at: &ProviderId) -> Option<&str> {
        match self {
            Self::Subject(provider, subject) if provider == at => Some(subject),
            Self::Id(_) | Self::Subject(..) | Self::Nobody => None,
        }
    }
}

impl std::str::FromStr for UserSelector {
    type Err = Refusal;

    /// Whatever names nobody is [`Refusal::NoGrant`], like a user who does not exist.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(id));
        }
        let (provider, subject) = text.split_once(':').ok_or(Refusal::NoGrant)?;
        let provider = provider.parse().map_err(|_| Refusal::NoGrant)?;
        Ok(Self::Subject(provider, subject.to_owned()))
    }
}

/// What a job asks for.
#[derive(Clone, Debug)]
pub struct VendRequest {
    /// On whose behalf.
    pub user: UserSelector,
    /// At which provider.
    pub provider: ProviderId,
    /// What the token must open; empty means whatever was granted.
    pub scopes: Scopes,
    /// How long it must still live.
    pub min_ttl: Duration,
    /// SHA-256 of a token that an API has refused.
    pub stale_token_sha256: Option<[u8; 32]>,
    /// What for, in the caller's words, for the record.
    pub purpose: Option<String>,
}

/// A token, with its owner.
#[derive(Clone, Debug)]
pub struct Vended {
    /// The token.
    pub token: Arc<FreshToken>,
    /// Whose it is.
    pub user: UserId,
    /// How long it lives from now.
    pub expires_in: Duration,
}

/// Hands fresh access tokens to clients that may have them, and short-lived ones to pages.
#[derive(Clone)]
pub struct Vend {
    core: Arc<Core>,
    refresher: Refresher,
    audit: Audit,
    alarms: Alarms,
    live: Arc<Live>,
    counted: Arc<Vends>,
}

impl Vend {
    pub(crate) fn new(
        core: Arc<Core>,
        refresher: Refresher,
        audit: Audit,
        live: Arc<Live>,
    ) -> Self {
        let counted = Arc::new(Vends::at(core.providers.keys()));
        Self { core, refresher, audit, alarms: Alarms::default(), live, counted }
    }

    /// Finds the client of a key.
    ///
    /// # Errors
    /// [`Refusal::InvalidClient`] for a key that is unknown or revoked.
    pub async fn authenticate(&self, key: &ClientKey) -> Result<Arc<ClientRow>, Error> {
        self.live.client(key).await?.ok_or_else(|| {
            self.audit.stranger(self.core.now());
            Refusal::InvalidClient.into()
        })
    }

    /// Hands out a token for a job.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::NoGrant`], [`Error::InsufficientScope`], [`Error::ReauthRequired`],
    /// [`Error::ProviderUnavailable`], [`Error::ProviderRefusesClient`], and those of vault and store.
    ///
    /// # Cancel safety
    /// A refresh that has begun is finished whether or not the caller waits.
    pub async fn vend(&self, client: &ClientRow, request: &VendRequest) -> Result<Vended, Error> {
        let now = self.core.now();
        let (vended, at) = match self.live.find(client.id, request, now) {
            Some(vended) => (Ok(vended), now),
            // In a box of its own: most vends never need the room.
            None => (Box::pin(self.vend_by_rows(client, request)).await, self.core.now()),
        };
        self.counted.count(&request.provider, vended.as_ref().map(|_| ()));
        self.audit.vend(client.id, request, &vended, at);
        vended
    }

    /// Keeps what it gives.
    async fn vend_by_rows(
        &self,
        client: &ClientRow,
        request: &VendRequest,
    ) -> Result<Vended, Error> {
        let keep = |reading, vended: &Vended| self.live.keep(reading, client.id, request, vended);
        self.live.settled(|| self.decide(client, request), keep).await
    }

    /// The client is looked at again, too: it may have been revoked since it was found.
    async fn decide(&self, client: &ClientRow, request: &VendRequest) -> Result<Vended, Error> {
        let client = self.live.client_of(client.key_sha256).await?.ok_or(Refusal::InvalidClient)?;
        if !client.policy.allows(&request.provider, &request.scopes) {
            return Err(Refusal::Forbidden.into());
        }
        let grant = self.find(request).await?.ok_or(Refusal::NoGrant)?;
        let need = Need { min_ttl: request.min_ttl, stale: request.stale_token_sha256 };
        let policy = &client.policy;
        let limit = |opens: &Scopes| {
            (!policy.allows(&request.provider, opens)).then(|| {
                let allowed = policy.allowed_of(&request.provider, opens);
                narrow(&allowed, &request.scopes)
            })
        };
        self.token_within(&grant, &request.scopes, need, limit).await
    }

    /// A short-lived token for the page of a signed-in user, for scopes that pages may have; of the account
    /// with this subject, or of the one that jobs act for.
    ///
    /// # Errors
    /// [`Refusal::ScopeNotAllowed`] for a scope that `browser_scopes` does not list. The rest as
    /// [`Vend::vend`].
    ///
    /// # Security
    /// The token opens nothing beyond `browser_scopes`, whatever else was granted.
    pub async fn for_page(
        &self,
        user: UserId,
        provider: &ProviderId,
        subject: Option<&str>,
        scopes: &Scopes,
    ) -> Result<Vended, Error> {
        let decide = || self.for_page_unrecorded(user, provider, subject, scopes);
        let stands = |reading, vended: &Vended| self.live.stands(reading, provider, vended);
        let vended = self.live.settled(decide, stands).await;
        self.counted.count(provider, vended.as_ref().map(|_| ()));
        let now = self.core.now();
        match &vended {
            Ok(vended) => {
                self.audit.record(EventKind::TokenVended, user, vended.token.grant, now);
            }
            Err(error) => self.audit.page_refused(user, error, now),
        }
        vended
    }

    async fn for_page_unrecorded(
        &self,
        user: UserId,
        provider: &ProviderId,
        subject: Option<&str>,
        scopes: &Scopes,
    ) -> Result<Vended, Error> {
        let listed = &self.core.provider(provider)?.config().browser_scopes;
        if listed.is_empty() || !listed.covers(scopes) {
            return Err(Refusal::ScopeNotAllowed.into());
        }
        let grant = self.grant_of(user, provider, subject).await?.ok_or(Refusal::NoGrant)?;
        let need = Need { min_ttl: DEFAULT_MIN_TTL, stale: None };
        let limit = |opens: &Scopes| {
            (!listed.covers(opens)).then(|| narrow(&opens.intersection(listed), scopes))
        };
        self.token_within(&grant, scopes, need, limit).await
    }

    async fn find(&self, request: &VendRequest) -> Result<Option<Grant>, Error> {
        let Some(user) = request.user.find(&*self.core.store).await? else { return Ok(None) };
        let account = request.user.account_at(&request.provider);
        self.grant_of(user, &request.provider, account).await
    }

    async fn grant_of(
        &self,
        user: UserId,
        provider: &ProviderId,
        subject: Option<&str>,
    ) -> Result<Option<Grant>, Error> {
        let found = self.core.grant_of(user, provider, subject).await;
        found.map_err(|error| {
            let grant = match &error {
                StoreError::Inconsistent { row, .. } => row.parse().ok(),
                _ => None,
            };
            let error = Error::from(error);
            if let Some(grant) = grant {
                self.alarm(user, grant, &error);
            }
            error
        })
    }

    /// Nothing, unless somebody has changed the row behind our back.
    fn alarm(&self, user: UserId, grant: GrantId, error: &Error) {
        if self.alarms.raise(grant, error) {
            self.audit.damaged(user, grant, error.code(), self.core.now());
        }
    }

    /// A token opens everything it was given for, whatever was asked: who may not have all of the grant gets
    /// one that opens less. `limit` says how much less; `None` if all may be had. What counts in the end is
    /// the token: the grant may have grown since it was read.
    async fn token_within(
        &self,
        grant: &Grant,
        scopes: &Scopes,
        need: Need,
        limit: impl Fn(&Scopes) -> Option<Scopes>,
    ) -> Result<Vended, Error> {
        let vended = self.token(grant, scopes, limit(&grant.scopes), need).await?;
        match limit(&vended.token.scopes) {
            None => Ok(vended),
            narrowed => self.token(grant, scopes, narrowed, need).await,
        }
    }

    /// The grant's own token, or one that is narrowed.
    async fn token(
        &self,
        grant: &Grant,
        scopes: &Scopes,
        narrowed: Option<Scopes>,
        need: Need,
    ) -> Result<Vended, Error> {
        match grant.state {
            GrantState::Active | GrantState::Suspect => {}
            GrantState::Reauth => return Err(self.reauth(grant, scopes, reason_of(grant))),
            GrantState::Revoked => return Err(Refusal::NoGrant.into()),
        }
        self.check_scopes(grant, &grant.scopes, scopes)?;
        let token = match narrowed {
            // Nothing of what was granted may be had.
            Some(narrowed) if narrowed.is_empty() => return Err(Refusal::Forbidden.into()),
            Some(_) if !self.can_narrow(grant) => return Err(Refusal::CannotNarrow.into()),
            Some(narrowed) => self.refresher.ensure_narrow(grant, narrowed, need).await,
            None => self.refresher.ensure_fresh(grant, need).await,
        };
        let token = token.map_err(|failure| {
            let error = self.failed(grant, scopes, failure);
            self.alarm(grant.user, grant.id, &error);
            error
        })?;
        // The refresh may have brought less than was granted.
        self.check_scopes(grant, &token.scopes, scopes)?;
        let expires_in = token.expires_at.remaining(self.core.now());
        Ok(Vended { token: Arc::new(token), user: grant.user, expires_in })
    }

    fn can_narrow(&self, grant: &Grant) -> bool {
        let provider = self.core.providers.get(&grant.identity.provider);
        provider.is_none_or(|provider| provider.profile().refresh_narrows.is_possible())
    }

    fn check_scopes(&self, grant: &Grant, have: &Scopes, want: &Scopes) -> Result<(), Error> {
        let missing = have.missing(want);
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::InsufficientScope {
            reconnect_url: self.reconnect_url(grant, &missing),
            missing,
        })
    }

    /// Whatever ends a grant is on record with it, and what passes here.
    fn failed(&self, grant: &Grant, scopes: &Scopes, failure: RefreshFailure) -> Error {
        let is_over = matches!(failure, RefreshFailure::Dead(_) | RefreshFailure::Gone);
        let error = self.explain(grant, scopes, failure);
        if !is_over {
            self.audit.refresh_failed(grant, &error, self.core.now());
        }
        error
    }

    fn explain(&self, grant: &Grant, scopes: &Scopes, failure: RefreshFailure) -> Error {
        match failure {
            RefreshFailure::AddressRefused(refused) => {
                Error::ProviderAddressRefused { provider: grant.identity.provider.clone(), refused }
            }
            RefreshFailure::ClientRefused => Error::ProviderRefusesClient,
            RefreshFailure::Dead(reason) => self.reauth(grant, scopes, reason),
            RefreshFailure::Gone => Refusal::NoGrant.into(),
            RefreshFailure::Later { retry_after } => Error::ProviderUnavailable { retry_after },
            RefreshFailure::Misbehaved => Error::ProviderMisbehaved,
            RefreshFailure::Store(error) => error.into(),
            RefreshFailure::Vault(error) => error.into(),
        }
    }

    fn reauth(&self, grant: &Grant, scopes: &Scopes, reason: ReauthReason) -> Error {
        Error::ReauthRequired { reason, reconnect_url: self.reconnect_url(grant, scopes) }
    }

    /// A link for the user: it signs them in as the same person and asks for what is missing. Whoever else
    /// follows it signs in as themselves.
    fn reconnect_url(&self, grant: &Grant, scopes: &Scopes) -> String {
        let mut url = self.core.public_url.clone();
        url.set_path(&format!("/auth/{}/login", grant.identity.provider));
        let mut query = url.query_pairs_mut();
        query.append_pair("login_hint", &grant.identity.subject);
        let extra = self.askable(grant, scopes);
        if !extra.is_empty() {
            query.append_pair("scope", &extra.to_string());
        }
        drop(query);
        url.into()
    }

    /// Of the wanted scopes and those that were granted before, what the configuration lets anyone ask for.
    fn askable(&self, grant: &Grant, scopes: &Scopes) -> Scopes {
        let Some(provider) = self.core.providers.get(&grant.identity.provider) else {
            return Scopes::default();
        };
        let extra = &provider.config().extra_scopes;
        let wanted = grant.requested.union(scopes);
        extra.intersection(&wanted)
    }
}

/// What is asked for, of what may be had; all of that, if nothing in particular is asked for.
fn narrow(allowed: &Scopes, asked: &Scopes) -> Scopes {
    if asked.is_empty() { allowed.clone() } else { allowed.intersection(asked) }
}

fn reason_of(grant: &Grant) -> ReauthReason {
    grant.reason.unwrap_or(ReauthReason::Unknown)
}

/// A new key for a client: what it is told once, and what is stored.
#[must_use]
pub fn new_client_key(entropy: &dyn crate::entropy::Entropy) -> (ClientKey, [u8; 32]) {
    let key = ClientKey::new(format!("sk_{}", crate::entropy::random_token(entropy)));
    let hash = key.sha256();
    (key, hash)
}
