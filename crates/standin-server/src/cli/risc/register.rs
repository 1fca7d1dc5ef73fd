//! `standin risc register`

use anyhow::Context as _;
use standin::signals::stream::EVENT_TYPES;
use standin::store::{Event, EventKind};
use url::Url;

use super::Manager;
use crate::cli::output;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Where the events go; `/auth/PROVIDER/risc` at the public address when left out.
    #[arg(long)]
    url: Option<Url>,
    #[command(flatten)]
    manager: Manager,
    /// Print the provider's answer as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let (standin, account) = args.manager.open().await?;
    let provider = &args.manager.provider;
    let url = match args.url {
        Some(url) => url,
        None => standin.public_url().join(&format!("/auth/{provider}/risc"))?,
    };
    let stream = standin.signals().register(provider, &account, &url, &EVENT_TYPES).await;
    let stream = stream.context("the stream is not registered")?;
    let event = Event {
        detail: Some(provider.to_string()),
        ..Event::new(EventKind::StreamRegistered, standin.clock().now())
    };
    let written = standin.store().append_events(vec![event]).await;
    written.context("the stream is registered, but that could not be put on record")?;
    if args.json {
        return output::json(&stream);
    }
    output::line(&format!("{provider} sends its security events to {url}"))
}
