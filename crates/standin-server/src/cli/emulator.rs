//! `standin emulator`: a Google-compatible provider for the tests of any app.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::json;
use standin_emulator::{Emulator, Seed};

use super::output;
use crate::lifecycle::Signals;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where it listens: a loopback address, since it signs in anybody as anybody.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    listen: SocketAddr,
    /// Users and clients that exist at the start, as TOML; the built-in ones when left out.
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// Say that it is ready as one line of JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let mut builder = Emulator::builder().listen(args.listen);
    if let Some(path) = &args.seed {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        builder = builder.seed(Seed::from_toml(&text)?);
    }
    let emulator = builder.start().await?;
    let mut signals = Signals::new()?;
    say_ready(&emulator, args.json)?;
    signals.next().await;
    emulator.stop().await;
    Ok(())
}

fn say_ready(emulator: &Emulator, as_json: bool) -> anyhow::Result<()> {
    let (origin, id, secret) = (emulator.origin(), emulator.client_id(), emulator.client_secret());
    if as_json {
        return output::json(
            &json!({"emulator": origin, "client_id": id, "client_secret": secret}),
        );
    }
    output::line(&format!(
        "The emulator is ready.\n  issuer         {origin}\n  client id      {id}\n  client secret  {secret}"
    ))
}
