//! What stands around every router of the service, in the order in which a request meets it.
//!
//! ```text
//! client address ─▶ log begins ─▶ size of the URI ─▶ host ─▶ body ─▶ catch panics ─▶ handler
//!            log ends ◀─ request id ◀─ security headers ◀──────────────────────────────┘
//! ```
//!
//! Each step is a file of its own that knows nothing of the others. They are called from one function,
//! and not stacked as eight layers, because each layer costs an allocation per request.

pub mod access_log;
pub mod body;
pub mod client_ip;
pub mod counted;
pub mod headers;
pub mod host;
pub mod operator;
pub mod problem;

use std::any::Any;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use tower_http::catch_panic::CatchPanicLayer;

use crate::net::Limits;
use access_log::{Entry, RequestIds};
use client_ip::TrustedProxies;
use counted::Counted;
use headers::SecurityHeaders;
use host::AllowedHosts;
use problem::Problem;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the shell of one listener knows.
#[derive(Debug)]
pub struct Shell {
    /// The names it answers to.
    pub hosts: AllowedHosts,
    /// What one request may take.
    pub limits: Limits,
    /// Whose `X-Forwarded-For` counts.
    pub proxies: TrustedProxies,
    /// What every answer carries.
    pub headers: SecurityHeaders,
    /// Names requests.
    pub ids: RequestIds,
}

impl Shell {
    /// Puts itself around all routes, and around the answers for paths and methods that have none.
    pub fn around(self, router: Router) -> Router {
        router.layer((from_fn_with_state(Arc::new(self), pass), CatchPanicLayer::custom(panicked)))
    }

    async fn admit(&self, request: Request) -> Result<Request, Problem> {
        let uri = request.uri();
        if uri.path_and_query().is_some_and(|text| text.as_str().len() > self.limits.max_uri_bytes)
        {
            return Err(Problem::uri_too_long());
        }
        if request.version() == Version::HTTP_2 && !self.fits(request.headers()) {
            return Err(Problem::headers_too_large());
        }
        self.hosts.check(&request)?;
        let (parts, body) = request.into_parts();
        let body = body::read(body, self.limits.max_body_bytes, self.limits.body_timeout).await?;
        Ok(Request::from_parts(parts, body))
    }

    /// hyper counts the headers of HTTP/1, and nobody those of HTTP/2.
    fn fits(&self, headers: &HeaderMap) -> bool {
        // As they would stand in a head of HTTP/1, each in a line.
        let line =
            |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
        headers.len() <= self.limits.max_headers
            && headers.iter().map(line).sum::<usize>() <= self.limits.max_header_bytes
    }
}

async fn pass(State(shell): State<Arc<Shell>>, mut request: Request, next: Next) -> Response {
    let client = shell.proxies.client_of(peer_of(&request), request.headers());
    request.extensions_mut().insert(client);
    let entry = Entry::begin(shell.ids.next(), &request, client);
    let counted = Counted::begin(&request);
    let version = request.version();
    let mut response = match shell.admit(request).await {
        Ok(request) => problem::complete(next.run(request).await),
        Err(problem) => refused(problem, version),
    };
    counted.end(response.status());
    shell.headers.add_to(response.headers_mut());
    if let Some(id) = entry.end(response.status()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// A refused request may have a body that nobody read, and that must not be taken for the next request.
fn refused(problem: Problem, version: Version) -> Response {
    let mut response = problem.into_response();
    if version < Version::HTTP_2 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// The accept loop always knows it; a router that is called without a socket has no peer.
fn peer_of(request: &Request) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip())
}

/// The panic hook has written where it happened; the peer learns nothing of it.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    let detail = "Something went wrong on our side.";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail).into_response()
}
