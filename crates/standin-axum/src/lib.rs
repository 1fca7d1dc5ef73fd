//! Standin's HTTP, for axum.
//!
//! ```text
//! /auth/…   the browser's side: cookies, same-origin checks, pages       (browser)
//! /account  the user's own page                                           (browser)
//! /v1/…     the job's side: a client key, JSON, no cookies               (jobs)
//! ```
//!
//! ```no_run
//! # fn run(standin: standin::Standin) {
//! let app: axum::Router = axum::Router::new()
//!     .route("/", axum::routing::get(|| async { "my app" }))
//!     .merge(standin_axum::router(standin));
//! # }
//! ```
//!
//! A handler extracts, calls one service of the library, and maps what comes back through the one table of
//! errors in [`problem`]. Behind a proxy, put a [`ClientIp`] into each request's extensions; without one the
//! peer's address counts.

mod browser;
mod client_ip;
mod cookies;
mod isolation;
mod jobs;
mod json;
mod page;
pub mod problem;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn;
use axum::response::Response;
use http::header::{CACHE_CONTROL, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};
use standin::Standin;
use tower::util::MapResponseLayer;

use self::problem::Problem;

pub use client_ip::ClientIp;
pub use cookies::CurrentSession;

/// What every handler has.
#[derive(Clone)]
struct Shared {
    standin: Standin,
}

impl Shared {
    /// Counts what a guess may have come to: a refusal (requirement OC-9). That our database or a provider is away is
    /// nobody's guess, and who is limited already has been counted.
    async fn count_refusal(&self, client: ClientIp, problem: &Problem) {
        let status = problem.status();
        if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
            self.standin.limiter().failed(client.0).await;
        }
    }
}

impl FromRef<Shared> for Standin {
    fn from_ref(shared: &Shared) -> Self {
        shared.standin.clone()
    }
}

/// Both sides, with their state: merge it into an app that browsers reach at the `public_url`.
pub fn router(standin: Standin) -> Router {
    let shared = Shared { standin };
    Router::new()
        .merge(browser::router().route_layer(from_fn(isolation::isolate)))
        .merge(jobs::router())
        .with_state(shared)
        .layer(MapResponseLayer::new(keep_to_whoever_asked))
}

/// No answer of ours is kept anywhere, and no address of ours is told to anybody: a token may stand in the
/// one (requirement TV-5), a code in the other (requirement CB-8).
fn keep_to_whoever_asked(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    response
}
