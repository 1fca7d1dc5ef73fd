//! `standin login`: a developer's own grant, into the configured database, without a running service.
//!
//! ```text
//! loopback: browser of this machine ─▶ provider ─▶ http://127.0.0.1:{port} ─┐
//! device:   code typed elsewhere ─▶ provider ─▶ asked until answered ─▶ yes?┴▶ grant ─▶ what to try next
//! ```

mod browser;
mod device;
mod loopback;
mod page;

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::json;
use standin::id::UserId;
use standin::provider::Scopes;
use standin::signin::Completed;
use standin::verify::ProviderId;
use standin::{Error, Standin};

use super::output;
use super::source::ConfigFile;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// At which provider.
    #[arg(long, default_value = "google")]
    provider: ProviderId,
    /// A scope beyond those of every sign-in; can be repeated.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Do not open a browser: print the address only.
    #[arg(long)]
    no_browser: bool,
    /// The port of this machine at which the browser comes back; a free one when left out.
    #[arg(long, default_value_t = 0, conflicts_with = "device")]
    port: u16,
    /// For a machine without a browser: type a code on another one.
    #[arg(long)]
    device: bool,
    /// With `--device`, keep what this account gives without asking: its address, or its subject.
    #[arg(long, value_name = "ACCOUNT", requires = "device")]
    account: Option<String>,
    /// Give up after so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    #[command(flatten)]
    config: ConfigFile,
    /// Print JSON, one object to a line: first what to open, in the end what was given.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let scopes = Scopes::try_from(args.scopes.clone()).context("--scope")?;
    let standin = args.config.open_services().await?;
    let patience = Duration::from_secs(args.timeout);
    let answered = async {
        if args.device {
            device::answered(&standin, &args, &scopes).await
        } else {
            loopback::answered(&standin, &args, &scopes).await
        }
    };
    let completed = tokio::time::timeout(patience, answered).await;
    let Ok(completed) = completed else {
        bail!("nobody answered within {} seconds; nothing was kept; start again", args.timeout);
    };
    let user = completed?.user.context("the provider's answer names nobody")?;
    tell(&standin, &args, user).await
}

/// What was given, and what to do with it.
async fn tell(standin: &Standin, args: &Args, user: UserId) -> anyhow::Result<()> {
    let store = standin.store();
    let who = store.user(user).await?.context("the user is gone already")?;
    let grant = store.grant_at(user, &args.provider).await?.context("the grant is gone already")?;
    let next = format!("standin token {user} --provider {} --client-key-file FILE", args.provider);
    let missing = grant.missing_scopes();
    if args.json {
        return output::json(&json!({
            "user": user, "email": who.profile.email, "provider": args.provider, "grant": grant.id,
            "scopes": grant.scopes, "missing_scopes": missing, "offline": grant.is_offline(),
            "next": next,
        }));
    }
    let email = who.profile.email.as_deref().unwrap_or("somebody without an address");
    output::line(&format!("{user}  {email}"))?;
    output::line(&format!("granted  {}", grant.scopes))?;
    if !missing.is_empty() {
        output::line(&format!("kept back  {missing}"))?;
    }
    if !grant.is_offline() {
        output::line("no offline access: the provider gave no refresh token")?;
    }
    output::complain(&format!(
        "A job gets a token while `standin serve` runs. Make it a key once with\n  \
         standin clients add NAME --allow {}\nand then\n  {next}",
        args.provider
    ));
    Ok(())
}

/// A failure in words for whoever sits here, with what they can do.
fn failed(error: &Error) -> anyhow::Error {
    anyhow::anyhow!("{error} ({})", error.code())
}

/// The user was signed in, or why not.
fn outcome(result: Result<Completed, standin::signin::Failed>) -> anyhow::Result<Completed> {
    result.map_err(|failure| failed(&failure.error))
}
