//! The services, built from the configuration: the only place that knows everything.

use std::sync::Arc;

use axum::Router;
use standin::store::Store;

use crate::config::{Config, ConfigError};

/// What `serve` puts on its listeners.
pub struct App {
    /// For browsers and jobs.
    pub public: Router,
    /// For operators.
    pub operator: Router,
}

/// Why the services cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The key file, mostly.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database cannot be opened.
    #[error("the database cannot be opened: {0}")]
    Database(String),
}

/// Opens the database, bringing its tables up to date.
pub async fn open_store(_config: &Config) -> Result<Arc<dyn Store>, AppError> {
    Err(AppError::Database(
        "standin-store has no `open` yet".to_owned(),
    ))
}

/// Builds everything; nothing listens yet.
pub async fn build(config: &Config) -> Result<App, AppError> {
    let _key_file = config.key_file()?;
    let store = open_store(config).await?;
    Ok(App {
        public: Router::new(),
        operator: crate::http::operator::router(store),
    })
}
