//! What every service stands on.

use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;

use crate::admission::SignUp;
use crate::entropy::Entropy;
use crate::error::{Error, Refusal};
use crate::http::HttpClient;
use crate::id::{GrantId, UserId};
use crate::provider::Provider;
use crate::store::{Store, StoreError};
use crate::time::{Clock, Timestamp};
use crate::vault::{Grant, TenantRule, Vault};
use crate::verify::ProviderId;

/// The parts that are shared: one of each in a process, none of them with any state of a request.
pub(crate) struct Core {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) http: Arc<dyn HttpClient>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Vault,
    pub(crate) providers: BTreeMap<ProviderId, Arc<Provider>>,
    pub(crate) public_url: Url,
    pub(crate) sign_up: SignUp,
    /// Whether refresh tokens are used so that their provider does not forget them.
    pub(crate) keeps_alive: bool,
    pub(crate) tenants: TenantRule,
}

impl Core {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What a user gave at a provider with the account that is named, or with the one that is meant where
    /// none is ([`Grant::precedence`]).
    pub(crate) async fn grant_of(
        &self,
        user: UserId,
        provider: &ProviderId,
        subject: Option<&str>,
    ) -> Result<Option<Grant>, StoreError> {
        let Some(subject) = subject else { return self.store.grant_at(user, provider).await };
        let grants = self.store.grants_of(user).await?.into_iter();
        let is_it = |grant: &Grant| {
            grant.identity.provider == *provider && grant.identity.subject == subject
        };
        Ok(grants.filter(is_it).min_by_key(Grant::precedence))
    }

    /// When the refresh token of a grant must be used again, if it was used at `used`.
    pub(crate) fn keep_alive_at(
        &self,
        provider: &ProviderId,
        grant: GrantId,
        used: Timestamp,
    ) -> Option<Timestamp> {
        let profile = self.providers.get(provider).filter(|_| self.keeps_alive)?.profile();
        profile.keep_alive_at(grant, used)
    }

    pub(crate) fn provider(&self, id: &ProviderId) -> Result<&Arc<Provider>, Error> {
        self.providers.get(id).ok_or_else(|| Refusal::UnknownProvider.into())
    }
}
