//! The services, built from the configuration: the only place that knows everything.

use std::path::{Path, PathBuf};
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
use standin_store::journal::FileJournal;

use crate::config::{self, Config, ConfigError};
use crate::keys;

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
    /// The journal of rotated tokens.
    #[error(
        "the journal of rotated refresh tokens in {} cannot be opened: {source}; it may hold what no database has, so make it readable for the service, or name another directory in [refresh] journal",
        directory.display()
    )]
    Journal {
        /// Where it was looked for.
        directory: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The vault's keys are not those of the key file.
    #[error("the vault cannot be opened: {0}")]
    Vault(#[from] VaultError),
}

/// What to do where migrations are missing.
pub(crate) const MIGRATE: &str = "stop the processes of the release before, if there are any, since they can read the tables no more \
    once it is done; take a backup; then run `standin migrate`, or start `standin serve`, which does it";

/// Opens the database, bringing its tables up to date.
pub async fn open_store(config: &Config) -> Result<Arc<dyn Store>, AppError> {
    Ok(standin_store::open(config.database_url.expose_secret()).await?)
}

/// Opens the database for a command that stands beside the service, which alone brings tables up to date.
pub async fn open_store_beside(config: &Config) -> Result<Arc<dyn Store>, AppError> {
    Ok(standin_store::open_beside(config.database_url.expose_secret()).await?)
}

/// Builds the routers and what is behind them; nothing listens yet.
pub async fn build(config: &Config) -> Result<App, AppError> {
    // Without its keys the database is not even opened.
    let keys = keys::read(&config.keys)?;
    let store = open_store(config).await?;
    let builder = builder(config, store, SystemClock)?;
    let builder = match journal_directory(config) {
        Some(directory) => builder.journal(open_journal(&directory)?),
        None => builder,
    };
    Ok(app(builder.build(&keys).await?))
}

/// Where it was said to be, or beside the file of the database.
pub(crate) fn journal_directory(config: &Config) -> Option<PathBuf> {
    let beside = || standin_store::journal::beside(config.database_url.expose_secret());
    config.journal.clone().or_else(beside)
}

fn open_journal(directory: &Path) -> Result<FileJournal, AppError> {
    FileJournal::open(directory, Arc::new(SystemClock))
        .map_err(|source| AppError::Journal { directory: directory.to_owned(), source })
}

/// The routers over services that were built already.
#[must_use]
pub fn app(standin: Standin) -> App {
    crate::metrics::install();
    App {
        public: standin_axum::router(standin.clone()),
        operator: crate::http::operator::router(standin.clone()),
        standin,
    }
}

/// The services over an open store.
pub async fn standin(
    config: &Config,
    store: Arc<dyn Store>,
    clock: impl Clock,
) -> Result<Standin, AppError> {
    Ok(builder(config, store, clock)?.build(&keys::read(&config.keys)?).await?)
}

fn builder(
    config: &Config,
    store: Arc<dyn Store>,
    clock: impl Clock,
) -> Result<standin::Builder, AppError> {
    let http = ReqwestClient::new(config.address_policy())
        .map_err(|error| AppError::Http(error.to_string()))?;
    let settings = SessionSettings { idle: config.session.idle, absolute: config.session.absolute };
    let builder = Standin::builder(config.public_url.clone(), store, http)
        .clock(clock)
        .session(settings)
        .sign_up(config.sign_up)
        .keep_alive(config.keep_alive)
        .tenants(config.keys.tenants)
        .live_token_bytes(u64::from(config.memory_mib) << 20)
        .receipts(config.attempts);
    Ok(config.providers.iter().fold(builder, |builder, provider| {
        let own = builder.provider(provider_config(provider, config.is_development()));
        provider.clients.iter().fold(own, |builder, client| {
            builder.client(provider.id.clone(), client.usage, registration_of(provider, client))
        })
    }))
}

/// Another client of the same provider proves itself in the same way.
fn registration_of(provider: &config::Provider, client: &config::Client) -> Registration {
    Registration {
        client_id: client.registration.client_id.clone(),
        client_secret: client.registration.client_secret.clone(),
        authentication: provider.client_authentication,
    }
}

pub(crate) fn provider_config(provider: &config::Provider, is_development: bool) -> ProviderConfig {
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
        max_refreshes_per_second: provider.max_refreshes_per_second,
        transport: if is_development { Transport::LoopbackHttpAllowed } else { Transport::Https },
    }
}
