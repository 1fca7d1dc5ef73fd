//! `standin keys …`: changing the vault's keys while the service runs.
//!
//! Two kinds: data keys, which seal tokens and have numbers, live in the database; key-encryption keys,
//! which wrap data keys and have names (`k1`, `vault:transit/standin`), live in the key file or are named there.
//! `--kek` says that the latter are meant.

mod activate;
mod add;
mod list;
mod remove;
mod retire;
mod rewrap;
mod shred;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use standin::entropy::SystemEntropy;
use standin::store::{Event, EventKind, Store};
use standin::time::{Clock as _, SystemClock};
use standin::vault::{Rotation, RotationError};

use super::output;
use super::source::ConfigFile;
use crate::config::{Config, Flags};
use crate::{app, keys};

/// The commands.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print the keys, and how many rows need each.
    List(list::Args),
    /// Add a key, which is used for nothing until it is activated.
    Add(add::Args),
    /// Make a key the one that is used from now on.
    Activate(activate::Args),
    /// Seal again whatever other keys than the active ones have sealed. It can be stopped and started again.
    Rewrap(rewrap::Args),
    /// Bar a data key that no row needs from being used.
    Retire(retire::Args),
    /// Destroy a retired data key, or take a key-encryption key that wraps nothing out of the key file.
    Remove(remove::Args),
    /// Destroy the data keys of a tenant, and take back every grant that they sealed. It cannot be undone.
    Shred(shred::Args),
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(args) => list::run(args).await,
        Command::Add(args) => add::run(args).await,
        Command::Activate(args) => activate::run(args).await,
        Command::Rewrap(args) => rewrap::run(args).await,
        Command::Retire(args) => retire::run(args).await,
        Command::Remove(args) => remove::run(args).await,
        Command::Shred(args) => shred::run(args).await,
    }
}

/// Which key is meant: one of the two.
#[derive(Debug, clap::Args)]
struct Which {
    /// Which data key.
    #[arg(value_name = "ID", required_unless_present = "kek")]
    id: Option<u32>,
    /// A key-encryption key of the key file instead, by its name.
    #[arg(long, value_name = "NAME", conflicts_with = "id")]
    kek: Option<String>,
}

impl Which {
    /// Which of the two, and as people call it.
    fn named(&self) -> String {
        let kind = if self.kek.is_some() { "key-encryption key" } else { "data key" };
        format!("{kind} {}", self.name())
    }

    /// As people call it.
    fn name(&self) -> String {
        let id = || self.id.map(|id| id.to_string());
        self.kek.clone().or_else(id).unwrap_or_default()
    }
}

/// The configuration and the database of a command.
async fn open(file: &ConfigFile) -> anyhow::Result<(Config, Arc<dyn Store>)> {
    let config = file.load(Flags::default())?;
    let store = app::open_store_beside(&config).await?;
    Ok((config, store))
}

/// The key file, which commands may change.
fn file(config: &Config) -> anyhow::Result<&Path> {
    config.keys.file().context(
        "the key-encryption keys are named in the configuration (keys.kek): change them there and start the service \
         anew, or name them in a key file (keys.file), which can be changed while it runs",
    )
}

/// What changes data keys.
async fn rotation(config: &Config, store: Arc<dyn Store>) -> anyhow::Result<Rotation> {
    let keys = keys::read(&config.keys)?;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    Rotation::open(&keys, store, clock, entropy).await.context("the vault cannot be opened")
}

/// Puts on record what was done to a key, which stays done if that fails.
async fn record(store: &dyn Store, what: String) -> anyhow::Result<()> {
    let event =
        Event { detail: Some(what), ..Event::new(EventKind::KeysChanged, SystemClock.now()) };
    let written = store.append_events(vec![event]).await;
    written.context("it is done, but it could not be put on record")
}

/// Waits out the seconds in which a service that runs may not know of the last change yet.
async fn once_settled<F>(change: impl Fn() -> F) -> Result<(), RotationError>
where
    F: Future<Output = Result<(), RotationError>>,
{
    loop {
        match change().await {
            Err(RotationError::Unsettled { wait, .. }) => {
                output::complain("Waiting until every running service knows of the last change.");
                tokio::time::sleep(wait).await;
            }
            changed => return changed,
        }
    }
}
