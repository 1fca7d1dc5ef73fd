//! The key-encryption keys of the configuration, with a way to those that are kept elsewhere.
//!
//! Vault's and the clouds' addresses are the operator's own word, so no policy judges them, but for what
//! [`config::kek`](crate::config) asks of each. They are asked seldom, and mostly never: the clients are made when
//! the first key is asked for.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use secrecy::SecretString;
use standin::http::{AddressPolicy, HttpClient, HttpError, Request, ReqwestClient, Response};
use standin::time::SystemClock;
use standin::vault::{
    AwsSettings, Environment, ExternalKeys, GoogleSettings, KeyFile, KeyRing, TransitSettings,
    VaultError, VaultToken,
};

use crate::config::{self, ConfigError, Keys, origin};

const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Reads the list of key-encryption keys.
pub fn read(keys: &Keys) -> Result<KeyFile, ConfigError> {
    Ok(keys.read()?.reaching(external(keys, config::of_others())?))
}

/// What is wrong with the data keys that cannot be had; `None` if all can.
pub(crate) fn left_out(ring: &KeyRing) -> Option<String> {
    let whose = |(_, tenant, error): (u32, Option<&str>, &VaultError)| {
        let tenant = tenant.map_or_else(String::new, |tenant| format!("tenant `{tenant}`: "));
        format!("{tenant}{error}")
    };
    let words: Vec<_> = ring.left_out().map(whose).collect();
    (!words.is_empty()).then(|| words.join("; "))
}

/// The way to those that are kept elsewhere.
pub fn external(keys: &Keys, environment: Environment) -> Result<ExternalKeys, ConfigError> {
    let transit = transit(keys, &environment);
    let any: Arc<dyn HttpClient> = Arc::new(OnDemand::default());
    let external = ExternalKeys::new(any, Arc::new(SystemClock), environment)
        .google(GoogleSettings {
            endpoint: keys.google_endpoint.clone(),
            credentials_file: keys.google_credentials.clone(),
        })
        .aws(AwsSettings { endpoint: keys.aws_endpoint.clone() });
    match transit {
        Ok(Some((settings, http))) => Ok(external.transit(settings, http)),
        Ok(None) => Ok(external),
        // VAULT_ADDR may be there for other programs: that concerns nobody who follows no name of a key of Vault's.
        Err(error) if keys.vault.address.is_none() => Ok(external.no_transit(error.to_string())),
        Err(error) => Err(error),
    }
}

/// How Vault is reached, and a client that trusts it.
type Transit = (TransitSettings, Arc<dyn HttpClient>);

/// Vault, if it is said where it is.
fn transit(keys: &Keys, environment: &Environment) -> Result<Option<Transit>, ConfigError> {
    let own = &keys.vault;
    let variable = |name: &str| environment.read(name);
    let written = || variable("VAULT_ADDR").map(|written| origin("VAULT_ADDR", &written));
    let Some(address) = own.address.clone().map(Ok).or_else(written).transpose()? else {
        return Ok(None);
    };
    let token = match (&own.token, &own.token_file) {
        (Some(token), _) => VaultToken::Given(token.clone()),
        (None, Some(file)) => VaultToken::File(file.clone()),
        (None, None) => {
            let token = variable("VAULT_TOKEN").ok_or_else(|| {
                let problem = "missing; without it, or VAULT_TOKEN, Vault does not answer";
                ConfigError::invalid("keys.vault.token_file", problem)
            })?;
            VaultToken::Given(SecretString::from(token.as_str()))
        }
    };
    let text = |name| variable(name).map(|value| value.to_string());
    let namespace = own.namespace.clone().or_else(|| text("VAULT_NAMESPACE"));
    let authorities = own.ca_file.clone().or_else(|| text("VAULT_CACERT").map(PathBuf::from));
    let authorities = authorities.map(certificates).transpose()?;
    let http = OnDemand { authorities, client: OnceLock::new() };
    Ok(Some((TransitSettings { address, token, namespace }, Arc::new(http))))
}

fn certificates(path: PathBuf) -> Result<Vec<u8>, ConfigError> {
    match std::fs::read(&path) {
        Ok(pem) if pem.windows(CERTIFICATE.len()).any(|line| line == CERTIFICATE) => Ok(pem),
        Ok(_) => {
            let problem = format!("{} holds no certificate in PEM", path.display());
            Err(ConfigError::invalid("keys.vault.ca_file", problem))
        }
        Err(reason) => Err(ConfigError::Unreadable { path, reason }),
    }
}

/// A client that is made when it is first needed.
#[derive(Default)]
struct OnDemand {
    /// Certificates of authorities beside the system's, as PEM.
    authorities: Option<Vec<u8>>,
    client: OnceLock<Option<ReqwestClient>>,
}

impl OnDemand {
    fn client(&self) -> Option<ReqwestClient> {
        let authorities = self.authorities.as_deref().unwrap_or_default();
        let client = ReqwestClient::trusting(AddressPolicy::everywhere(), authorities);
        client
            .inspect_err(|error| tracing::error!(%error, "no client for key services can be made"))
            .ok()
    }
}

#[async_trait]
impl HttpClient for OnDemand {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let client = self.client.get_or_init(|| self.client());
        client.as_ref().ok_or(HttpError::Unsent)?.send(request).await
    }
}
