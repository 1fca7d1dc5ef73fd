//! Bad requests from one address are limited, good ones are not: guessing gets slow, and nobody else
//! notices (requirement OC-9).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use standin::Refusal;

use crate::ClientIp;

/// So many failures an address may have in a minute.
const MAX_FAILURES: u32 = 60;
const WINDOW: Duration = Duration::from_mins(1);
/// So many addresses are remembered; a flood from more makes the oldest be forgotten.
const MAX_ADDRESSES: u64 = 100_000;

/// Counts failures by address.
pub(crate) struct Limiter(Cache<IpAddr, Arc<AtomicU32>>);

impl Limiter {
    pub(crate) fn new() -> Self {
        Self(Cache::builder().max_capacity(MAX_ADDRESSES).time_to_live(WINDOW).build())
    }

    /// # Errors
    /// [`Refusal::RateLimited`] if the address has had its failures for this minute.
    pub(crate) fn check(&self, client: ClientIp) -> Result<(), Refusal> {
        let failures =
            self.0.get(&network(client.0)).map_or(0, |count| count.load(Ordering::Relaxed));
        if failures < MAX_FAILURES { Ok(()) } else { Err(Refusal::RateLimited) }
    }

    pub(crate) fn failed(&self, client: ClientIp) {
        let count = self.0.get_with(network(client.0), Arc::default);
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// One customer of an IPv6 network has a whole /64 to himself.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> ClientIp {
        ClientIp(address.parse().unwrap())
    }

    #[test]
    fn oc_9_one_address_does_not_slow_another() {
        let limiter = Limiter::new();
        for _ in 0..MAX_FAILURES {
            assert_eq!(limiter.check(client("192.0.2.1")), Ok(()));
            limiter.failed(client("192.0.2.1"));
        }
        assert_eq!(limiter.check(client("192.0.2.1")), Err(Refusal::RateLimited));
        assert_eq!(limiter.check(client("::ffff:192.0.2.1")), Err(Refusal::RateLimited));
        assert_eq!(limiter.check(client("192.0.2.2")), Ok(()));
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        let limiter = Limiter::new();
        for host in 0..MAX_FAILURES {
            limiter.failed(client(&format!("2001:db8::{host:x}")));
        }
        assert_eq!(limiter.check(client("2001:db8::ffff")), Err(Refusal::RateLimited));
        assert_eq!(limiter.check(client("2001:db8:0:1::1")), Ok(()));
    }
}
