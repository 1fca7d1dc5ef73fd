//! Where the configuration is: the argument that most commands share.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use standin::Standin;
use standin::store::Store;
use standin::time::SystemClock;

use crate::app;
use crate::config::{self, Config, Flags, Source};

/// `--config`
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ConfigFile {
    /// The configuration file; `standin.toml` in this directory, if it is there. `STANDIN__…` variables
    /// win over it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    pub(super) fn load(&self, flags: Flags) -> anyhow::Result<Config> {
        let source = Source {
            path: self.path(),
            must_exist: self.config.is_some(),
            variables: config::of_process(),
            flags,
        };
        Config::load(&source).context("the configuration cannot be used")
    }

    /// The database alone, for commands that work on rows.
    pub(super) async fn open_store(&self) -> anyhow::Result<Arc<dyn Store>> {
        let config = self.load(Flags::default())?;
        Ok(app::open_store_beside(&config).await?)
    }

    /// The whole service, for commands that ask providers: without its listeners, and without the journal, which is a
    /// matter of the process that refreshes.
    pub(super) async fn open_services(&self) -> anyhow::Result<Standin> {
        self.services_of(&self.load(Flags::default())?).await
    }

    pub(super) async fn services_of(&self, config: &Config) -> anyhow::Result<Standin> {
        let store = app::open_store_beside(config).await?;
        let standin = app::standin(config, store, SystemClock).await;
        standin.context("the service cannot be built")
    }

    pub(super) fn path(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| PathBuf::from("standin.toml"))
    }
}
