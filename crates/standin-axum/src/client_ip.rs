//! Whose request it is, for limits.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;

/// The address of the client. A server behind proxies puts it into the request's extensions, from a header
/// that only those proxies can set; otherwise the peer's address is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientIp(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for ClientIp {
    type Rejection = Infallible;

    /// Where nothing is known, everybody is one client: limits then hold for all together.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().copied();
        let peer = || parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| Self(peer.ip()));
        Ok(known.or_else(peer).unwrap_or(Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
    }
}
