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
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_postgres::Connect;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, CancelToken, Client, Config, Connection, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{KEEPALIVE, connect_limit};
use super::failure::chain;
use super::patient::{Patient, Told};

/// How long the next host waits for those before it: longer than a server needs that is well.
const HEAD_START: Duration = Duration::from_millis(500);

/// How many servers are told at a time to stop something, by one process.
const STOPS: usize = 8;

/// Where PostgreSQL says that it does not wait for a standby any more. Its words may be in any language.
const WAIT_FOR_STANDBY: &str = "SyncRepWaitForLSN";

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
        let (mut asked, mut refused) = (FuturesUnordered::new(), None);
        loop {
            asked.extend(others.next().map(|host| self.one(host)));
            let patience = if others.len() == 0 { Duration::MAX } else { HEAD_START };
            match timeout(patience, asked.next()).await {
                Ok(Some(Ok(connected))) => return Ok(connected),
                Ok(Some(Err(error))) => {
                    let error = weightier(refused.take(), error);
                    if asked.is_empty() && others.len() == 0 {
                        return Err(error);
                    }
                    refused = Some(error);
                }
                _ => {}
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the pool ends it with its connection")]
    async fn one(&self, host: usize) -> Result<Connected, Error> {
        let (client, connection) = self.0.configs[host].connect(self.0.tls.clone()).await?;
        self.0.good.store(host, Ordering::Relaxed);
        Ok((client, tokio::spawn(attend(connection))))
    }

    /// Has the server stop the statement that it works on for a connection. It is asked where connections are made now:
    /// another server takes no notice. Nothing, if it could not be told.
    pub(super) async fn stop(&self, token: &CancelToken) -> Option<()> {
        let config = self.0.configs.get(self.0.good.load(Ordering::Relaxed))?;
        let (port, until) = (*config.get_ports().first()?, Instant::now() + connect_limit(config));
        match config.get_hosts().first()? {
            Host::Tcp(name) => {
                let connected = TcpStream::connect((name.as_str(), port));
                let stream = timeout_at(until, connected).await.ok()?.ok()?;
                keep_alive(&stream)?;
                self.stop_over(stream, name, until, token).await
            }
            Host::Unix(directory) => {
                let socket = directory.join(format!(".s.PGSQL.{port}"));
                self.stop_over(UnixStream::connect(socket).await.ok()?, "", until, token).await
            }
        }
    }

    /// Until `until` to let us say it, and then for as long as it takes to have heard it.
    async fn stop_over<S>(
        &self,
        stream: S,
        name: &str,
        until: Instant,
        token: &CancelToken,
    ) -> Option<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut tls, told) = (self.0.tls.clone(), Told::default());
        let tls = MakeTlsConnect::<Patient<S>>::make_tls_connect(&mut tls, name).ok()?;
        let stream = Patient::new(stream, &told);
        let mut telling = pin!(token.cancel_query_raw(stream, Patient::new(tls, &told)));
        match timeout_at(until, &mut telling).await {
            Ok(heard) => heard.ok(),
            Err(_too_long) if told.is_so() => telling.await.ok(),
            Err(_too_long) => None,
        }
    }
}

/// What is said of several hosts: what a server says of itself, before that another takes no writes or is not there.
fn weightier(earlier: Option<Error>, later: Error) -> Error {
    match earlier {
        Some(earlier) if earlier.as_db_error().is_some() && later.as_db_error().is_none() => {
            earlier
        }
        _ => later,
    }
}

/// A server that has vanished without a word is not listened to for ever.
fn keep_alive(stream: &TcpStream) -> Option<()> {
    let often =
        TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3).with_retries(3);
    SockRef::from(stream).set_tcp_keepalive(&often).ok()
}

/// Passes on what comes and goes on a connection, until it ends.
///
/// A COMMIT whose wait for a standby was cancelled, by whomever, is answered as any other is, behind a warning. The
/// connection ends between the two: so it is a COMMIT that was not answered, and the fence that then asks for it waits for
/// the standby (`intents.rs`).
async fn attend<S, T>(mut connection: Connection<S, T>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) if notice.routine() == Some(WAIT_FOR_STANDBY) => {
                tracing::warn!(
                    "somebody has cancelled a COMMIT that waits for a standby: it is asked about"
                );
                return;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = chain(&error), "a connection to the database has broken");
                return;
            }
        }
    }
}
