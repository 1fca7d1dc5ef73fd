use super::AddressClass::*;
use super::*;
use url::{Host, Url};

fn judge(policy: &AddressPolicy, address: &str) -> Result<(), AddressClass> {
    policy.judge(address.parse().unwrap()).map_err(|refused| refused.class)
}

fn networks(written: &[&str]) -> AddressPolicy {
    AddressPolicy::public().and_networks(written.iter().map(|text| text.parse().unwrap()))
}

#[test]
fn hh_7_every_address_has_its_class() {
    for (class, addresses) in [
        (Public, "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 128.0.0.0"),
        (Public, "169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.167.255.255"),
        (Public, "192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255 168.63.129.17"),
        (Public, "2606:4700::1 2a00:1450:4001::200e 2001:200::1 2001:4860:4860::8888"),
        (Loopback, "127.0.0.1 127.1.2.3 127.255.255.255 ::1 ::ffff:127.0.0.1 64:ff9b::7f00:1"),
        (Private, "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.1 192.168.255.255"),
        (Private, "100.64.0.0 100.127.255.255 198.18.0.0 198.19.255.255"),
        (Private, "fc00:: fd12:3456::1 fdff:ffff::1 fec0::1 ::ffff:10.0.0.1 ::ffff:a00:1"),
        (Private, "64:ff9b::10.0.0.1 64:ff9b:1::1 64:ff9b:1:a9fe:a9:fe00:: 64:ff9b:1:ffff::"),
        (LinkLocal, "169.254.0.0 169.254.169.254 169.254.170.2 169.254.255.255 fe80::1 febf::1"),
        (LinkLocal, "::ffff:169.254.169.254 ::ffff:a9fe:a9fe 64:ff9b::a9fe:a9fe fd00:ec2::254"),
        (LinkLocal, "fd20:ce::254 fd00:c1::a9fe:a9fe 100.100.100.200 168.63.129.16 192.0.0.192"),
        (Unspecified, "0.0.0.0 0.1.2.3 :: ::ffff:0.0.0.0 64:ff9b::"),
        (Multicast, "224.0.0.1 239.255.255.255 ff02::1 ff0e::1"),
        (Broadcast, "255.255.255.255 ::ffff:255.255.255.255"),
        (Documentation, "192.0.2.1 198.51.100.7 203.0.113.255 2001:db8::1 3fff:fff::1"),
        (Reserved, "192.0.0.8 192.88.99.1 240.0.0.1 255.255.255.254"),
        // IPv4-compatible, 6to4 and Teredo around 127.0.0.1, 169.254.169.254, 10.0.0.1 and 8.8.8.8.
        (
            Reserved,
            "::127.0.0.1 ::a9fe:a9fe ::8.8.8.8 2002:7f00:1::1 2002:a9fe:a9fe:: 2002:808:808::",
        ),
        (Reserved, "2001::1 2001:0:a00:1::1 2001:0:4136:e378:8000:63bf:f5ff:fffe 2001:1ff::1"),
        // Translated (RFC 2765), discarded, segment routing, and what nobody was given.
        (
            Reserved,
            "::ffff:0:127.0.0.1 100::1 5f00::1 64:ff9b:2::1 4000::1 8000::1 fbff::1 fe00::1",
        ),
    ] {
        for address in addresses.split(' ') {
            assert_eq!(class::classify(address.parse().unwrap()).0, class, "{address}");
        }
    }
}

#[test]
fn hh_7_by_default_only_public_addresses_are_talked_to() {
    for policy in [AddressPolicy::default(), AddressPolicy::public()] {
        assert_eq!(judge(&policy, "1.1.1.1"), Ok(()));
        assert_eq!(judge(&policy, "64:ff9b::1.1.1.1"), Ok(()));
        assert_eq!(judge(&policy, "::ffff:127.0.0.1"), Err(Loopback));
        assert_eq!(judge(&policy, "10.0.0.1"), Err(Private));
        assert!(policy.is_https_only());
    }
}

#[test]
fn hh_7_in_development_loopback_is_talked_to_and_nothing_else() {
    let policy = AddressPolicy::public().and_loopback();
    for loopback in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "1.1.1.1"] {
        assert_eq!(judge(&policy, loopback), Ok(()), "{loopback}");
    }
    assert_eq!(judge(&policy, "0.0.0.0"), Err(Unspecified));
    assert_eq!(judge(&policy, "192.168.0.1"), Err(Private));
    assert_eq!(judge(&policy, "::ffff:169.254.169.254"), Err(LinkLocal));
    assert!(!policy.is_https_only());
}

