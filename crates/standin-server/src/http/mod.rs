//! What stands around every router of the service, in the order in which a request meets it.
//!
//! ```text
//! client address ─▶ log begins ─▶ size of the URI ─▶ host ─▶ body ─▶ catch panics ─▶ router
//!            log ends ◀─ request id ◀─ security headers ◀──────────────────────────────┘
//! ```
//!
//! Each step is a file of its own that knows nothing of the others. They are called from one function, around the
//! router as a whole: as layers, which axum puts around each of its routes, each would cost several allocations per
//! request.

pub(crate) mod access_log;
pub mod body;
pub mod client_ip;
mod counted;
pub mod headers;
pub mod host;
pub mod operator;
pub mod problem;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, MatchedPath, Request};
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use tower::ServiceExt as _;
use tower::util::MapRequestLayer;

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
}

/// A router in its shell. Clones are the same one.
#[derive(Clone)]
pub struct Shelled {
    around: Arc<Around>,
    router: Router,
}

struct Around {
    shell: Shell,
    ids: RequestIds,
    counted: Counted,
}

/// The route that a request has taken: the router writes it, who stands around the router reads it.
#[derive(Clone, Default)]
struct Taken(Arc<OnceLock<MatchedPath>>);

impl Taken {
    fn by(request: Request) -> Request {
        let extensions = request.extensions();
        if let (Some(Self(taken)), Some(route)) = (extensions.get(), extensions.get()) {
            // It takes one only.
            let _ = taken.set(MatchedPath::clone(route));
        }
        request
    }

    fn route(&self) -> Option<&str> {
        self.0.get().map(MatchedPath::as_str)
    }
}

impl Shell {
    /// Puts itself around all routes, and around the answers for paths and methods that have none.
    #[must_use]
    pub fn around(self, router: Router) -> Shelled {
        let (ids, counted) = (RequestIds::default(), Counted::default());
        let router = router.layer(MapRequestLayer::new(Taken::by));
        Shelled { around: Arc::new(Around { shell: self, ids, counted }), router }
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

impl Shelled {
    /// What one listener's peers may take.
    pub(crate) fn limits(&self) -> Limits {
        self.around.shell.limits
    }

    /// What each answer carries, also those that are made before there is a request.
    pub(crate) fn headers(&self) -> SecurityHeaders {
        self.around.shell.headers
    }

    /// Answers a request.
    pub async fn answer(self, mut request: Request) -> Response {
        let Around { shell, ids, counted } = &*self.around;
        let client = shell.proxies.client_of(peer_of(&request), request.headers());
        let entry = Entry::begin(ids, client);
        let taken = Taken::default();
        request.extensions_mut().insert(client);
        request.extensions_mut().insert(taken.clone());
        let (method, version) = (request.method().clone(), request.version());
        let mut response = match shell.admit(request).await {
            Ok(request) => problem::complete(through(self.router, request).await),
            Err(problem) => refused(problem, version),
        };
        let status = response.status();
        counted.count(&method, taken.route(), status);
        shell.headers.add_to(response.headers_mut());
        if let Some(id) = entry.end(&method, taken.route(), status) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        if method == Method::HEAD { without_body(response) } else { response }
    }
}

/// The router does so itself; not so what is said instead of its answers, and hyper over HTTP/2 sends what it is given.
fn without_body(response: Response) -> Response {
    let length = response.body().size_hint().exact();
    let mut response = response.map(|_| Body::empty());
    if let Some(length) = length.filter(|length| *length > 0) {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(length.into());
    }
    response
}

/// What a panic leaves behind is dropped with the request. The panic hook has written where it happened; the peer
/// learns nothing of it.
async fn through(router: Router, request: Request) -> Response {
    match AssertUnwindSafe(router.oneshot(request)).catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_panic) => {
            let detail = "Something went wrong on our side.";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail)
                .into_response()
        }
    }
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
