//! Who may talk to an emulator: requests for its own host, and for the control API no foreign page.
//!
//! A page anywhere on the web can make a browser send requests to loopback. A name that resolves to
//! 127.0.0.1 shows in `Host`; a page's script shows in `Origin`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::control::Problem;
use crate::loopback;
use crate::state::Shared;

/// The refusal of a `Host` that is not one of this emulator's names. Before anything else: a request
/// for somebody else's host makes no world.
pub(crate) fn foreign_host(shared: &Shared, headers: &HeaderMap) -> Option<Response> {
    let refusal = (StatusCode::FORBIDDEN, "This host name is not one of the emulator's.\n");
    (!is_own_host(shared, headers)).then(|| refusal.into_response())
}

fn is_own_host(shared: &Shared, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let Ok(host) = host.to_str() else {
        return false;
    };
    [&shared.origin, &shared.browser_origin].into_iter().any(|own| authority(own) == Some(host))
        || host
            .strip_suffix(&format!(":{}", shared.port))
            .is_some_and(|name| ["127.0.0.1", "localhost", "[::1]"].contains(&name))
}

/// The host and port of a URL.
fn authority(url: &str) -> Option<&str> {
    url.split_once("://")?.1.split('/').next()
}

/// Refuses scripts of pages that are neither on this machine nor our own.
pub(crate) async fn local_origin(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let own = |origin: &str| authority(origin) == authority(&shared.browser_origin);
    let trusted = |origin: &str| is_loopback_origin(origin) || own(origin);
    match request.headers().get(header::ORIGIN) {
        Some(origin) if !origin.to_str().is_ok_and(trusted) => {
            let detail = "The control API does not answer pages of other machines.";
            Problem::new(StatusCode::FORBIDDEN, "foreign_origin", detail).into_response()
        }
        _ => next.run(request).await,
    }
}

fn is_loopback_origin(origin: &str) -> bool {
    url::Url::parse(origin).is_ok_and(|url| loopback::is_loopback(&url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_machine_are_local() {
        assert!(is_loopback_origin("http://127.0.0.1:8080"));
        assert!(is_loopback_origin("http://[::1]:1"));
        assert!(!is_loopback_origin("http://localhost.evil.example"));
        assert!(!is_loopback_origin("null"));
    }
}
