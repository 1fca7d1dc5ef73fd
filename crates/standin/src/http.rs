//! The network as an argument: one small outbound client, with the limits of a hostile peer built in.
//!
//! A [`Request`] goes out, a whole [`Response`] comes back, and a failure says the one thing its caller
//! must know: whether the peer may have seen the request (an authorization code or a rotating refresh
//! token must then not be sent again). Whom the client talks to at all is an [`AddressPolicy`]'s to say.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

mod address;
#[cfg(feature = "reqwest")]
mod reqwest_client;
#[cfg(feature = "reqwest")]
mod resolver;

pub use address::{AddressClass, AddressPolicy, InvalidNetwork, Network, RefusedAddress};
#[cfg(feature = "reqwest")]
pub use reqwest_client::ReqwestClient;

/// How long a provider may take to accept a connection (requirement HH-7).
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a provider may take in all. The refresh lease is longer than this, by design.
pub const TOTAL_TIMEOUT: Duration = Duration::from_secs(8);

/// A request to a provider.
pub struct Request {
    /// GET or POST.
    pub method: Method,
    /// Where to; https, or http to a loopback address in development.
    pub url: Url,
    /// Headers beside `host` and `content-length`.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// The answer is cut off, and refused, beyond this many bytes.
    pub max_response_bytes: usize,
}

impl std::fmt::Debug for Request {
    /// Body and headers carry secrets; the query of a URL may.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}{}", self.method, self.url.host_str().unwrap_or_default(), self.url.path())
    }
}

/// A whole answer. Redirects are answers like any other: they are never followed.
pub struct Response {
    /// The status as it came.
    pub status: StatusCode,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// The whole body, at most `max_response_bytes`.
    pub body: Bytes,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with {} bytes", self.status, self.body.len())
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The name leads, or the host is, where this client must not go: nothing was sent.
    #[error(transparent)]
    AddressRefused(#[from] RefusedAddress),
    /// The connection broke or ran out of time after bytes may have left: the peer may have acted.
    #[error("the connection broke before the answer was complete")]
    Ambiguous,
    /// No connection was made: the peer has seen nothing.
    #[error("no connection could be made")]
    Unsent,
    /// The peer has not proved who it is, and has seen nothing. What is wrong with its certificate.
    #[error("its certificate is no proof: {0}")]
    Untrusted(&'static str),
    /// The answer is larger than it may be. The peer has acted.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

/// Sends requests: without following redirects, within [`TOTAL_TIMEOUT`], reading at most what is allowed.
#[async_trait]
pub trait HttpClient: Send + Sync + 'static {
    /// Sends one request and reads the whole answer.
    ///
    /// # Errors
    /// [`HttpError::AddressRefused`], [`HttpError::Unsent`] and [`HttpError::Untrusted`] if the peer has seen nothing;
    /// [`HttpError::Ambiguous`] and [`HttpError::TooLarge`] if it may have acted. An answer of any status is no
    /// error.
    ///
    /// # Cancel safety
    /// Dropping the future ends the connection; the peer may have acted.
    async fn send(&self, request: Request) -> Result<Response, HttpError>;
}
