//! What every service stands on.

use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;

use crate::entropy::Entropy;
use crate::error::{Error, Refusal};
use crate::http::HttpClient;
use crate::provider::Provider;
use crate::store::Store;
use crate::time::{Clock, Timestamp};
use crate::vault::Vault;
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
}

impl Core {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn provider(&self, id: &ProviderId) -> Result<&Arc<Provider>, Error> {
        self.providers.get(id).ok_or_else(|| Refusal::UnknownProvider.into())
    }
}
