//! Standin's HTTP, for axum.
//!
//! ```text
//! /auth/…   the browser's side: cookies, same-origin checks, pages       (browser)
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
mod jobs;
mod json;
mod limiter;
mod page;
pub mod problem;

use axum::Router;
use standin::Standin;

pub use client_ip::ClientIp;
pub use cookies::CurrentSession;
use limiter::Limiter;

/// What every handler has.
#[derive(Clone)]
struct Shared {
    standin: Standin,
    limiter: Limiter,
}

/// Both sides, with their state: merge it into an app that browsers reach at the `public_url`.
pub fn router(standin: Standin) -> Router {
    let limiter = Limiter::new();
    let shared = Shared { standin, limiter };
    Router::new()
        .merge(browser::router())
        .merge(jobs::router())
        .with_state(shared)
}
