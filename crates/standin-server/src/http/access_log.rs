//! One line per request: what was asked of which route by whom, and how it ended.
//!
//! The route is the template (`/auth/{p}/callback`), never the path: paths hold ids, and queries hold
//! codes and states (requirement LS-2).

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use standin::entropy::{SystemEntropy, random_bytes};
use standin_axum::ClientIp;
use tokio::time::Instant;

/// Names requests: the process by chance, the request by counting.
#[derive(Debug)]
pub(super) struct RequestIds {
    process: String,
    count: AtomicU64,
}

impl Default for RequestIds {
    fn default() -> Self {
        let process = u32::from_be_bytes(random_bytes(&SystemEntropy));
        Self { process: format!("{process:08x}-"), count: AtomicU64::new(1) }
    }
}

impl RequestIds {
    fn next(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed).to_string();
        [&*self.process, &*count].concat()
    }
}

/// A request of which the answer is not yet known.
#[derive(Debug)]
pub(super) struct Entry {
    id: String,
    client: ClientIp,
    started: Instant,
}

impl Entry {
    pub(super) fn begin(ids: &RequestIds, client: ClientIp) -> Self {
        Self { id: ids.next(), client, started: Instant::now() }
    }

    /// Writes the line, and gives the id for the answer, as the header `x-request-id` has it.
    pub(super) fn end(
        self,
        method: &Method,
        route: Option<&str>,
        status: StatusCode,
    ) -> Option<HeaderValue> {
        tracing::info!(
            target: "standin::access",
            {
                http.method = %method,
                http.route = route.unwrap_or("-"),
                http.status = status.as_u16(),
                duration_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
                client.ip = %self.client.0,
                request.id = self.id,
            },
            "request"
        );
        HeaderValue::from_maybe_shared(Bytes::from(self.id)).ok()
    }
}
