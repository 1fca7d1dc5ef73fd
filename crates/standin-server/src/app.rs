//! The services, built from the configuration: the only place that knows everything.

use std::sync::Arc;

use axum::Router;
use secrecy::ExposeSecret as _;
use standin::Standin;
use standin::http::ReqwestClient;
use standin::provider::{ProviderConfig, Registration, Transport};
use standin::session::SessionSettings;
use standin::store::Store;
use standin::time::{Clock, SystemClock};
use standin::vault::VaultError;

use crate::config::{self, Config, ConfigError};

/// What `serve` puts on its listeners.
pub struct App {
    /// For browsers and jobs.
    pub public: Router,
    /// For operators.
    pub operator: Router,
    /// The services behind both; their upkeep runs as long as the listeners do.
    pub standin: Standin,
}

/// Why the services cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The key file, mostly.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database cannot be opened.
    #[error("the database cannot be opened: {0}")]
    Database(#[from] standin_store::OpenError),
    /// There is nothing to ask providers with.
    #[error("the HTTP client cannot be set up: {0}")]
    Http(String),
    /// The vault's keys are not those of the key file.
    #[error("the vault cannot be opened: {0}")]
    Vault(#[from] VaultError),
}

/// Opens the database, bringing its tables up to date.
pub async fn open_store(config: &Config) -> Result<Arc<dyn Store>, AppError> {
    Ok(standin_store::open(config.database_url.expose_secret()).await?)
}

/// Builds the routers and what is behind them; nothing listens yet.
pub async fn build(config: &Config) -> Result<App, AppError> {
    let store = open_store(config).await?;
    let standin = standin(config, Arc::clone(&store), SystemClock).await?;
    Ok(app(standin, store))
}

/// The routers over services that were built already.
#[must_use]
pub fn app(standin: Standin, store: Arc<dyn Store>) -> App {
    App {
        public: standin_axum::router(standin.clone()),
        operator: crate::http::operator::router(store),
        standin,
    }
}

/// The services over an open store.
pub async fn standin(
    config: &Config,
    store: Arc<dyn Store>,
    clock: impl Clock,
) -> Result<Standin, AppError> {
    let key_file = config.key_file()?;
    let http = ReqwestClient::new(config.address_policy())
        .map_err(|error| AppError::Http(error.to_string()))?;
    let settings = SessionSettings { idle: config.session.idle, absolute: config.session.absolute };
    let builder = Standin::builder(config.public_url.clone(), store, http)
        .clock(clock)
        .session(settings)
        .sign_up(config.sign_up)
        .receipts(config.attempts);
    let builder = config.providers.iter().fold(builder, |builder, provider| {
        let own = builder.provider(provider_config(provider, config.is_development()));
        provider.clients.iter().fold(own, |builder, client| {
            builder.client(provider.id.clone(), client.usage, registration_of(provider, client))
        })
    });
    Ok(builder.build(&key_file).await?)
}

/// Another client of the same provider proves itself in the same way.
fn registration_of(provider: &config::Provider, client: &config::Client) -> Registration {
    Registration {
        client_id: client.registration.client_id.clone(),
        client_secret: client.registration.client_secret.clone(),
        authentication: provider.client_authentication,
    }
}

fn provider_config(provider: &config::Provider, is_development: bool) -> ProviderConfig {
    ProviderConfig {
        id: provider.id.clone(),
        kind: provider.kind.clone(),
        issuer: provider.issuer.clone(),
        registration: Registration {
            client_id: provider.client_id.clone(),
            client_secret: provider.client_secret.clone(),
            authentication: provider.client_authentication,
        },
        scopes: provider.scopes.clone(),
        extra_scopes: provider.extra_scopes.clone(),
        browser_scopes: provider.browser_scopes.clone(),
        hosted_domains: provider.hosted_domains.clone(),
        allow: provider.allow.clone(),
        allow_credential_without_nonce: provider.allow_credential_without_nonce,
        answer: provider.answer,
        authentication: provider.authentication.clone(),
        transport: if is_development { Transport::LoopbackHttpAllowed } else { Transport::Https },
    }
}
