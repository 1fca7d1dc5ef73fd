//! Addresses: the public URL, issuers and listeners, and which of them may go together.

use std::net::{IpAddr, SocketAddr};

use standin::http::AddressPolicy;
use url::{Host, Url};

use super::error::ConfigError;

/// The address that browsers see: scheme, host, port, and nothing else.
pub(super) fn public_url(written: Option<String>) -> Result<Url, ConfigError> {
    let wrong = |problem: &str| ConfigError::invalid("public_url", problem);
    let written = written.ok_or_else(|| {
        wrong("missing; write the address that browsers see, such as \"https://app.example.com\"")
    })?;
    let url = Url::parse(&written)
        .map_err(|error| wrong(&format!("\"{written}\" is not a URL ({error})")))?;
    let has_more = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
    if has_more || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "must be scheme, host and port only: cookies belong to the whole host, so a path would promise a separation that is not there",
        ));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(wrong(
            "must be https: over http anybody on the way could take the session; http is for a loopback address, in development",
        )),
        _ => Err(wrong("must begin with https://")),
    }
}

/// An issuer, kept letter for letter. Plain http is for an emulator beside a development server.
pub(super) fn issuer(
    key: &str,
    written: String,
    policy: &AddressPolicy,
) -> Result<String, ConfigError> {
    let wrong = |problem: &str| ConfigError::invalid(key, problem);
    let url = Url::parse(&written)
        .map_err(|error| wrong(&format!("\"{written}\" is not a URL ({error})")))?;
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(wrong(
            "an issuer has no query, fragment or user name (OpenID Connect Discovery §3)",
        ));
    }
    match url.scheme() {
        "https" => {
            let judged = written_address(&url).map_or(Ok(()), |address| policy.judge(address));
            judged.map_err(|refused| wrong(&refused.to_string()))?;
            Ok(written)
        }
        "http" if !policy.is_https_only() && is_loopback(&url) => Ok(written),
        "http" => Err(wrong(
            "must be https: over http anybody on the way could sign in as anybody; http is for an emulator on a loopback address, and only while public_url is http://localhost or another loopback address",
        )),
        _ => Err(wrong("must begin with https://")),
    }
}

/// A listener's address. One that others can reach must not speak for a development server.
pub(super) fn listener(
    key: &str,
    written: &str,
    flag: Option<SocketAddr>,
    is_development: bool,
) -> Result<SocketAddr, ConfigError> {
    let wrong = |problem: String| ConfigError::invalid(key, problem);
    let address = match flag {
        Some(address) => address,
        None => written.parse().map_err(|_| {
            wrong(format!(
                "\"{written}\" is not an IP address and a port, such as \"127.0.0.1:8080\""
            ))
        })?,
    };
    if is_development && !address.ip().is_loopback() {
        return Err(wrong(format!(
            "{address} can be reached by others while public_url is plain http; listen on 127.0.0.1, or give an https public_url"
        )));
    }
    Ok(address)
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        _ => written_address(url).is_some_and(|address| address.is_loopback()),
    }
}

/// The host, where it is an address and no name.
fn written_address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(IpAddr::V4(address)),
        Host::Ipv6(address) => Some(IpAddr::V6(address)),
    }
}
