//! What one peer may take: times, sizes and counts (requirements HH-2, HH-3).

use std::time::Duration;

/// The limits of one listener. [`Limits::default`] is what the configuration's defaults say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same time; further ones wait to be accepted.
    pub max_connections: usize,
    /// From the connection to its first byte.
    pub first_byte_timeout: Duration,
    /// From the first byte of a head to its last.
    pub header_timeout: Duration,
    /// From the end of the head to the end of the body; and as long a peer may take to read an answer.
    pub body_timeout: Duration,
    /// From an answer to the next request.
    pub idle_timeout: Duration,
    /// From the wish to stop to the end of the last request.
    pub shutdown_timeout: Duration,
    /// The size of a head.
    pub max_header_bytes: usize,
    /// The number of headers.
    pub max_headers: usize,
    /// The length of path and query.
    pub max_uri_bytes: usize,
    /// The size of a body.
    pub max_body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            first_byte_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            shutdown_timeout: Duration::from_secs(30),
            max_header_bytes: 32 * 1024,
            max_headers: 100,
            max_uri_bytes: 8 * 1024,
            max_body_bytes: 64 * 1024,
        }
    }
}
