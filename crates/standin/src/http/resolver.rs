//! Names become addresses here, once: what was judged is what is connected to.
//!
//! The connector asks for a name when it opens a connection and dials what it is given; there is no second
//! look-up that could answer otherwise (DNS rebinding). A connection that is kept alive stays with the address
//! that it was opened to.

use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::AddressPolicy;

/// Asks another resolver, and passes on only what the policy allows.
pub(super) struct JudgingResolver {
    pub(super) policy: Arc<AddressPolicy>,
    pub(super) inner: Arc<dyn Resolve>,
}

impl Resolve for JudgingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.policy);
        let resolving = self.inner.resolve(name);
        Box::pin(async move {
            let allowed = policy.keep_allowed(resolving.await?)?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// The resolver of the system: the hosts file, then DNS.
pub(super) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The port is the connector's to set.
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
