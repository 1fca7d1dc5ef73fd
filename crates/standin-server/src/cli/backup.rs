//! `standin backup`: a copy of the database, taken while the service goes on.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use secrecy::ExposeSecret as _;
use serde_json::json;
use standin::time::{Clock as _, SystemClock};
use standin_store::{Backup, BackupError};

use super::output;
use super::source::ConfigFile;
use crate::app;
use crate::config::{Config, Flags};
use crate::doctor::keys::list_file;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to: a directory, in which the copy is named by the time, or the file itself, which must not be there.
    #[arg(long, value_name = "PATH", default_value = ".")]
    to: PathBuf,
    #[command(flatten)]
    config: ConfigFile,
    /// Print what was done as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let config = args.config.load(Flags::default())?;
    let (url, to) = (config.database_url.clone(), target(&args.to));
    let copied =
        tokio::task::spawn_blocking(move || standin_store::backup(url.expose_secret(), &to));
    let backup = match copied.await? {
        Err(BackupError::Server) => bail!(
            "PostgreSQL is copied by its own tools: pg_dump --format=custom --no-owner --file=standin.dump; how, and how to restore it, says docs/backup.md"
        ),
        copied => copied.context("there is no backup")?,
    };
    report(&config, &backup, args.json)
}

/// `standin-20261122T071500Z.db`, in a directory.
fn target(to: &Path) -> PathBuf {
    if !to.is_dir() {
        return to.to_owned();
    }
    let digits = |character: char| !matches!(character, '-' | ':');
    let now = SystemClock.now().to_string();
    let second = now.split(['.', 'Z']).next().unwrap_or_default();
    let time: String = second.chars().filter(|character| digits(*character)).collect();
    to.join(format!("standin-{time}Z.db"))
}

fn report(config: &Config, backup: &Backup, as_json: bool) -> anyhow::Result<()> {
    let journal = app::journal_directory(config);
    if as_json {
        return output::json(&json!({
            "path": backup.path,
            "bytes": backup.bytes,
            "schema": backup.schema,
            "keys_file": list_file(config),
            "journal": journal,
        }));
    }
    output::line(&format!(
        "{}  {} bytes, checked; schema {}",
        backup.path.display(),
        backup.bytes,
        backup.schema
    ))?;
    output::complain(&match list_file(config) {
        Some(keys) => format!(
            "Keep a copy of {} too, and keep it elsewhere: whoever has both has every token, and without the keys this copy opens for nobody.",
            keys.display()
        ),
        None => "Without the key-encryption keys that the configuration names this copy opens for nobody.".to_owned(),
    });
    if let Some(journal) = journal {
        output::complain(&format!(
            "{} belongs to this machine and not to the copy; if it survives, leave it where it is when you restore.",
            journal.display()
        ));
    }
    Ok(())
}
