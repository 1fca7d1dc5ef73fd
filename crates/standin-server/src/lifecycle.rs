//! Beginning and end: listeners, the two servers, and stopping without dropping anybody.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::Config;
use crate::http::client_ip::TrustedProxies;
use crate::http::headers::SecurityHeaders;
use crate::http::host::AllowedHosts;
use crate::http::{Shell, Shelled};
use crate::net;

/// Why a service does not start or run.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the operating system says.
        reason: std::io::Error,
    },
    /// The operating system does not tell us about signals.
    #[error("cannot wait for signals: {0}")]
    Signals(std::io::Error),
}

/// Two listeners that are bound and not yet served: from here on requests wait instead of failing, and whoever tells
/// the process to stop is heard.
#[derive(Debug)]
pub struct Listeners {
    public: TcpListener,
    operator: TcpListener,
    signals: Signals,
    /// Where browsers and jobs are answered; with the port that was taken, where 0 was asked for.
    pub public_address: SocketAddr,
    /// Where operators are answered.
    pub operator_address: SocketAddr,
}

impl Listeners {
    /// Binds both, or none.
    pub async fn bind(config: &Config) -> Result<Self, LifecycleError> {
        let (public, public_address) = bind(config.listen).await?;
        let (operator, operator_address) = bind(config.operator_listen).await?;
        let signals = Signals::new().map_err(LifecycleError::Signals)?;
        Ok(Self { public, operator, signals, public_address, operator_address })
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), LifecycleError> {
    let failed = |reason| LifecycleError::Listen { address, reason };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Serves both until the process is told to stop, and then until requests in flight are answered. A
/// second signal ends it at once.
pub async fn run(config: &Config, app: App, listeners: Listeners) -> Result<(), LifecycleError> {
    let stop = CancellationToken::new();
    let standin = app.standin.clone();
    let (public, operator) = routers(config, app, &listeners);
    let mut signals = listeners.signals;
    let servers = async {
        tokio::join!(
            net::serve(listeners.public, public, stop.clone()),
            net::serve(listeners.operator, operator, stop.clone()),
            standin.run(stop.clone()),
        )
    };
    let mut servers = std::pin::pin!(servers);
    tokio::select! {
        _ = servers.as_mut() => return Ok(()),
        () = signals.next() => tracing::info!("stopping when the requests in flight are answered"),
    }
    stop.cancel();
    tokio::select! {
        _ = servers => tracing::info!("stopped"),
        () = signals.next() => tracing::warn!("stopped at once, as told twice"),
    }
    Ok(())
}

/// Each router inside the shell of its listener.
fn routers(config: &Config, app: App, listeners: &Listeners) -> (Shelled, Shelled) {
    let shell = |hosts, proxies, is_https| Shell {
        hosts,
        limits: config.limits,
        proxies,
        headers: SecurityHeaders { is_https },
    };
    let names = &config.allowed_hosts;
    let public = AllowedHosts::public(&config.public_url, names, listeners.public_address);
    let operator = AllowedHosts::operator(names, listeners.operator_address);
    let is_https = !config.is_development();
    (
        shell(public, config.trusted_proxies.clone(), is_https).around(app.public),
        shell(operator, TrustedProxies::default(), false).around(app.operator),
    )
}

/// SIGTERM and SIGINT.
#[derive(Debug)]
pub struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// From now on the signals do not kill the process.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The next wish to stop.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
