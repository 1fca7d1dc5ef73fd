//! `standin demo`: everything at once, with a provider of its own.

use std::net::SocketAddr;
use std::path::PathBuf;

/// The arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the demo's page is.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where the emulated Google is.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    pub emulator_listen: SocketAddr,
    /// Where operators and probes are answered.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    pub operator_listen: SocketAddr,
    /// Where the demo keeps its data from one run to the next.
    #[arg(long, value_name = "DIR", default_value = "./standin-demo")]
    pub data: PathBuf,
    /// Say that it is ready as one line of JSON.
    #[arg(long)]
    pub json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    crate::demo::run(args).await
}
