//! A discovery document: believed only of the issuer that was asked, with addresses that may be sent
//! secrets (requirements ID-22, AR-14).

use standin::provider::{Endpoint, Metadata, Transport};
use url::{Host, Url};

use crate::reference::{self, ISSUER};

pub(crate) fn run(json: &[u8]) -> bool {
    let strict = Metadata::parse(json, ISSUER, Transport::Https);
    let loose = Metadata::parse(json, ISSUER, Transport::LoopbackHttpAllowed);
    if let Ok(metadata) = &strict {
        assert_eq!(loose.as_ref(), Ok(metadata));
        assert!(endpoints(metadata).all(|endpoint| endpoint.url().scheme() == "https"));
    }
    if let Ok(metadata) = &loose {
        assert_eq!(metadata.issuer, ISSUER);
        assert!(reference::json(json).is_none_or(|written| written["issuer"] == ISSUER));
        endpoints(metadata).for_each(check);
    }
    strict.is_ok()
}

fn endpoints(metadata: &Metadata) -> impl Iterator<Item = &Endpoint> {
    let Metadata { authorization_endpoint, token_endpoint, jwks_uri, .. } = metadata;
    [authorization_endpoint, token_endpoint]
        .into_iter()
        .chain(jwks_uri)
        .chain(&metadata.revocation_endpoint)
        .chain(&metadata.userinfo_endpoint)
}

fn check(endpoint: &Endpoint) {
    let url = Url::parse(endpoint.as_str()).expect("an endpoint is a URL");
    assert_eq!(&url, endpoint.url());
    assert!(!endpoint.as_str().contains(['#', '\\', ' ', '\n', '\r', '\t']), "{endpoint}");
    assert!(!endpoint.as_str().split('/').nth(2).is_some_and(|host| host.contains('@')));
    let is_local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.octets()[0] == 127,
        Some(Host::Ipv6(address)) => address == std::net::Ipv6Addr::LOCALHOST,
        None => false,
    };
    assert!(url.scheme() == "https" || url.scheme() == "http" && is_local, "{endpoint}");
}
