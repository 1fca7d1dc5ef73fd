//! Where key-encryption keys are that no file holds, and how they are reached.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::aws::AwsKey;
use super::aws_credentials::AwsCredentials;
use super::google::GoogleKey;
use super::google_credentials::GoogleCredentials;
use super::kept::Kept;
use super::sigv4::Credentials;
use super::transit::TransitKey;
use super::{
    AwsSettings, GoogleSettings, KekError, KekName, KeyWrap, Kind, LocalKey, TransitSettings,
};
use crate::http::HttpClient;
use crate::time::Clock;

const NO_TRANSIT: &str = "where Vault is, is not configured: set keys.vault.address and keys.vault.token_file, or VAULT_ADDR and VAULT_TOKEN";

/// The variables of the process, which the library does not look at by itself.
#[derive(Clone, Default)]
pub struct Environment(Arc<BTreeMap<String, Zeroizing<String>>>);

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} variables)", self.0.len())
    }
}

impl Environment {
    /// These variables, and no others.
    pub fn of<N: Into<String>, V: Into<String>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let variables = variables.into_iter();
        let owned = variables.map(|(name, value)| (name.into(), Zeroizing::new(value.into())));
        Self(Arc::new(owned.collect()))
    }

    /// One of them. An empty one is none.
    #[must_use]
    pub fn read(&self, name: &str) -> Option<Zeroizing<String>> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }
}

/// Key-encryption keys by their names, wherever they are.
#[derive(Clone)]
pub struct ExternalKeys {
    http: Arc<dyn HttpClient>,
    clock: Arc<dyn Clock>,
    environment: Environment,
    /// Why not, where it cannot be asked.
    transit: Result<(TransitSettings, Arc<dyn HttpClient>), String>,
    google: GoogleSettings,
    aws: AwsSettings,
    google_token: Arc<Kept<Zeroizing<String>>>,
    aws_credentials: Arc<Kept<Credentials>>,
}

impl fmt::Debug for ExternalKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalKeys")
            .field("transit", &self.transit.is_ok())
            .finish_non_exhaustive()
    }
}

impl ExternalKeys {
    /// Keys that are asked for with `http`: the addresses are the operator's, and the metadata servers of clouds
    /// are among them.
    #[must_use]
    pub fn new(http: Arc<dyn HttpClient>, clock: Arc<dyn Clock>, environment: Environment) -> Self {
        let (google, aws) = (GoogleSettings::default(), AwsSettings::default());
        let (google_token, aws_credentials) = (Arc::default(), Arc::default());
        let transit = Err(NO_TRANSIT.to_owned());
        Self { http, clock, environment, transit, google, aws, google_token, aws_credentials }
    }

    /// HashiCorp Vault, asked with a client that trusts its certificate.
    #[must_use]
    pub fn transit(mut self, settings: TransitSettings, http: Arc<dyn HttpClient>) -> Self {
        self.transit = Ok((settings, http));
        self
    }

    /// Why HashiCorp Vault cannot be asked: said to whoever follows the name of one of its keys, and to nobody else.
    #[must_use]
    pub fn no_transit(mut self, why: String) -> Self {
        self.transit = Err(why);
        self
    }

    /// How Google Cloud KMS is reached.
    #[must_use]
    pub fn google(mut self, settings: GoogleSettings) -> Self {
        self.google = settings;
        self
    }

    /// How AWS KMS is reached.
    #[must_use]
    pub fn aws(mut self, settings: AwsSettings) -> Self {
        self.aws = settings;
        self
    }

    /// The key of this name. Nothing is asked yet.
    pub(in crate::vault) fn find(&self, name: &KekName) -> Result<Arc<dyn KeyWrap>, KekError> {
        match &name.kind {
            Kind::Aws { region, partition, arn } => Ok(Arc::new(AwsKey {
                settings: self.aws.clone(),
                credentials: AwsCredentials { environment: self.environment.clone() },
                http: Arc::clone(&self.http),
                clock: Arc::clone(&self.clock),
                kept: Arc::clone(&self.aws_credentials),
                region: region.clone(),
                partition: partition.clone(),
                arn: arn.clone(),
            })),
            Kind::Environment(variable) => self.variable(variable),
            Kind::Google(key) => Ok(Arc::new(GoogleKey {
                settings: self.google.clone(),
                credentials: self.google_credentials(),
                http: Arc::clone(&self.http),
                clock: Arc::clone(&self.clock),
                kept: Arc::clone(&self.google_token),
                name: key.clone(),
            })),
            Kind::Transit { mount, key, is_derived } => self.transit_key(mount, key, *is_derived),
        }
    }

    fn variable(&self, name: &str) -> Result<Arc<dyn KeyWrap>, KekError> {
        let written = self.environment.read(name).ok_or_else(|| {
            KekError::NotConfigured(format!("the environment variable {name} is not set"))
        })?;
        let key = LocalKey::parse(written.trim()).ok_or_else(|| {
            KekError::NotConfigured(format!(
                "the environment variable {name} does not hold 32 bytes in base64, as `openssl rand -base64 32` makes them"
            ))
        })?;
        Ok(Arc::new(key))
    }

    fn google_credentials(&self) -> GoogleCredentials {
        let named = self.environment.read("GOOGLE_APPLICATION_CREDENTIALS");
        let file = self.google.credentials_file.clone();
        if let Some(path) = file.or_else(|| named.map(|path| path.as_str().into())) {
            return GoogleCredentials::File(path);
        }
        let host = self.environment.read("GCE_METADATA_HOST");
        GoogleCredentials::of_machine(host.as_ref().map(|host| host.as_str()))
    }

    fn transit_key(
        &self,
        mount: &str,
        key: &str,
        is_derived: bool,
    ) -> Result<Arc<dyn KeyWrap>, KekError> {
        let transit = self.transit.as_ref();
        let (settings, http) = transit.map_err(|why| KekError::NotConfigured(why.clone()))?;
        Ok(Arc::new(TransitKey {
            settings: settings.clone(),
            http: Arc::clone(http),
            mount: mount.to_owned(),
            key: key.to_owned(),
            is_derived,
        }))
    }
}
