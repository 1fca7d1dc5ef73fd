//! Counting requests by route and status, and by nothing that whoever asks can choose (requirement HH-11).

use axum::extract::MatchedPath;
use http::{Method, Request, StatusCode};

use crate::metrics::REQUESTS;

/// A request that is not answered yet.
#[derive(Debug)]
pub struct Counted {
    method: &'static str,
    route: Option<MatchedPath>,
}

impl Counted {
    /// Begins with a request that the router has placed.
    #[must_use]
    pub fn begin<B>(request: &Request<B>) -> Self {
        Self { method: method(request.method()), route: request.extensions().get().cloned() }
    }

    /// Counts it.
    pub fn end(self, status: StatusCode) {
        let route = self.route.as_ref().map_or("none", MatchedPath::as_str).to_owned();
        let (method, status) = (self.method, class(status));
        let requests = metrics::counter!(
            REQUESTS.name, "method" => method, "route" => route, "status" => status
        );
        requests.increment(1);
    }
}

/// Anybody can make up a method.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::DELETE => "DELETE",
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::POST => "POST",
        Method::PUT => "PUT",
        _ => "other",
    }
}

const fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}
