//! The tokens that a provider posts to us: their keys, and what they are checked against.

use std::sync::Arc;

use super::risc::RiscConfiguration;
use super::{Provider, ProviderKind};
use crate::core::Core;
use crate::error::{Error, Refusal};
use crate::verify::{
    ExpectedEvent, UnverifiedEventToken, VerifiedEvents, VerifiedLogout, verify_logout_token,
    verify_security_event,
};

impl Provider {
    /// Verifies a logout token.
    pub(crate) async fn verify_logout(
        &self,
        core: &Core,
        token: &str,
    ) -> Result<VerifiedLogout, Error> {
        // Microsoft sends none, and whom one would be about could not be said without its tenant.
        if let ProviderKind::Entra(_) = self.config.kind {
            return Err(Refusal::NoSecurityEvents.into());
        }
        let token = UnverifiedEventToken::logout(token)?;
        let metadata = self.metadata(core).await?;
        let Some(jwks_uri) = &metadata.jwks_uri else {
            return Err(Refusal::NoSecurityEvents.into());
        };
        let keys = self.keys.keys_for(token.unverified_kid(), jwks_uri, &*core.http, &*core.clock);
        let keys = keys.await.map_err(|fault| Error::of_keys(self.id(), fault))?;
        let expected = self.expected_event(core, &self.config.issuer);
        Ok(verify_logout_token(&token, &keys, &expected)?)
    }

    /// Verifies a security event token.
    pub(crate) async fn verify_events(
        &self,
        core: &Core,
        token: &str,
    ) -> Result<VerifiedEvents, Error> {
        let token = UnverifiedEventToken::security_event(token)?;
        let risc = self.risc(core).await?;
        let kid = token.unverified_kid();
        let keys = self.risc.keys.keys_for(kid, &risc.jwks_uri, &*core.http, &*core.clock);
        let keys = keys.await.map_err(|fault| Error::of_keys(self.id(), fault))?;
        let expected = self.expected_event(core, &risc.issuer);
        Ok(verify_security_event(&token, &keys, &expected)?)
    }

    /// What it publishes about its security events.
    ///
    /// # Errors
    /// [`Refusal::NoSecurityEvents`] for a provider that sends none.
    pub(crate) async fn risc(&self, core: &Core) -> Result<Arc<RiscConfiguration>, Error> {
        if self.config.kind != ProviderKind::Google {
            return Err(Refusal::NoSecurityEvents.into());
        }
        let document = self.risc.get(&*core.http, &*core.clock).await;
        document.map_err(|fault| Error::of_discovery(self.id(), fault))
    }

    /// Whether this is the provider's issuer in one of its spellings, one slash at the end aside.
    pub(crate) fn is_issuer(&self, name: &str) -> bool {
        let mut spellings = self.issuer_aliases.iter().chain([&self.config.issuer]);
        spellings.any(|known| crate::verify::is_same_issuer(name, known))
    }

    fn expected_event<'a>(&'a self, core: &Core, issuer: &'a str) -> ExpectedEvent<'a> {
        ExpectedEvent { issuer, client_id: &self.config.registration.client_id, now: core.now() }
    }
}
