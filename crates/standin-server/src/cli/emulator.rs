//! `standin emulator`: a Google-compatible provider for the tests of any app.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;
use standin_emulator::{Client, Emulator, Seed};

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
    /// One more client: a `client_secret_….json` of the cloud console, read as it is. The first one
    /// given is the client whose id and secret are printed.
    #[arg(long, value_name = "FILE")]
    client_file: Vec<PathBuf>,
    /// Its name for itself and for backends, such as `http://emulator:9090` in a container; what it
    /// listens on when left out.
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
    /// Where browsers reach it, such as `http://localhost:9090`; the same as for backends when left
    /// out.
    #[arg(long, value_name = "ORIGIN")]
    browser_origin: Option<String>,
    /// Lets it listen where other machines can reach it: in a container, or a closed network.
    #[arg(long)]
    allow_beyond_loopback: bool,
    /// Say that it is ready as one line of JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let mut builder = Emulator::builder().listen(args.listen).seed(seed(&args)?);
    if args.allow_beyond_loopback {
        builder = builder.allow_beyond_loopback();
    }
    if let Some(origin) = args.origin {
        builder = builder.origin(origin);
    }
    if let Some(origin) = args.browser_origin {
        builder = builder.browser_origin(origin);
    }
    let emulator = builder.start().await?;
    let mut signals = Signals::new()?;
    say_ready(&emulator, args.json)?;
    signals.next().await;
    emulator.stop().await;
    Ok(())
}

fn seed(args: &Args) -> anyhow::Result<Seed> {
    let mut seed = match &args.seed {
        Some(path) => Seed::from_toml(&read(path)?)
            .with_context(|| format!("cannot use {}", path.display()))?,
        None => Seed::default(),
    };
    let clients = args.client_file.iter().map(|path| {
        Client::from_file(&read(path)?).with_context(|| format!("cannot use {}", path.display()))
    });
    seed.clients.splice(0..0, clients.collect::<anyhow::Result<Vec<_>>>()?);
    Ok(seed)
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn say_ready(emulator: &Emulator, as_json: bool) -> anyhow::Result<()> {
    let (origin, id, secret) = (emulator.origin(), emulator.client_id(), emulator.client_secret());
    // With `--origin` and port 0 nothing else tells where it is.
    let listen = emulator.address().to_string();
    if as_json {
        return output::json(
            &json!({"emulator": origin, "listen": listen, "client_id": id, "client_secret": secret}),
        );
    }
    output::line(&format!(
        "The emulator is ready.\n  issuer         {origin}\n  listens on     {listen}\n  client id      {id}\n  client secret  {secret}"
    ))
}
