//! Whom a request is addressed to: one of our names, or it is not for us (requirement HH-5).
//!
//! A page of a stranger can make a browser resolve the stranger's name to our address and then read our
//! answers as its own. It cannot make the browser send our name.

use std::net::{IpAddr, SocketAddr};

use http::header::HOST;
use http::uri::Authority;
use http::{Request, StatusCode};
use url::Url;

use super::problem::Problem;

/// The names of one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHosts {
    names: Vec<String>,
    /// Whether an address instead of a name is enough. No name can be made to resolve to a request with
    /// an address in it.
    any_address: bool,
}

impl AllowedHosts {
    /// For browsers and jobs: the public name, the configured ones, and `bound` as this machine calls it.
    #[must_use]
    pub fn public(public_url: &Url, configured: &[String], bound: SocketAddr) -> Self {
        let host = public_url.host_str().unwrap_or_default();
        let port = public_url.port_or_known_default().unwrap_or_default();
        let mut names = vec![format!("{host}:{port}")];
        if public_url.port().is_none() {
            names.push(host.to_owned());
        }
        names.extend(configured.iter().cloned());
        names.push(bound.to_string());
        if bound.ip().is_loopback() || bound.ip().is_unspecified() {
            let port = bound.port();
            let local = ["127.0.0.1", "localhost", "[::1]"];
            names.extend(local.iter().map(|name| format!("{name}:{port}")));
        }
        Self { names, any_address: false }
    }

    /// For operators: any address (probes use the pod's), `localhost`, and the configured names.
    #[must_use]
    pub fn operator(configured: &[String], bound: SocketAddr) -> Self {
        let mut names = configured.to_vec();
        names.push(format!("localhost:{}", bound.port()));
        Self { names, any_address: true }
    }

    /// Whether the request is for us, and says so once.
    pub fn check<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        let host = stated_host(request).ok_or_else(|| {
            let detail = "A request must say once, and only once, which host it is for.";
            Problem::new(StatusCode::BAD_REQUEST, "invalid_host", detail)
        })?;
        if self.allows(host) {
            return Ok(());
        }
        let detail = "This service does not answer for that host. A proxy in front must pass the Host header on; further names go into `allowed_hosts`.";
        Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "misdirected_request", detail))
    }

    fn allows(&self, host: &str) -> bool {
        let is_known = self.names.iter().any(|name| name.eq_ignore_ascii_case(host));
        is_known || self.any_address && is_address(host)
    }
}

/// HTTP/1 says it in the header, HTTP/2 in `:authority`; where both are there they must agree.
fn stated_host<B>(request: &Request<B>) -> Option<&str> {
    let mut lines = request.headers().get_all(HOST).iter();
    let header = match lines.next() {
        Some(line) => Some(line.to_str().ok()?),
        None => None,
    };
    if lines.next().is_some() {
        return None;
    }
    match (request.uri().authority().map(Authority::as_str), header) {
        (None, header) => header,
        (Some(authority), None) => Some(authority),
        (Some(authority), Some(header)) => {
            authority.eq_ignore_ascii_case(header).then_some(authority)
        }
    }
}

fn is_address(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<SocketAddr>().is_ok() || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(hosts: &AllowedHosts, uri: &str, headers: &[&str]) -> u16 {
        let mut request = Request::builder().uri(uri);
        for host in headers {
            request = request.header(HOST, *host);
        }
        match hosts.check(&request.body(()).unwrap()) {
            Ok(()) => 200,
            Err(problem) => axum::response::IntoResponse::into_response(problem).status().as_u16(),
        }
    }

    fn public() -> AllowedHosts {
        let url = "https://app.example.com".parse().unwrap();
        let configured = ["standin.internal:8080".to_owned()];
        AllowedHosts::public(&url, &configured, "127.0.0.1:8080".parse().unwrap())
    }

    #[test]
    fn answers_to_its_own_names_only() {
        for ours in [
            "app.example.com",
            "APP.example.com:443",
            "standin.internal:8080",
            "localhost:8080",
            "127.0.0.1:8080",
        ] {
            assert_eq!(status(&public(), "/", &[ours]), 200, "{ours}");
        }
        for other in ["evil.example", "app.example.com:8443", "127.0.0.1:9", "localhost", ""] {
            assert_eq!(status(&public(), "/", &[other]), 421, "{other}");
        }
    }

    #[test]
    fn one_host_and_one_only() {
        assert_eq!(status(&public(), "/", &[]), 400);
        assert_eq!(status(&public(), "/", &["app.example.com", "app.example.com"]), 400);
        let absolute = "https://app.example.com/";
        assert_eq!(status(&public(), absolute, &[]), 200);
        assert_eq!(status(&public(), absolute, &["app.example.com"]), 200);
        assert_eq!(status(&public(), absolute, &["evil.example"]), 400);
    }

    #[test]
    fn operators_may_use_addresses_but_no_strange_names() {
        let hosts = AllowedHosts::operator(&[], "10.0.0.7:8081".parse().unwrap());
        for (host, expected) in [
            ("10.0.0.7:8081", 200),
            ("[::1]:8081", 200),
            ("localhost:8081", 200),
            ("rebound.example:8081", 421),
        ] {
            assert_eq!(status(&hosts, "/", &[host]), expected, "{host}");
        }
    }
}
