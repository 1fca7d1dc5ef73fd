//! What an address is, by the registries of special-purpose addresses (RFC 6890 and IANA's lists of it).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressClass {
    /// Everybody on the network segment, or all of them.
    Broadcast,
    /// Set aside for examples.
    Documentation,
    /// A neighbour on the link, or the service that tells a cloud machine its credentials.
    LinkLocal,
    /// This machine.
    Loopback,
    /// A group of machines.
    Multicast,
    /// Of a network that is not the internet: private, shared (CGNAT), unique local, benchmarking.
    Private,
    /// Anybody's, on the internet.
    Public,
    /// Not (or no longer) in use on the internet, or a tunnel into addresses that cannot be seen.
    Reserved,
    /// No address: many systems take it for this machine.
    Unspecified,
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broadcast => "a broadcast address",
            Self::Documentation => "an address for documentation",
            Self::LinkLocal => "a link-local or metadata address",
            Self::Loopback => "a loopback address",
            Self::Multicast => "a multicast address",
            Self::Private => "a private address",
            Self::Public => "a public address",
            Self::Reserved => "a reserved address",
            Self::Unspecified => "the unspecified address",
        })
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(parts: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, rest @ ..] = parts;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, rest[0], rest[1], rest[2], rest[3]), prefix)
}

/// The first that holds an address decides.
const V4: [(Ipv4Net, AddressClass); 19] = [
    (v4(0, 0, 0, 0, 8), AddressClass::Unspecified),
    (v4(10, 0, 0, 0, 8), AddressClass::Private),
    // The metadata services of Alibaba, Azure and Oracle, which stand outside of 169.254.0.0/16.
    (v4(100, 100, 100, 200, 32), AddressClass::LinkLocal),
    (v4(168, 63, 129, 16, 32), AddressClass::LinkLocal),
    (v4(192, 0, 0, 192, 32), AddressClass::LinkLocal),
    (v4(100, 64, 0, 0, 10), AddressClass::Private),
    (v4(127, 0, 0, 0, 8), AddressClass::Loopback),
    (v4(169, 254, 0, 0, 16), AddressClass::LinkLocal),
    (v4(172, 16, 0, 0, 12), AddressClass::Private),
    (v4(192, 0, 0, 0, 24), AddressClass::Reserved),
    (v4(192, 0, 2, 0, 24), AddressClass::Documentation),
    (v4(192, 88, 99, 0, 24), AddressClass::Reserved),
    (v4(192, 168, 0, 0, 16), AddressClass::Private),
    (v4(198, 18, 0, 0, 15), AddressClass::Private),
    (v4(198, 51, 100, 0, 24), AddressClass::Documentation),
    (v4(203, 0, 113, 0, 24), AddressClass::Documentation),
    (v4(224, 0, 0, 0, 4), AddressClass::Multicast),
    (v4(255, 255, 255, 255, 32), AddressClass::Broadcast),
    (v4(240, 0, 0, 0, 4), AddressClass::Reserved),
];
const V4_ELSE: (Ipv4Net, AddressClass) = (v4(0, 0, 0, 0, 0), AddressClass::Public);

/// The same for IPv6, the other way about: only what is global unicast and nothing special is public.
/// IPv4-compatible addresses are among the rest (deprecated by RFC 4291).
const V6: [(Ipv6Net, AddressClass); 15] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), AddressClass::Unspecified),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), AddressClass::Loopback),
    // The metadata services of Amazon, Google and Oracle.
    (v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128), AddressClass::LinkLocal),
    (v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128), AddressClass::LinkLocal),
    (v6([0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128), AddressClass::LinkLocal),
    // A translation of somebody's own choice: where in it the IPv4 address stands cannot be known (RFC 8215).
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), AddressClass::Private),
    // Teredo, and what else is set aside for protocols.
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), AddressClass::Reserved),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), AddressClass::Documentation),
    // 6to4, whatever IPv4 address it embeds (deprecated by RFC 7526).
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), AddressClass::Reserved),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), AddressClass::Documentation),
    (v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3), AddressClass::Public),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), AddressClass::Private),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), AddressClass::LinkLocal),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), AddressClass::Private),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), AddressClass::Multicast),
];
const V6_ELSE: (Ipv6Net, AddressClass) = (v6([0, 0, 0, 0, 0, 0, 0, 0], 0), AddressClass::Reserved);

/// The well-known prefix of NAT64 (RFC 6052): what stands behind it is an IPv4 address.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

/// What `address` is, and the range that makes it so. An address that only carries an IPv4 address is what
/// that one is.
pub(super) fn classify(address: IpAddr) -> (AddressClass, IpNet) {
    match carried(address) {
        IpAddr::V4(address) => {
            let found = V4.iter().find(|(range, _)| range.contains(&address));
            let (range, class) = *found.unwrap_or(&V4_ELSE);
            (class, range.into())
        }
        IpAddr::V6(address) => {
            let found = V6.iter().find(|(range, _)| range.contains(&address));
            let (range, class) = *found.unwrap_or(&V6_ELSE);
            (class, range.into())
        }
    }
}

/// The IPv4 address that is reached through `address`, mapped or translated; else `address` itself.
pub(super) fn carried(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(translated) if NAT64.contains(&translated) => {
            let [.., a, b, c, d] = translated.octets();
            IpAddr::from([a, b, c, d])
        }
        address => address,
    }
}
