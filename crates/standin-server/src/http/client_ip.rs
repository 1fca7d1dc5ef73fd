//! Whose address a request has: the peer's, unless the peer is a proxy that we trust (requirement HH-6).
//!
//! `X-Forwarded-For` grows to the right, so whatever a client forges stands left of what our own proxies
//! wrote: read from the right, the first address that is no proxy of ours is the client.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;
use standin_axum::ClientIp;

/// The networks whose `X-Forwarded-For` is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// From addresses and networks. Everybody is no proxy: a network of all addresses is refused.
    ///
    /// # Errors
    /// What is wrong, and with which of them.
    pub fn parse(written: &[String]) -> Result<Self, String> {
        written.iter().map(|text| network(text)).collect::<Result<_, _>>().map(Self)
    }

    /// As they can be written in the configuration.
    #[must_use]
    pub fn written(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// The client behind `peer`.
    #[must_use]
    pub fn client_of(&self, peer: IpAddr, headers: &HeaderMap) -> ClientIp {
        let mut client = peer.to_canonical();
        let lines = headers.get_all("x-forwarded-for").iter();
        let hops: Vec<&str> =
            lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).collect();
        for hop in hops.into_iter().rev() {
            if !self.trusts(client) {
                break;
            }
            match address(hop.trim()) {
                Some(address) => client = address,
                // Nobody of ours writes that: what is left of it proves nothing.
                None => break,
            }
        }
        ClientIp(client)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let network =
        text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
            format!("\"{text}\" is neither an address nor a network, such as \"10.0.0.0/8\"")
        })?;
    match network.prefix_len() {
        0 => Err(format!(
            "{text} is everybody, so any client could claim any address; name your proxies"
        )),
        _ => Ok(network),
    }
}

/// Some proxies write a port behind the address.
fn address(hop: &str) -> Option<IpAddr> {
    hop.parse()
        .or_else(|_| hop.trim_matches(['[', ']']).parse())
        .ok()
        .or_else(|| hop.parse().map(|with_port: std::net::SocketAddr| with_port.ip()).ok())
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let proxies = ["10.0.0.0/8".to_owned(), "::1".to_owned()];
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        let proxies = TrustedProxies::parse(&proxies).unwrap();
        proxies.client_of(peer.parse().unwrap(), &headers).0.to_string()
    }

    #[test]
    fn hh_6_a_stranger_cannot_claim_an_address() {
        assert_eq!(client("203.0.113.9", &["1.1.1.1"]), "203.0.113.9");
    }

    #[test]
    fn hh_6_behind_a_proxy_the_right_most_stranger_is_the_client() {
        assert_eq!(client("10.0.0.1", &["6.6.6.6, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["6.6.6.6", "203.0.113.9, 10.2.2.2"]), "203.0.113.9");
        assert_eq!(client("::ffff:10.0.0.1", &["203.0.113.9:443"]), "203.0.113.9");
        assert_eq!(client("::1", &["[2001:db8::1]:443"]), "2001:db8::1");
    }

    #[test]
    fn what_no_proxy_writes_ends_the_search() {
        assert_eq!(client("10.0.0.1", &["6.6.6.6, unknown, 10.2.2.2"]), "10.2.2.2");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn everybody_is_refused() {
        for everybody in ["0.0.0.0/0", "::/0"] {
            assert!(TrustedProxies::parse(&[everybody.to_owned()]).is_err());
        }
    }
}
