//! `standin cache clear`: every running process reads the rows again.
//!
//! Whatever Standin changes, its processes hear of by themselves. Of a row that was changed by hand, or of a database
//! that was restored under them, they do not.

use anyhow::ensure;
use serde_json::json;
use standin::store::Epoch;
use standin::verify::ProviderId;

use crate::cli::output;
use crate::cli::source::ConfigFile;
use crate::config::Flags;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Only the tokens of this provider.
    #[arg(long)]
    provider: Option<ProviderId>,
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON on one line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let config = args.config.load(Flags::default())?;
    if let Some(provider) = &args.provider {
        let is_known = config.providers.iter().any(|known| known.id == *provider);
        ensure!(
            is_known,
            "there is no provider `{provider}` in the configuration; nothing was cleared"
        );
    }
    let standin = args.config.services_of(&config).await?;
    let of = args.provider.as_ref().map_or_else(String::new, |provider| format!(" of {provider}"));
    let epoch = args.provider.map_or(Epoch::Everything, Epoch::Provider);
    standin.store().begin_epoch(&epoch).await?;
    let everywhere = standin.is_heard_everywhere().await;
    if args.json {
        return output::json(&json!({ "cleared": epoch.to_string(), "everywhere": everywhere }));
    }
    output::line(&if everywhere {
        format!("every running process reads the rows{of} again")
    } else {
        format!(
            "not every running process has said within five seconds that it reads the rows{of} again; each does within two, or vends nothing from memory"
        )
    })
}
