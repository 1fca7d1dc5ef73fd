//! A provider's other clients: beside the web application, the program at a terminal and the device without a
//! browser are registered apart, and what was given to one of them works with that one only.
//!
//! Each is the same provider under another registration, with documents of its own at hand.

use std::sync::Arc;

use url::Url;

use super::{AnswerForm, Provider, ProviderConfig, Registration};
use crate::error::Refusal;

/// What a client beside the web application is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientUse {
    /// The device flow (RFC 8628): the person types a code elsewhere.
    Device,
    /// A program on the person's own machine, which a browser there can reach (RFC 8252).
    Installed,
}

/// The same provider under other registrations.
pub(super) type Clients = Vec<(ClientUse, Arc<Provider>)>;

impl Provider {
    /// With these clients beside its own.
    pub(crate) fn with_clients(mut self, clients: Vec<(ClientUse, Registration)>) -> Self {
        let redirect_uri = &self.redirect_uri;
        let config = &self.config;
        let client = |(usage, registration)| {
            (usage, Arc::new(under(config, registration, redirect_uri.clone())))
        };
        self.clients = clients.into_iter().map(client).collect();
        self
    }

    /// Itself under the registration for this use.
    ///
    /// # Errors
    /// [`Refusal::ClientNotConfigured`].
    pub(crate) fn for_use(&self, usage: ClientUse) -> Result<&Arc<Self>, Refusal> {
        let found = self.clients.iter().find(|(known, _)| *known == usage);
        found.map(|(_, provider)| provider).ok_or(Refusal::ClientNotConfigured)
    }

    /// Itself under the registration that something was given to; as it is if that one is not configured any
    /// more.
    pub(crate) fn of_client<'a>(self: &'a Arc<Self>, client_id: &str) -> &'a Arc<Self> {
        let is_it = |provider: &&Arc<Self>| provider.config.registration.client_id == client_id;
        let all = std::iter::once(self).chain(self.clients.iter().map(|(_, provider)| provider));
        let mut matching = all.filter(is_it);
        matching.next().unwrap_or(self)
    }
}

fn under(config: &ProviderConfig, registration: Registration, redirect_uri: Url) -> Provider {
    // A program's port is read as a browser comes by redirect, whatever the web application asks for.
    let answer = AnswerForm::default();
    Provider::new(ProviderConfig { registration, answer, ..config.clone() }, redirect_uri)
}
