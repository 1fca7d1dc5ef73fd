//! `standin keys add`: a new key, on standby.

use std::sync::Arc;

use serde_json::json;
use standin::entropy::SystemEntropy;
use standin::vault::{KekName, KeyFile};

use crate::cli::output;
use crate::cli::source::ConfigFile;
use crate::config::{Config, of_others};
use crate::keys;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// A key-encryption key, into the key file: a new one, or the name of one that is kept elsewhere, such as
    /// `vault:transit/standin`. Without it: a data key, into the database.
    #[arg(long, value_name = "NAME")]
    #[expect(clippy::option_option, reason = "an option with a value that is optional")]
    kek: Option<Option<KekName>>,
    /// A data key for this tenant, in place of one for everybody who has none.
    #[arg(long, value_name = "TENANT", conflicts_with = "kek")]
    tenant: Option<String>,
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON on one line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let (config, store) = super::open(&args.config).await?;
    if let Some(name) = &args.kek {
        let id = kek(&config, name.as_ref()).await?;
        super::record(&*store, format!("key-encryption key {id} added")).await?;
        if args.json {
            return output::json(&json!({ "id": null, "kek": id }));
        }
        return output::line(&format!(
            "key-encryption key {id} is in {}; keep a copy of the file, then: standin keys activate --kek {id}",
            super::file(&config)?.display()
        ));
    }
    let rotation = super::rotation(&config, Arc::clone(&store)).await?;
    let id = match &args.tenant {
        Some(tenant) => rotation.add_for(tenant).await?,
        None => rotation.add().await?,
    };
    super::record(&*store, format!("data key {id} added")).await?;
    if args.json {
        return output::json(&json!({ "id": id, "kek": null }));
    }
    output::line(&format!("data key {id} is on standby; next: standin keys activate {id}"))
}

/// A new key of the file, or one that is kept elsewhere and was tried out.
async fn kek(config: &Config, name: Option<&KekName>) -> anyhow::Result<String> {
    let file = super::file(config)?;
    let Some(name) = name else {
        return Ok(KeyFile::change(file, |keys| Ok(keys.add(&SystemEntropy)))?);
    };
    let tried = KeyFile::naming(name, &[]).reaching(keys::external(&config.keys, of_others())?);
    tried.try_out(name.as_str(), &SystemEntropy).await?;
    KeyFile::change(file, |keys| keys.add_external(name))?;
    Ok(name.to_string())
}
