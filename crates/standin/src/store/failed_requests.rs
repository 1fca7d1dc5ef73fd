//! Failed requests, counted by all processes together.

use std::net::IpAddr;

use async_trait::async_trait;

use super::Result;
use crate::time::Timestamp;

/// How often requests from one network have failed lately (requirement HH-13).
#[async_trait]
pub trait FailedRequests: Send + Sync {
    /// Adds to the number of each network, which stands in `more` once: in the window that is open at `now`, or else in
    /// a new one that ends at `until`. Gives the numbers as they are then, in the order of `more`. One statement per
    /// network, so that nothing that others count is lost.
    async fn count_failed_requests(
        &self,
        more: Vec<(Network, u32)>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<FailedInWindow>>;
}

/// Where requests come from, as far as limits tell clients apart: an address of IPv4, or the first half of one of
/// IPv6, since one customer has a whole /64 to himself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network([u8; 16]);

impl Network {
    /// As a row keeps it: the address in IPv6, where that of IPv4 is mapped.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => (u128::from(address) >> 64 << 64).to_be_bytes(),
        })
    }
}

/// What is known of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedInWindow {
    /// So many requests have failed in the window.
    pub requests: u32,
    /// When the window ends.
    pub until: Timestamp,
}
