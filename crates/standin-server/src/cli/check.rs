//! `standin check`: whether the service could start, part by part. It changes no row: whether the database takes
//! writes a server is asked, and of a file it is found out by one that says nothing.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use standin::entropy::SystemEntropy;
use standin::http::{AddressPolicy, CONNECT_TIMEOUT};
use standin::store::Store;
use standin::time::SystemClock;
use standin::vault::{KeyFile, KeyRing};
use tokio::net::lookup_host;
use tokio::time::timeout;
use url::{Host, Url};

use super::output;
use super::source::ConfigFile;
use crate::config::{Config, Flags, KeyList, Keys};
use crate::{app, keys};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigFile,
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    ok: bool,
    detail: String,
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let findings = look(&args.config).await;
    if args.json {
        output::json(&findings)?;
    } else {
        for finding in &findings {
            let verdict = if finding.ok { "ok    " } else { "failed" };
            output::line(&format!("{verdict}  {:<13}  {}", finding.check, finding.detail))?;
        }
    }
    let all_ok = findings.iter().all(|finding| finding.ok);
    Ok(if all_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn look(file: &ConfigFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let path = file.path().display().to_string();
    let Some(config) = note(&mut findings, "configuration", file.load(Flags::default()), path)
    else {
        return findings;
    };
    findings.extend(providers(&config).await);
    let keys = note(&mut findings, "key file", keys::read(&config.keys), listed(&config.keys));
    if let Some(keys) = &keys {
        let tried = keys.try_out(keys.active(), &SystemEntropy).await;
        note(&mut findings, "active KEK", tried, format!("{} wraps and unwraps", keys.active()));
    }
    let store = note(&mut findings, "database", database(&config).await, "answers");
    if let (Some(keys), Some(store)) = (keys, store) {
        let vault = vault(&keys, &*store).await;
        note(&mut findings, "vault", vault, "opens with these keys");
    }
    findings
}

fn listed(keys: &Keys) -> String {
    match &keys.list {
        KeyList::File(path) => path.display().to_string(),
        KeyList::Named(first, _) => format!("none; the configuration names {first}"),
    }
}

/// Notes how it went, and gives on what came of it.
fn note<T, E: Into<anyhow::Error>>(
    findings: &mut Vec<Finding>,
    check: &'static str,
    result: Result<T, E>,
    detail: impl Into<String>,
) -> Option<T> {
    let (value, detail) = match result {
        Ok(value) => (Some(value), detail.into()),
        Err(error) => (None, format!("{:#}", error.into())),
    };
    findings.push(Finding { check, ok: value.is_some(), detail });
    value
}

/// Where the name of each issuer leads, judged as a request to it will be (requirement HH-7). The addresses that
/// its discovery document names are judged when they are asked: reading it would be a request already.
async fn providers(config: &Config) -> Vec<Finding> {
    let policy = config.address_policy();
    let mut findings = Vec::new();
    for provider in &config.providers {
        let led = lead(&provider.issuer, &policy).await;
        let ok = led.is_ok();
        let words = led.unwrap_or_else(|error| format!("{error:#}"));
        let detail = format!("{}: {words}", provider.id);
        findings.push(Finding { check: "provider", ok, detail });
    }
    findings
}

async fn lead(issuer: &str, policy: &AddressPolicy) -> anyhow::Result<String> {
    let url = Url::parse(issuer)?;
    let Some(Host::Domain(name)) = url.host() else {
        // An address was judged with the configuration.
        return Ok(issuer.to_owned());
    };
    let port = url.port_or_known_default().unwrap_or(443);
    let Ok(Ok(found)) = timeout(CONNECT_TIMEOUT, lookup_host((name, port))).await else {
        // The service can start without: the network of this machine may come later.
        return Ok(format!("{name} has no address at the moment; nobody can sign in there"));
    };
    let allowed = policy.keep_allowed(found).with_context(|| name.to_owned())?;
    let addresses: Vec<_> = allowed.iter().map(|address| address.ip().to_string()).collect();
    Ok(format!("its issuer {name} is at {}", addresses.join(", ")))
}

async fn database(config: &Config) -> anyhow::Result<Arc<dyn Store>> {
    let pending = standin_store::pending_migrations(config.database_url.expose_secret()).await?;
    ensure!(
        pending.is_empty(),
        "its tables are not up to date ({}): {}",
        pending.join(", "),
        app::MIGRATE
    );
    let store = app::open_store_beside(config).await?;
    store.ping().await?;
    Ok(store)
}

/// An empty vault opens with any key file; loading the ring would make its first key, which is for
/// `serve` to do.
async fn vault(keys: &KeyFile, store: &dyn Store) -> anyhow::Result<()> {
    if !store.data_keys().await?.is_empty() {
        let ring = KeyRing::load(keys, store, &SystemClock, &SystemEntropy).await?;
        if let Some(left_out) = keys::left_out(&ring) {
            bail!("not all data keys open: {left_out}");
        }
    }
    Ok(())
}
