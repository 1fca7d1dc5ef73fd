//! `standin grants revoke`: takes a grant back, at the provider too.

use anyhow::Context as _;
use serde_json::json;
use standin::Revoked;
use standin::id::GrantId;

use crate::cli::output;
use crate::cli::source::ConfigFile;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Which: `grt_…`.
    id: GrantId,
    /// Wait until every running process has said that it vends nothing of it any more; up to five seconds. Without
    /// this they stop within two.
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON on one line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let standin = args.config.open_services().await?;
    let grant = standin.store().grant(args.id).await?;
    let grant = grant.with_context(|| format!("there is no grant {}", args.id))?;
    let revoked = standin.revocations().take_back(grant).await?;
    let everywhere = if args.strict { Some(standin.is_heard_everywhere().await) } else { None };
    if args.json {
        let mut told = json!({ "id": args.id, "revoked": revoked.word() });
        if let Some(everywhere) = everywhere {
            told["everywhere"] = everywhere.into();
        }
        return output::json(&told);
    }
    output::line(&format!("{} is revoked: {}{}", args.id, sentence(revoked), heard(everywhere)))
}

const fn sentence(revoked: Revoked) -> &'static str {
    match revoked {
        Revoked::Confirmed => "the provider has confirmed it",
        Revoked::NotOffered => {
            "the tokens are wiped here; the provider has no way to be told, so the user may remove the application in their account there"
        }
        Revoked::Untold => {
            "its token did not open and is wiped; the provider could not be told, so the user may take it back there"
        }
        Revoked::Queued => "the provider cannot be reached; the service asks again",
    }
}

const fn heard(everywhere: Option<bool>) -> &'static str {
    match everywhere {
        None => "",
        Some(true) => "; every running process has heard of it",
        Some(false) => {
            "; not every running process has said within five seconds that it has heard of it: one that cannot reach the database vends nothing from memory"
        }
    }
}
