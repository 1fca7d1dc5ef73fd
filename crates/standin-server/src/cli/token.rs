//! `standin token`: an access token of a user, from a running service, for scripts.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Value, json};
use standin::http::{AddressPolicy, HttpClient as _, Request, ReqwestClient};
use standin::provider::Scopes;
use standin::secret::ClientKey;
use standin::verify::ProviderId;
use url::Url;

use super::output;

/// A token and a few words around it.
const LARGEST_ANSWER: usize = 64 * 1024;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Whose: `usr_…` or `PROVIDER:SUBJECT`.
    user: String,
    /// At which provider.
    #[arg(long, default_value = "google")]
    provider: ProviderId,
    /// With these scopes, separated by spaces; all that were granted when left out.
    #[arg(long, value_name = "SCOPES", value_parser = Scopes::parse)]
    scopes: Option<Scopes>,
    /// A token that lives at least this many seconds more.
    #[arg(long, value_name = "SECONDS")]
    min_ttl: Option<u64>,
    /// A file with the client's key in it. There is no argument for the key itself: command lines can be
    /// read by every process of the machine.
    #[arg(long, value_name = "FILE")]
    client_key_file: PathBuf,
    /// Where the service is.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: Url,
    /// Print the whole answer as JSON instead of the token alone.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let response = ReqwestClient::new(AddressPolicy::everywhere())?
        .send(request(&args)?)
        .await
        .with_context(|| format!("no answer from {}", args.server))?;
    let body: Value = serde_json::from_slice(&response.body)
        .with_context(|| format!("{} answers {} without JSON", args.server, response.status))?;
    if !response.status.is_success() {
        let text = |key: &str| body[key].as_str().unwrap_or("?").to_owned();
        bail!("{} ({}): {}", text("code"), response.status.as_u16(), text("detail"));
    }
    if args.json {
        return output::json(&body);
    }
    output::line(body["access_token"].as_str().context("the answer holds no token")?)
}

fn request(args: &Args) -> anyhow::Result<Request> {
    let mut body = json!({});
    if let Some(scopes) = &args.scopes {
        body["scopes"] = scopes.iter().collect();
    }
    if let Some(seconds) = args.min_ttl {
        body["min_ttl"] = seconds.into();
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, bearer(args)?);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(Request {
        method: Method::POST,
        url: endpoint(args)?,
        headers,
        body: body.to_string().into(),
        max_response_bytes: LARGEST_ANSWER,
    })
}

fn bearer(args: &Args) -> anyhow::Result<HeaderValue> {
    let path = &args.client_key_file;
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let key = ClientKey::new(text.trim());
    let mut value = HeaderValue::try_from(format!("Bearer {}", key.expose()))
        .map_err(|_| anyhow!("{} does not hold a client's key", path.display()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn endpoint(args: &Args) -> anyhow::Result<Url> {
    let mut url = args.server.clone();
    url.path_segments_mut()
        .map_err(|()| anyhow!("{} is no http address", args.server))?
        .pop_if_empty()
        .extend(["v1", "users", &args.user, "grants", args.provider.as_str(), "token"]);
    Ok(url)
}
