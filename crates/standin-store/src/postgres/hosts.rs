//! Which host is asked for a connection, and how the server is told to stop what is asked on one.
//!
//! ```text
//! the host that let somebody in last ─▶ a connection
//!    └─ it refuses, or half a second is over ─▶ the next one is asked as well ─▶ … ─▶ whoever lets us in first
//! ```
//!
//! A host may be gone without a word, or accept and then say nothing (its PostgreSQL is stuck, and a standby has taken
//! over): so nobody waits for one before the others are asked. Each has `connect_timeout` for the network, and all
//! together what the pool allows for making a connection. A host that takes no writes refuses.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_postgres::Connect;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{CancelToken, Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure::chain;
use super::patient::Patient;

/// How long the next host waits for those before it: longer than a server needs that is well.
const HEAD_START: Duration = Duration::from_millis(500);

/// How many servers are told at a time to stop something, by one process.
const STOPS: usize = 8;

type Connected = (Client, JoinHandle<()>);

/// The hosts of one URL.
#[derive(Clone)]
pub(super) struct Hosts(Arc<Inner>);

struct Inner {
    /// At least one, and each of one host.
    configs: Vec<Config>,
    tls: MakeRustlsConnect,
    /// Which of them let somebody in last.
    good: AtomicUsize,
    stops: Arc<Semaphore>,
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hosts").field(&self.0.configs.len()).finish()
    }
}

impl Connect for Hosts {
    fn connect(
        &self,
        _: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<Connected, Error>> + Send + '_>> {
        Box::pin(self.any())
    }
}

impl Hosts {
    pub(super) fn new(configs: Vec<Config>, tls: MakeRustlsConnect) -> Self {
        let (good, stops) = (AtomicUsize::new(0), Arc::new(Semaphore::new(STOPS)));
        Self(Arc::new(Inner { configs, tls, good, stops }))
    }

    /// To be held by whoever has something stopped; nothing, if enough others do.
    pub(super) fn turn_to_stop(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.stops).try_acquire_owned().ok()
    }

    async fn any(&self) -> Result<Connected, Error> {
        let (first, all) = (self.0.good.load(Ordering::Relaxed), self.0.configs.len());
        let mut others = (0..all).map(|turn| (first + turn) % all);
        let mut asked = FuturesUnordered::new();
        loop {
            asked.extend(others.next().map(|host| self.one(host)));
            let patience = if others.len() == 0 { Duration::MAX } else { HEAD_START };
            match timeout(patience, asked.next()).await {
                Ok(Some(Ok(connected))) => return Ok(connected),
                Ok(Some(Err(error))) if asked.is_empty() && others.len() == 0 => return Err(error),
                _ => {}
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the pool ends it with its connection")]
    async fn one(&self, host: usize) -> Result<Connected, Error> {
        let (client, connection) = self.0.configs[host].connect(self.0.tls.clone()).await?;
        self.0.good.store(host, Ordering::Relaxed);
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!(error = chain(&error), "a connection to the database has broken");
            }
        });
        Ok((client, task))
    }

    /// Has the server stop the statement that it works on for a connection. It is asked where connections are made now:
    /// another server takes no notice. Nothing, if it could not be told.
    pub(super) async fn stop(&self, token: &CancelToken) -> Option<()> {
        let config = self.0.configs.get(self.0.good.load(Ordering::Relaxed))?;
        let port = *config.get_ports().first()?;
        match config.get_hosts().first()? {
            Host::Tcp(name) => {
                let stream = TcpStream::connect((name.as_str(), port)).await.ok()?;
                self.stop_over(stream, name, token).await
            }
            Host::Unix(directory) => {
                let socket = directory.join(format!(".s.PGSQL.{port}"));
                self.stop_over(UnixStream::connect(socket).await.ok()?, "", token).await
            }
        }
    }

    async fn stop_over<S>(&self, stream: S, name: &str, token: &CancelToken) -> Option<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut tls = self.0.tls.clone();
        let tls = MakeTlsConnect::<Patient<S>>::make_tls_connect(&mut tls, name).ok()?;
        token.cancel_query_raw(Patient(stream), Patient(tls)).await.ok()
    }
}
