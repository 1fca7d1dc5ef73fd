//! Whether each provider publishes what a sign-in needs, under the issuer that is configured.

use standin::http::ReqwestClient;
use standin::provider::{DiscoveryFault, ProbeFault, Probed, Provider};
use standin::time::SystemClock;

use super::Finding;
use crate::app;
use crate::config::{self, Config};

const CHECK: &str = "provider";

pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let http = match ReqwestClient::new(config.address_policy()) {
        Ok(http) => http,
        Err(error) => {
            let action = "look at the certificates of this machine";
            return vec![Finding::error(CHECK, error.to_string(), action)];
        }
    };
    let all = config.providers.iter().map(|provider| probe(config, provider, &http));
    futures_util::future::join_all(all).await
}

async fn probe(config: &Config, provider: &config::Provider, http: &ReqwestClient) -> Finding {
    let asked = app::provider_config(provider, config.is_development());
    let (id, issuer) = (&provider.id, &provider.issuer);
    let probed = Provider::new(asked, config.public_url.clone()).probe(http, &SystemClock).await;
    match probed {
        Ok(Probed { keys: Some(keys) }) => {
            let detail =
                format!("{id}: {issuer} publishes its addresses and {keys} keys under this name");
            Finding::ok(CHECK, detail)
        }
        Ok(Probed { keys: None }) => {
            Finding::ok(CHECK, format!("{id}: {issuer} publishes nothing, and nothing is needed"))
        }
        Err(fault) => {
            let detail = format!("{id}: {issuer}: {fault}");
            Finding::error(CHECK, detail, action(&fault))
        }
    }
}

fn action(fault: &ProbeFault) -> &'static str {
    match fault {
        ProbeFault::Discovery(DiscoveryFault::IssuerMismatch) => {
            "write `issuer` as the provider's .well-known/openid-configuration does, letter for letter"
        }
        ProbeFault::Discovery(DiscoveryFault::Document(_)) | ProbeFault::Keys(_) => {
            "see whether the provider can be reached from this machine (name, proxy, firewall); on a network of your own it must be in [outbound] allow_networks"
        }
        ProbeFault::Discovery(_) => {
            "nobody can sign in there until the provider publishes what it should; compare `issuer`"
        }
    }
}
