//! Addresses that may be talked to: https, or plain http to this very machine during development.
//!
//! A text from the configuration or from a discovery document goes in; what comes out can be sent a secret
//! as far as its form goes (requirements AR-14, HH-7).

use std::fmt;

use url::{Host, Url};

/// What may lie between us and a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// TLS, always.
    #[default]
    Https,
    /// TLS, or plain http to a loopback address: for the emulator and for tests, never in production.
    LoopbackHttpAllowed,
}

/// An absolute address of a provider, without credentials and without fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

impl Endpoint {
    /// Reads an address.
    pub fn parse(text: &str, transport: Transport) -> Result<Self, EndpointFault> {
        // The parser would remove these without a word, and the address shown would not be the one called.
        if text.contains(|c: char| c.is_ascii_control() || c.is_whitespace() || c == '\\') {
            return Err(EndpointFault::Malformed);
        }
        let url = Url::parse(text).map_err(|_| EndpointFault::Malformed)?;
        let plain_allowed = transport == Transport::LoopbackHttpAllowed && is_loopback(&url);
        match url.scheme() {
            "https" => {}
            "http" if plain_allowed => {}
            _ => return Err(EndpointFault::Insecure),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointFault::Credentials);
        }
        if url.fragment().is_some() {
            return Err(EndpointFault::Fragment);
        }
        Ok(Self(url))
    }

    /// As the HTTP client takes it.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether scheme, host and port are the same: whether a secret sent to one reaches the same party as
    /// one sent to the other.
    #[must_use]
    pub fn same_origin(&self, other: &Self) -> bool {
        self.0.origin() == other.0.origin()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an address may not be talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointFault {
    /// A user name or a password before the host.
    #[error("an endpoint's address must not hold credentials")]
    Credentials,
    /// Something after `#`.
    #[error("an endpoint's address must not have a fragment")]
    Fragment,
    /// Neither https nor, where that is allowed, http to a loopback address.
    #[error("an endpoint must be https; plain http is only for loopback addresses in development")]
    Insecure,
    /// Not an absolute URL.
    #[error("an endpoint's address must be an absolute URL")]
    Malformed,
}

/// `localhost` counts: RFC 6761 §6.3 keeps it on this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ar_14_only_https_is_an_endpoint_in_production() {
        let parse = |text| Endpoint::parse(text, Transport::Https).map(|_| ());
        assert_eq!(parse("https://idp.example/token?tenant=1"), Ok(()));
        for (text, fault) in [
            ("http://idp.example/token", EndpointFault::Insecure),
            ("http://127.0.0.1:9090/token", EndpointFault::Insecure),
            ("http://localhost/token", EndpointFault::Insecure),
            ("file:///etc/passwd", EndpointFault::Insecure),
            ("ftp://idp.example/", EndpointFault::Insecure),
            ("data:application/json,{}", EndpointFault::Insecure),
            ("https://u@idp.example/", EndpointFault::Credentials),
            ("https://:p@idp.example/", EndpointFault::Credentials),
            ("https://idp.example/#", EndpointFault::Fragment),
            ("https://idp.example/#a", EndpointFault::Fragment),
            ("", EndpointFault::Malformed),
            ("/token", EndpointFault::Malformed),
            ("https://", EndpointFault::Malformed),
            (" https://idp.example/", EndpointFault::Malformed),
            ("https://idp.example/\n", EndpointFault::Malformed),
            ("https:\\\\idp.example", EndpointFault::Malformed),
        ] {
            assert_eq!(parse(text), Err(fault), "{text:?}");
        }
    }

    #[test]
    fn ar_14_plain_http_is_for_loopback_addresses_where_it_is_allowed() {
        let parse = |text| Endpoint::parse(text, Transport::LoopbackHttpAllowed).is_ok();
        for text in [
            "https://idp.example/",
            "http://127.0.0.1:9090/token",
            "http://127.8.9.1/",
            "http://[::1]:80/",
            "http://localhost:9090/",
        ] {
            assert!(parse(text), "{text}");
        }
        for text in [
            "http://idp.example/",
            "http://localhost.evil.example/",
            "http://127.0.0.1.evil.example/",
            "http://169.254.169.254/",
            "http://[::ffff:127.0.0.1]/",
            "http://0.0.0.0/",
        ] {
            assert!(!parse(text), "{text}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let parse = |text| Endpoint::parse(text, Transport::LoopbackHttpAllowed).unwrap();
        let here = parse("https://idp.example/a");
        assert!(here.same_origin(&parse("https://IDP.example:443/b")));
        for other in ["https://idp.example:444/a", "https://evil.example/a", "http://localhost/a"] {
            assert!(!here.same_origin(&parse(other)), "{other}");
        }
    }
}
