//! The accept loop: sockets in, requests out to a router, nothing kept waiting for ever.
//!
//! ```text
//! accept ─▶ sniff (HTTP/1 or 2, under a time-out) ─▶ wire (deadlines, raw heads) ─▶ hyper ─▶ router
//! ```
//!
//! It is our own because `axum::serve` sets no time-out at all (tokio-rs/axum#3478), and because hyper
//! forgives framing that two servers in a row may understand differently (HH-4).

mod connection;
mod idle;
mod limits;
mod sniff;
mod strict_head;
mod unread;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use limits::Limits;

use crate::http::Shelled;

/// Out of file descriptors: long enough for some to come back, short enough not to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// A stranger who takes them all must not fill the log as well.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(10);

/// Serves `service` on `listener` until `shutdown`, and then until the requests in flight are answered or
/// `shutdown_timeout` is over.
///
/// # Cancel safety
/// Dropping the future stops accepting; connections that are open go on until the runtime ends.
pub async fn serve(listener: TcpListener, service: Shelled, shutdown: CancellationToken) {
    let limits = service.limits();
    let tasks = TaskTracker::new();
    let abort = CancellationToken::new();
    let mut door = Door {
        listener,
        places: Arc::new(Semaphore::new(limits.max_connections)),
        complained: None,
    };
    while let Some((stream, peer, place)) = door.next(&shutdown).await {
        let connection = connection::Connection {
            service: service.clone(),
            limits,
            peer,
            shutdown: shutdown.clone(),
            tasks: tasks.clone(),
        };
        let abort = abort.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = connection.serve(stream) => {}
                () = abort.cancelled() => {}
            }
            drop(place);
        });
    }
    drop(door);
    tasks.close();
    if tokio::time::timeout(limits.shutdown_timeout, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "stopping with requests in flight");
        abort.cancel();
    }
}

/// Where connections come in.
struct Door {
    listener: TcpListener,
    places: Arc<Semaphore>,
    complained: Option<Instant>,
}

impl Door {
    /// The next connection and its place; `None` when it is time to stop.
    async fn next(
        &mut self,
        shutdown: &CancellationToken,
    ) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        tokio::select! {
            () = shutdown.cancelled() => None,
            accepted = self.accept() => accepted,
        }
    }

    async fn accept(&mut self) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => return Some((stream, peer, place)),
                Err(error) => {
                    self.complain(&error);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn complain(&mut self, error: &std::io::Error) {
        let now = Instant::now();
        if self.complained.is_none_or(|last| last + COMPLAINT_PAUSE <= now) {
            self.complained = Some(now);
            tracing::warn!(%error, "cannot accept connections; it is tried again");
        }
    }
}
