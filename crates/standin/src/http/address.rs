//! Which addresses may be talked to (requirement HH-7): an address has a class, a policy says which will do.
//!
//! ```text
//! IpAddr ──classify──▶ AddressClass ──AddressPolicy::judge──▶ it may be talked to, or RefusedAddress
//! ```
//!
//! A provider's names come from documents that others write, and a name can lead anywhere: to this machine,
//! to its neighbours, to the service that hands out a cloud machine's own credentials. So what a name
//! resolves to is judged, and not the name.

mod class;
mod network;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

pub use class::AddressClass;
pub use network::{InvalidNetwork, Network};

/// Which addresses may be talked to: public ones, and what is added by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    reach: Reach,
    networks: Vec<Network>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reach {
    #[default]
    Public,
    PublicAndLoopback,
    Everywhere,
}

impl AddressPolicy {
    /// Public addresses, over https: what a service in production needs. The default.
    #[must_use]
    pub fn public() -> Self {
        Self::default()
    }

    /// Every address, over http too. For a command whose user names the address; never where an address can
    /// come from somebody else.
    #[must_use]
    pub fn everywhere() -> Self {
        Self { reach: Reach::Everywhere, networks: Vec::new() }
    }

    /// Loopback too, also over http: for development, where the provider is an emulator beside the app.
    #[must_use]
    pub fn and_loopback(mut self) -> Self {
        if self.reach == Reach::Public {
            self.reach = Reach::PublicAndLoopback;
        }
        self
    }

    /// These networks too: for a provider of one's own. Link-local and metadata addresses stay refused,
    /// unless a network lies wholly among them.
    #[must_use]
    pub fn and_networks(mut self, networks: impl IntoIterator<Item = Network>) -> Self {
        self.networks.extend(networks);
        self
    }

    /// Whether `address` may be talked to.
    ///
    /// # Errors
    /// [`RefusedAddress`] with the address and what is there.
    pub fn judge(&self, address: IpAddr) -> Result<(), RefusedAddress> {
        let (class, range) = class::classify(address);
        let is_within_reach = match self.reach {
            Reach::Public => class == AddressClass::Public,
            Reach::PublicAndLoopback => {
                matches!(class, AddressClass::Public | AddressClass::Loopback)
            }
            Reach::Everywhere => true,
        };
        let is_named = |network: &Network| {
            network.contains(address)
                && (class != AddressClass::LinkLocal || network.lies_in(range))
        };
        if is_within_reach || self.networks.iter().any(is_named) {
            Ok(())
        } else {
            Err(RefusedAddress { address, class })
        }
    }

    /// The addresses of a name that may be talked to; no addresses at all are none.
    ///
    /// # Errors
    /// [`RefusedAddress`] with the first of them, if all are refused.
    pub fn keep_allowed(
        &self,
        found: impl IntoIterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, RefusedAddress> {
        let mut allowed = Vec::new();
        let mut first_refused = None;
        for address in found {
            match self.judge(address.ip()) {
                Ok(()) => allowed.push(address),
                Err(refused) => first_refused = first_refused.or(Some(refused)),
            }
        }
        match first_refused {
            Some(refused) if allowed.is_empty() => Err(refused),
            _ => Ok(allowed),
        }
    }

    /// Whether plain http is refused wherever it leads.
    #[must_use]
    pub fn is_https_only(&self) -> bool {
        self.reach == Reach::Public
    }
}

/// An address that may not be talked to. Nothing was sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct RefusedAddress {
    /// The address, as it was resolved or written.
    pub address: IpAddr,
    /// What it is.
    pub class: AddressClass,
}

impl fmt::Display for RefusedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is {}, and only public addresses are talked to; if it is meant, name its network in `outbound.allow_networks`",
            self.address, self.class
        )
    }
}

#[cfg(test)]
mod tests;
