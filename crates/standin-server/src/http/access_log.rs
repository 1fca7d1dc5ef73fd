//! One line per request: what was asked of which route by whom, and how it ended.
//!
//! The route is the template (`/auth/{p}/callback`), never the path: paths hold ids, and queries hold
//! codes and states (requirement LS-2).

use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::MatchedPath;
use http::{HeaderValue, Method, Request, StatusCode};
use standin::entropy::{SystemEntropy, random_bytes};
use standin_axum::ClientIp;
use tokio::time::Instant;

/// Names requests: the process by chance, the request by counting.
#[derive(Debug)]
pub struct RequestIds {
    process: u32,
    count: AtomicU64,
}

impl Default for RequestIds {
    fn default() -> Self {
        Self { process: u32::from_be_bytes(random_bytes(&SystemEntropy)), count: AtomicU64::new(1) }
    }
}

impl RequestIds {
    /// The id of the next request, as the header `x-request-id` has it.
    #[must_use]
    pub fn next(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!("{:08x}-{count}", self.process)
    }
}

/// A request of which the answer is not yet known.
#[derive(Debug)]
pub struct Entry {
    id: String,
    method: Method,
    route: Option<MatchedPath>,
    client: ClientIp,
    started: Instant,
}

impl Entry {
    /// Begins with a request that the router has placed.
    #[must_use]
    pub fn begin<B>(id: String, request: &Request<B>, client: ClientIp) -> Self {
        Self {
            id,
            method: request.method().clone(),
            route: request.extensions().get().cloned(),
            client,
            started: Instant::now(),
        }
    }

    /// Writes the line, and gives the id for the answer.
    #[must_use]
    pub fn end(self, status: StatusCode) -> Option<HeaderValue> {
        let route = self.route.as_ref().map_or("-", MatchedPath::as_str);
        let duration = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(
            target: "standin::access",
            {
                http.method = %self.method,
                http.route = route,
                http.status = status.as_u16(),
                duration_us = duration,
                client.ip = %self.client.0,
                request.id = self.id,
            },
            "request"
        );
        HeaderValue::try_from(self.id).ok()
    }
}