#[test]
fn hh_7_a_network_is_talked_to_where_an_operator_names_it() {
    let policy = networks(&["10.1.0.0/16", "fd12::/32", "192.168.1.7", "127.0.0.0/8"]);
    for named in ["10.1.255.255", "::ffff:10.1.0.1", "fd12::1", "192.168.1.7", "127.0.0.1"] {
        assert_eq!(judge(&policy, named), Ok(()), "{named}");
    }
    for other in ["10.2.0.1", "fd13::1", "192.168.1.8", "fd12:1::1"] {
        assert_eq!(judge(&policy, other), Err(Private), "{other}");
    }
    assert!(policy.is_https_only());
}

#[test]
fn hh_7_metadata_is_reached_only_through_a_network_that_means_it() {
    for (wide, address) in [
        ("169.0.0.0/8", "169.254.169.254"),
        ("169.254.0.0/15", "::ffff:169.254.169.254"),
        ("fd00::/8", "fd00:ec2::254"),
        ("fd00:ec2::/64", "fd00:ec2::254"),
        ("fe00::/8", "fe80::1"),
        ("100.64.0.0/10", "100.100.100.200"),
        ("64:ff9b::/96", "64:ff9b::a9fe:a9fe"),
    ] {
        assert_eq!(judge(&networks(&[wide]), address), Err(LinkLocal), "{wide}");
    }
    for (exact, address) in [
        ("169.254.0.0/16", "169.254.169.254"),
        ("169.254.169.254", "169.254.169.254"),
        ("fd00:ec2::254", "fd00:ec2::254"),
        ("fe80::/10", "fe80::1"),
        ("100.100.100.200/32", "100.100.100.200"),
    ] {
        assert_eq!(judge(&networks(&[exact]), address), Ok(()), "{exact}");
    }
}

#[test]
fn a_network_is_read_strictly() {
    for (written, complaint) in [
        ("", "\"\" is neither an address nor a network, such as \"10.1.0.0/16\""),
        (
            "10.1.0.0/33",
            "\"10.1.0.0/33\" is neither an address nor a network, such as \"10.1.0.0/16\"",
        ),
        (
            "idp.internal",
            "\"idp.internal\" is neither an address nor a network, such as \"10.1.0.0/16\"",
        ),
        (
            "10.1.2.3/16",
            "10.1.2.3/16 is an address within a network; write the network, 10.1.0.0/16",
        ),
        (
            "::ffff:10.1.0.0/112",
            "::ffff:10.1.0.0/112 is an IPv4 network in the form of IPv6; write it as IPv4",
        ),
        (
            "0.0.0.0/0",
            "0.0.0.0/0 is every address, so nothing would be refused any more; name the provider's network",
        ),
        (
            "::/0",
            "::/0 is every address, so nothing would be refused any more; name the provider's network",
        ),
    ] {
        assert_eq!(written.parse::<Network>().unwrap_err().to_string(), complaint);
    }
    assert_eq!("10.1.0.0/16".parse::<Network>().unwrap().to_string(), "10.1.0.0/16");
    assert_eq!("10.1.0.7".parse::<Network>().unwrap().to_string(), "10.1.0.7/32");
}

/// Other ways to write an address are addresses too, before anything is resolved.
#[test]
fn hh_7_a_url_has_no_second_spelling_of_an_address() {
    for (spelling, address) in [
        ("127.1", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0", "0.0.0.0"),
        ("１２７.0.0.1", "127.0.0.1"),
        ("127。0。0。1", "127.0.0.1"),
        ("%31%32%37.0.0.1", "127.0.0.1"),
        ("2852039166", "169.254.169.254"),
        ("[::ffff:7f00:1]", "::ffff:127.0.0.1"),
        ("[0:0:0:0:0:0:0:1]", "::1"),
    ] {
        let url = Url::parse(&format!("https://{spelling}/")).unwrap();
        let host = match url.host().unwrap() {
            Host::Domain(name) => panic!("{spelling} is taken for the name {name}"),
            Host::Ipv4(address) => IpAddr::V4(address),
            Host::Ipv6(address) => IpAddr::V6(address),
        };
        assert_eq!(host, address.parse::<IpAddr>().unwrap(), "{spelling}");
        assert!(AddressPolicy::public().judge(host).is_err(), "{spelling}");
    }
}
