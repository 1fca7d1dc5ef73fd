//! `standin restore`: puts a copy where no database is, and looks whether it opens.
//!
//! A copy that is put there with `cp` works, too, if nothing of another database is beside it; this looks first,
//! lets events be numbered on from above any number that was given since the copy was taken, and notes the time: refresh
//! tokens that were replaced since are known to be lost then, and no provider is suspected of refusing them by mistake.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use secrecy::ExposeSecret as _;
use serde_json::json;
use standin::entropy::SystemEntropy;
use standin::time::{Clock as _, SystemClock};
use standin::vault::KeyRing;
use standin_store::BackupError;

use super::output;
use super::source::ConfigFile;
use crate::config::{Config, Flags};
use crate::{app, keys};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The copy, as `standin backup` made it.
    file: PathBuf,
    /// Sign everybody out: sessions that were ended since the copy was taken live on in it.
    #[arg(long)]
    end_sessions: bool,
    #[command(flatten)]
    config: ConfigFile,
    /// Print what was done as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let config = args.config.load(Flags::default())?;
    keys::read(&config.keys).context("the copy is of no use without its keys; nothing was done")?;
    let url = config.database_url.expose_secret();
    let restored = standin_store::restore(url, &args.file, SystemClock.now(), args.end_sessions);
    let restored = match restored {
        Err(BackupError::Server) => bail!(
            "PostgreSQL is restored by its own tools: pg_restore, into an empty database; docs/backup.md says how"
        ),
        restored => restored.context("nothing was restored")?,
    };
    open(&config).await.with_context(|| {
        format!("{} is there, and not all of it can be used yet", restored.path.display())
    })?;
    if args.json {
        return output::json(&json!({ "path": restored.path, "bytes": restored.bytes }));
    }
    output::line(&format!(
        "{} is there, and its keys open. Before you start the service, see in docs/backup.md what is as it was then.",
        restored.path.display()
    ))
}

/// Brings the tables up to date, and opens every data key.
async fn open(config: &Config) -> anyhow::Result<()> {
    let (list, store) = (keys::read(&config.keys)?, app::open_store(config).await?);
    if !store.data_keys().await?.is_empty() {
        let ring = KeyRing::load(&list, &*store, &SystemClock, &SystemEntropy).await.context(
            "its data keys do not open: put the key file of that time back at [keys] file",
        )?;
        if let Some(left_out) = keys::left_out(&ring) {
            bail!("not all of its data keys open: {left_out}");
        }
    }
    Ok(())
}
