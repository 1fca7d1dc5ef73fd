//! `standin clients add`: a new client. Its key is shown now and never again: only its hash is kept.

use serde_json::json;
use standin::entropy::{SystemEntropy, random_token};
use standin::id::ClientId;
use standin::secret::ClientKey;
use standin::store::ClientRow;
use standin::time::{Clock as _, SystemClock};
use standin::vend::{Policy, Rule};

use crate::cli::output;
use crate::cli::source::ConfigFile;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// A name for people, such as `nightly-backup`.
    name: String,
    /// What it may ask for: tokens (`*`, `PROVIDER` or `PROVIDER:SCOPE`), `users.read`, `users.delete`,
    /// `grants.read` or `grants.revoke`; may be given more than once.
    #[arg(long, value_name = "RULE")]
    allow: Vec<Rule>,
    #[command(flatten)]
    config: ConfigFile,
    /// Print the client and its key as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let store = args.config.open_store().await?;
    let key = ClientKey::new(format!("sk_{}", random_token(&SystemEntropy)));
    let client = ClientRow {
        id: ClientId::new(&SystemClock, &SystemEntropy),
        name: args.name,
        key_sha256: key.sha256(),
        policy: policy(args.allow),
        created_at: SystemClock.now(),
    };
    store.add_client(client.clone()).await?;
    if args.json {
        return output::json(&json!({
            "id": client.id, "name": client.name, "allow": client.policy, "key": key.expose(),
        }));
    }
    output::line(&format!("{}  {}", client.id, client.name))?;
    output::line(key.expose())?;
    output::complain("Keep the key: it is not shown again.");
    Ok(())
}

fn policy(rules: Vec<Rule>) -> Policy {
    if !rules.is_empty() {
        return Policy(rules);
    }
    output::complain(
        "WARNING: without --allow this client may get a token of EVERY user, at every provider, with \
         every scope they granted. Narrow it with --allow PROVIDER:SCOPE.",
    );
    Policy::everything()
}
