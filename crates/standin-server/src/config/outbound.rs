//! `[outbound]`: which addresses the service talks to, beside public ones (requirement HH-7).

use standin::http::{AddressPolicy, InvalidNetwork, Network};

use super::error::ConfigError;

pub(super) fn allow_networks(written: &[String]) -> Result<Vec<Network>, ConfigError> {
    let parsed = written.iter().map(|text| text.parse()).collect::<Result<_, _>>();
    parsed.map_err(|error: InvalidNetwork| {
        ConfigError::invalid("outbound.allow_networks", error.to_string())
    })
}

/// In development the provider is an emulator on this machine.
pub(super) fn policy(is_development: bool, networks: &[Network]) -> AddressPolicy {
    let policy = AddressPolicy::public().and_networks(networks.iter().copied());
    if is_development { policy.and_loopback() } else { policy }
}
