//! What becomes of a read that nobody waits for any more: the server is told to stop.
//!
//! A server that waits for a lock does not look whether its client is still there (unless
//! `client_connection_check_interval` says so). Left alone it would go on, and beside it each read that is asked anew,
//! until the server has no connection left.
//!
//! ```text
//! given up ─▶ stop ─▶ closed, and its place in the pool is free ─▶ stop ─▶ stop
//! ```
//!
//! The server is first told while the connection stands: a pooler passes that on only for a client that is there. It ends
//! one statement, and the server begins the next of those that were sent behind it. Once the connection is closed, the
//! server cannot say that a statement was stopped, learns so that nobody is there, and ends altogether; over a network
//! it may be told once more before it learns it. A pooler whose client has gone passes nothing on: what was sent behind
//! the first statement goes on there. A place is not free before the server was told, or has not listened for a second.
//!
//! Whoever has been told is listened to for as long as it takes: a pooler that was stopped for a while, and then finds that
//! nobody waits for what it was told, may end with all its clients (`patient.rs`). So only a few are told at a time
//! ([`Hosts::turn_to_stop`]), and of the others nothing is said.
//!
//! Only reads are stopped: a COMMIT that waits for a synchronous standby would be carried out without it.

use std::pin::pin;
use std::time::Duration;

use deadpool_postgres::Object;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use super::hosts::Hosts;

/// How long the place in the pool is kept while the server is told.
const KEPT: Duration = Duration::from_secs(1);
/// How long after the first time the server is told again, and then again.
const AGAIN: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];

/// Closes a connection, and has the server stop what it does there. It does not wait for that.
pub(super) fn stop(client: Object, hosts: Hosts) {
    match Handle::try_current() {
        // It ends when the server has listened, and nothing is lost with it.
        Ok(runtime) if !client.is_closed() => drop(runtime.spawn(tell(client, hosts))),
        _ => close(client),
    }
}

async fn tell(client: Object, hosts: Hosts) {
    let Some(_turn) = hosts.turn_to_stop() else { return close(client) };
    let token = client.cancel_token();
    let mut told = pin!(hosts.stop(&token));
    let at_once = timeout(KEPT, &mut told).await;
    close(client);
    let mut told = match at_once {
        Ok(told) => told,
        Err(_too_long) => told.await,
    };
    for pause in AGAIN {
        if told.is_none() {
            return;
        }
        sleep(pause).await;
        told = hosts.stop(&token).await;
    }
}

/// Taken out of the pool, which makes another, it is closed.
pub(super) fn close(client: Object) {
    drop(Object::take(client));
}
