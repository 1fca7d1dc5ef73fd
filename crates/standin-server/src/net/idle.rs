//! How long a connection of HTTP/2 may go without a request. Pings keep it alive, and must not keep it for ever.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::{Instant, sleep_until};

use super::Limits;

/// The requests of one connection.
#[derive(Clone)]
pub(super) struct Requests(Arc<Mutex<State>>);

struct State {
    in_flight: usize,
    has_asked: bool,
    idle_since: Instant,
}

impl Requests {
    pub(super) fn new() -> Self {
        let state = State { in_flight: 0, has_asked: false, idle_since: Instant::now() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The connection is not idle while what this gives lives.
    pub(super) fn begin(&self) -> InFlight {
        let mut state = self.lock();
        state.in_flight += 1;
        state.has_asked = true;
        InFlight(self.clone())
    }

    /// Ends when the peer has had its time: as long as for a head until its first request, and from then on as long
    /// as a connection may idle.
    pub(super) async fn stay_away(&self, limits: &Limits) {
        loop {
            let (now, due) = (Instant::now(), self.due(limits));
            if due <= now {
                return;
            }
            sleep_until(due).await;
        }
    }

    fn due(&self, limits: &Limits) -> Instant {
        let state = self.lock();
        match state.in_flight {
            0 if state.has_asked => state.idle_since + limits.idle_timeout,
            0 => state.idle_since + limits.header_timeout,
            _ => Instant::now() + limits.idle_timeout,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being answered.
pub(super) struct InFlight(Requests);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.in_flight -= 1;
        state.idle_since = Instant::now();
    }
}
