//! `standin risc …`: the stream of security events that a provider sends to this service.

mod register;
mod status;
mod verify;

use std::path::PathBuf;

use anyhow::Context as _;
use standin::Standin;
use standin::signals::stream::ServiceAccount;
use standin::verify::ProviderId;

use crate::cli::source::ConfigFile;

/// The commands.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Tell the provider to send its security events to this service.
    Register(register::Args),
    /// Whether the provider sends them.
    Status(status::Args),
    /// Ask for a trial event, which the service writes among its events.
    Verify(verify::Args),
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Register(args) => register::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Verify(args) => verify::run(args).await,
    }
}

/// Whose stream, and who may manage it.
#[derive(Debug, clap::Args)]
struct Manager {
    /// Which provider.
    #[arg(long, default_value = "google")]
    provider: ProviderId,
    /// The JSON key file of a service account of the same project, with the role RISC Configuration Admin.
    /// It is used now and not kept.
    #[arg(long, value_name = "FILE")]
    service_account: PathBuf,
    #[command(flatten)]
    config: ConfigFile,
}

impl Manager {
    async fn open(&self) -> anyhow::Result<(Standin, ServiceAccount)> {
        let path = &self.service_account;
        let text =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let account = ServiceAccount::parse(&text)
            .with_context(|| format!("{} cannot be used", path.display()))?;
        Ok((self.config.open_services().await?, account))
    }
}
