//! The accept loop: sockets in, requests out to a router, nothing kept waiting for ever.
//!
//! ```text
//! accept ─▶ sniff (HTTP/1 or 2, under a time-out) ─▶ wire (deadlines, raw heads) ─▶ hyper ─▶ router
//! ```
//!
//! It is our own because `axum::serve` sets no time-out at all (tokio-rs/axum#3478), and because hyper
//! forgives framing that two servers in a row may understand differently (HH-4).

mod connection;
mod limits;
mod sniff;
mod strict_head;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use limits::Limits;

/// Out of file descriptors: long enough for some to come back, short enough not to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `router` on `listener` until `shutdown`, and then until the requests in flight are answered or
/// `limits.shutdown_timeout` is over.
///
/// # Cancel safety
/// Dropping the future stops accepting; connections that are open go on until the runtime ends.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let tasks = TaskTracker::new();
    let abort = CancellationToken::new();
    let places = Arc::new(Semaphore::new(limits.max_connections));
    while let Some((stream, peer, place)) = next(&listener, &places, &shutdown).await {
        let connection = connection::Connection {
            router: router.clone(),
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
    drop(listener);
    tasks.close();
    if tokio::time::timeout(limits.shutdown_timeout, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "stopping with requests in flight");
        abort.cancel();
    }
}

/// The next connection and its place; `None` when it is time to stop.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let accepted = async {
        let place = Arc::clone(places).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return Some((stream, peer, place)),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => None,
        accepted = accepted => accepted,
    }
}
