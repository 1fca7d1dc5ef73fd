//! Starting and stopping: the public handle, its builder, and the accept loop.
//!
//! The loop is our own because faults cut connections: a handler that answers [`Abort`] makes the
//! hyper service fail, and hyper then closes the socket without a byte of response.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use crate::background::Background;
use crate::clock::Clock;
use crate::control::Problem;
use crate::guard;
use crate::keys;
use crate::reply::Abort;
use crate::seed::{Client, Seed, SeedError, User};
use crate::state::Address;
use crate::tenants::Tenants;

/// A running emulator. Dropping it stops it.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    tenants: Arc<Tenants>,
    background: Background,
}

/// Settings of an emulator that is not the default one.
#[derive(Clone, Debug)]
pub struct Builder {
    listen: SocketAddr,
    beyond_loopback: bool,
    origin: Option<String>,
    browser_origin: Option<String>,
    seed: Seed,
    redirect_uris: Vec<String>,
    javascript_origins: Vec<String>,
}

/// Why an emulator does not start.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Anybody on the network could sign in as anybody: that takes an explicit wish.
    #[error(
        "{0} is not a loopback address, and an emulator signs in anybody who asks; \
         allow_beyond_loopback (--allow-beyond-loopback) says that this is wanted"
    )]
    NotLoopback(SocketAddr),
    /// An origin is a scheme, a host and a port, nothing more.
    #[error("{0:?} is not an origin such as http://emulator:9090")]
    Origin(String),
    /// The seed cannot be used.
    #[error(transparent)]
    Seed(#[from] SeedError),
}

impl Emulator {
    /// Starts with the default seed on a free port of 127.0.0.1.
    pub async fn start() -> Result<Self, EmulatorError> {
        Self::builder().start().await
    }

    /// Settings other than the default ones.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            beyond_loopback: false,
            origin: None,
            browser_origin: None,
            seed: Seed::default(),
            redirect_uris: Vec::new(),
            javascript_origins: Vec::new(),
        }
    }

    /// The issuer and the base of every URL, such as `http://127.0.0.1:41231`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.tenants.root().origin
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The id of the first seeded client; empty if the seed has none.
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.tenants.root().seeded_client().map_or("", |client| &client.client_id)
    }

    /// The secret of the first seeded client; empty if the seed has none.
    #[must_use]
    pub fn client_secret(&self) -> &str {
        self.tenants.root().seeded_client().map_or("", |client| &client.client_secret)
    }

    /// This emulator's time, for a process that lives by the same clock.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.tenants.root().clock.clone()
    }

    /// Stops, and waits until no connection is left.
    pub async fn stop(self) {
        self.background.cancel();
        self.background.ended().await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.background.cancel();
    }
}

impl Builder {
    /// Listens on another address than a free port of 127.0.0.1.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Lets [`Builder::listen`] take an address that other machines can reach.
    ///
    /// # Security
    ///
    /// An emulator signs in anybody as anybody, and its control API has no password.
    #[must_use]
    pub fn allow_beyond_loopback(mut self) -> Self {
        self.beyond_loopback = true;
        self
    }

    /// Calls itself `origin` instead of the address it listens on: the issuer, and the base of the URLs
    /// that backends call. In a container that is the name by which other containers reach it, such
    /// as `http://emulator:9090`.
    #[must_use]
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Sends browsers to `origin` instead, such as `http://localhost:9090`.
    #[must_use]
    pub fn browser_origin(mut self, origin: impl Into<String>) -> Self {
        self.browser_origin = Some(origin.into());
        self
    }

    /// Replaces the default users and clients.
    #[must_use]
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// Adds one account, replacing the one with the same address.
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.seed.users.retain(|known| known.email != user.email);
        self.seed.users.push(user);
        self
    }

    /// Adds one client.
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.seed.clients.push(client);
        self
    }

    /// Registers one more redirect URI for the first client.
    #[must_use]
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// Registers one more JavaScript origin for the first client.
    #[must_use]
    pub fn javascript_origin(mut self, origin: impl Into<String>) -> Self {
        self.javascript_origins.push(origin.into());
        self
    }

    /// Binds, and serves until the handle is stopped or dropped.
    pub async fn start(mut self) -> Result<Emulator, EmulatorError> {
        let address = self.listen;
        if !address.ip().is_loopback() && !self.beyond_loopback {
            return Err(EmulatorError::NotLoopback(address));
        }
        if let Some(client) = self.seed.clients.first_mut() {
            client.redirect_uris.append(&mut self.redirect_uris);
            client.javascript_origins.append(&mut self.javascript_origins);
        }
        let seed = self.seed.completed()?;
        let listen = |source| EmulatorError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let bound = listener.local_addr().map_err(listen)?;
        let origin = origin_or(self.origin, || format!("http://{bound}"))?;
        let browser_origin = origin_or(self.browser_origin, || origin.clone())?;
        let background = Background::default();
        let address =
            Address { origin, browser_origin, port: bound.port(), background: background.clone() };
        let tenants = Arc::new(Tenants::new(address, seed));
        background.spawn_blocking(keys::warm_up);
        background.spawn(accept(listener, tenants.clone(), background.clone()));
        Ok(Emulator { address: bound, tenants, background })
    }
}

fn origin_or(
    given: Option<String>,
    default: impl FnOnce() -> String,
) -> Result<String, EmulatorError> {
    let Some(given) = given else {
        return Ok(default());
    };
    let parsed = url::Url::parse(&given).map(|url| url.origin().ascii_serialization());
    if parsed.is_ok_and(|origin| origin == given) {
        Ok(given)
    } else {
        Err(EmulatorError::Origin(given))
    }
}

async fn accept(listener: TcpListener, tenants: Arc<Tenants>, background: Background) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => background.spawn(serve(stream, tenants.clone())),
            // Out of file descriptors, most likely: give the others time to finish.
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, tenants: Arc<Tenants>) {
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        answer(tenants.clone(), request.map(Body::new))
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(30))
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(tenants: Arc<Tenants>, request: Request) -> Result<Response, ConnectionCut> {
    if let Some(refusal) = guard::foreign_host(tenants.root(), request.headers()) {
        return Ok(refusal);
    }
    let (router, request) = match tenants.dispatch(request) {
        Ok(dispatched) => dispatched,
        Err(reason) => return Ok(Problem::from(reason).into_response()),
    };
    let Ok(response) = router.oneshot(request).await;
    if response.extensions().get::<Abort>().is_some() {
        return Err(ConnectionCut);
    }
    Ok(response)
}

#[derive(Debug, thiserror::Error)]
#[error("cut by a fault")]
struct ConnectionCut;
