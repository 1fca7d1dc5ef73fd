//! A network that an operator names: read strictly, so that what is meant is what is allowed.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::class::carried;

/// Addresses in CIDR notation, or one address: `10.1.0.0/16`, `fd12:3456::/32`, `192.168.1.7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Whether the network holds `address`, or the IPv4 address that `address` carries.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address) || self.0.contains(&carried(address))
    }

    pub(super) fn lies_in(&self, range: IpNet) -> bool {
        range.contains(&self.0)
    }
}

/// Why a text is no network that can be allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetwork {
    /// It is every address there is.
    #[error(
        "{0} is every address, so nothing would be refused any more; name the provider's network"
    )]
    Everything(IpNet),
    /// An address of the network is written where the network should be.
    #[error("{written} is an address within a network; write the network, {meant}")]
    HostBits {
        /// As written.
        written: IpNet,
        /// The network around it.
        meant: IpNet,
    },
    /// Not in the notation.
    #[error("\"{0}\" is neither an address nor a network, such as \"10.1.0.0/16\"")]
    Malformed(String),
    /// IPv4 in the clothes of IPv6: addresses are judged without them.
    #[error("{0} is an IPv4 network in the form of IPv6; write it as IPv4")]
    Mapped(IpNet),
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    /// # Errors
    /// [`InvalidNetwork::Malformed`] for what is neither a network nor an address; [`InvalidNetwork::Everything`]
    /// for a prefix of no bits; [`InvalidNetwork::HostBits`] for bits beyond the prefix;
    /// [`InvalidNetwork::Mapped`] for IPv4 written as IPv6.
    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let network: IpNet = text
            .parse()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| InvalidNetwork::Malformed(text.to_owned()))?;
        match network {
            _ if network.prefix_len() == 0 => Err(InvalidNetwork::Everything(network)),
            _ if network.trunc() != network => {
                Err(InvalidNetwork::HostBits { written: network, meant: network.trunc() })
            }
            _ if network.addr().to_canonical() != network.addr() => {
                Err(InvalidNetwork::Mapped(network))
            }
            network => Ok(Self(network)),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
