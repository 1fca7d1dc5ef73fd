//! The browser of this machine comes back to a port of this process (RFC 8252 §7.3), and one answer counts.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use serde_json::json;
use standin::provider::Scopes;
use standin::signin::{Completed, Failed, InstalledAttempt, UnverifiedCallback};
use standin::{Error, Refusal, Standin};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{Args, browser, failed, outcome, page};
use crate::cli::output;
use crate::http::client_ip::TrustedProxies;
use crate::http::headers::SecurityHeaders;
use crate::http::host::AllowedHosts;
use crate::http::{Shell, Shelled};
use crate::net::{self, Limits};

/// What waits for the browser.
#[derive(Clone)]
struct Waiting {
    standin: Standin,
    /// Taken by the answer that is its own.
    attempt: Arc<Mutex<Option<InstalledAttempt>>>,
    outcome: mpsc::Sender<Result<Completed, Failed>>,
}

pub(super) async fn answered(
    standin: &Standin,
    args: &Args,
    scopes: &Scopes,
) -> anyhow::Result<Completed> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await.with_context(|| {
            format!(
                "cannot listen on 127.0.0.1:{}; leave out --port for a port that is free",
                args.port
            )
        })?;
    let address = listener.local_addr()?;
    let redirect_uri = Url::parse(&format!("http://{address}/callback"))?;
    let attempt = standin.signin().begin_installed(&args.provider, scopes, &redirect_uri).await;
    let attempt = attempt.map_err(|error| failed(&error))?;
    say(args, &attempt.location)?;
    let (outcome_of, mut outcomes) = mpsc::channel(1);
    let waiting = Waiting {
        standin: standin.clone(),
        attempt: Arc::new(Mutex::new(Some(attempt))),
        outcome: outcome_of,
    };
    let stop = CancellationToken::new();
    let server = net::serve(listener, router(waiting, address), stop.clone());
    let mut server = std::pin::pin!(server);
    let result = tokio::select! {
        result = outcomes.recv() => result.context("nobody waits for an answer any more")?,
        () = server.as_mut() => anyhow::bail!("the port was closed"),
    };
    stop.cancel();
    // The browser gets its page before this process ends.
    server.await;
    outcome(result)
}

fn say(args: &Args, location: &Url) -> anyhow::Result<()> {
    if args.json {
        output::json(&json!({ "authorization_url": location.as_str() }))?;
    } else {
        output::complain(&format!(
            "Open this address in a browser on this machine:\n\n  {location}\n"
        ));
    }
    if !args.no_browser {
        browser::open(location);
    }
    Ok(())
}

fn router(waiting: Waiting, address: SocketAddr) -> Shelled {
    let router = Router::new().route("/callback", get(callback)).with_state(waiting);
    let shell = Shell {
        hosts: AllowedHosts::operator(&[], address),
        limits: Limits::default(),
        proxies: TrustedProxies::default(),
        headers: SecurityHeaders::default(),
    };
    shell.around(router)
}

async fn callback(State(waiting): State<Waiting>, RawQuery(query): RawQuery) -> Response {
    let (attempt, answer) = match waiting.take(query.as_deref().unwrap_or_default()) {
        Ok(taken) => taken,
        Err(refusal) => {
            let status = match refusal {
                Refusal::AttemptUsed => StatusCode::CONFLICT,
                _ => StatusCode::BAD_REQUEST,
            };
            return page::failed(status, &Error::from(refusal));
        }
    };
    let result = waiting.standin.signin().complete_installed(attempt, answer).await;
    let response = match &result {
        Ok(_) => page::done(),
        Err(failure) => page::failed(StatusCode::FORBIDDEN, &failure.error),
    };
    let _ = waiting.outcome.send(result).await;
    response
}

impl Waiting {
    /// The attempt, for its own answer and for no other. Whoever else finds the port changes nothing.
    fn take(&self, query: &str) -> Result<(InstalledAttempt, UnverifiedCallback), Refusal> {
        let answer = UnverifiedCallback::parse(query)?;
        let mut waiting = self.attempt.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.as_ref().ok_or(Refusal::AttemptUsed)?.check(&answer)?;
        Ok((waiting.take().ok_or(Refusal::AttemptUsed)?, answer))
    }
}
