//! What may be called, by the look of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use offpeak_core::ports::Forbidden;
use offpeak_webhook::guard::Guard;
use proptest::prelude::*;

const STRICT: Guard = Guard { allow_private: false };
const LIFTED: Guard = Guard { allow_private: true };

/// Networks of which no address may be called, each by its first and its last address.
const INSIDE_V4: [(&str, &str); 16] = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "239.255.255.255"),
    ("240.0.0.0", "255.255.255.255"),
];

const INSIDE_V6: [(&str, &str); 13] = [
    ("::", "::fffe:ffff:ffff"), // unspecified, loopback, IPv4-compatible
    ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"), // NAT64 of a network's own
    ("100::", "100::ffff:ffff:ffff:ffff"), // discarded
    ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"), // Teredo
    ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"), // benchmarking
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"), // documentation
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), // 6to4
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"), // documentation
    ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), // segment routing
    ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), // unique local, with fd00:ec2::254
    ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), // link-local
    ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), // site-local
    ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), // multicast
];

/// What lies beside these networks, and other public addresses.
const PUBLIC: [&str; 32] = [
    "1.0.0.0",
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.15",
    "168.63.129.17",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.3.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "203.0.114.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450:4001:800::200e",
    "3fff:1000::",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2003::1",
];

fn first_and_last<A: std::str::FromStr>((first, last): (&str, &str)) -> (A, A)
where
    A::Err: std::fmt::Debug,
{
    (first.parse().unwrap(), last.parse().unwrap())
}

fn behind(prefix: &str, address: Ipv4Addr) -> IpAddr {
    let prefix: Ipv6Addr = prefix.parse().unwrap();
    Ipv6Addr::from_bits(prefix.to_bits() | u128::from(address.to_bits())).into()
}

/// An address of the networks, and the same as it stands in IPv6 addresses.
fn inside_v4() -> impl Strategy<Value = Vec<IpAddr>> {
    let networks = prop::sample::select(&INSIDE_V4[..]).prop_map(first_and_last::<Ipv4Addr>);
    let bits = networks.prop_flat_map(|(first, last)| first.to_bits()..=last.to_bits());
    bits.prop_map(|bits| {
        let address = Ipv4Addr::from_bits(bits);
        let embedded = ["::ffff:0:0", "64:ff9b::", "::"].map(|prefix| behind(prefix, address));
        std::iter::once(address.into()).chain(embedded).collect()
    })
}

fn inside_v6() -> impl Strategy<Value = IpAddr> {
    let networks = prop::sample::select(&INSIDE_V6[..]).prop_map(first_and_last::<Ipv6Addr>);
    let bits = networks.prop_flat_map(|(first, last)| first.to_bits()..=last.to_bits());
    bits.prop_map(|bits| Ipv6Addr::from_bits(bits).into())
}

/// A URL of an address.
fn url(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("https://{address}/hook"),
        IpAddr::V6(address) => format!("https://[{address}]/hook"),
    }
}

fn refuses(address: IpAddr) -> bool {
    let alone = STRICT.address(address) == Err(Forbidden::Address);
    alone && STRICT.url(&url(address)) == Err(Forbidden::Address)
}

proptest! {
    #[test]
    fn no_ipv4_address_inside_passes_in_any_form(addresses in inside_v4()) {
        for address in addresses {
            prop_assert!(refuses(address), "{address}");
        }
    }

    #[test]
    fn no_ipv6_address_inside_passes(address in inside_v6()) {
        prop_assert!(refuses(address), "{address}");
    }

    #[test]
    fn an_embedded_address_is_what_it_stands_for(bits: u32) {
        let address = Ipv4Addr::from_bits(bits);
        for prefix in ["::ffff:0:0", "64:ff9b::"] {
            prop_assert_eq!(STRICT.address(behind(prefix, address)), STRICT.address(address.into()));
        }
    }

    #[test]
    fn no_text_panics(text in ".*", host in "[0-9a-fx.:\\[\\]%@-]{0,40}") {
        let _ = STRICT.url(&text);
        let _ = STRICT.url(&format!("https://{host}/"));
    }
}

#[test]
fn the_ends_of_each_network_are_inside() {
    for network in INSIDE_V4 {
        let (first, last) = first_and_last::<Ipv4Addr>(network);
        assert!(refuses(first.into()) && refuses(last.into()), "{network:?}");
    }
    for network in INSIDE_V6 {
        let (first, last) = first_and_last::<Ipv6Addr>(network);
        assert!(refuses(first.into()) && refuses(last.into()), "{network:?}");
    }
}

#[test]
fn metadata_services_are_inside() {
    for address in ["169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200", "192.0.0.192"] {
        assert!(refuses(address.parse().unwrap()), "{address}");
    }
}

#[test]
fn public_addresses_pass() {
    for address in PUBLIC {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(STRICT.address(address), Ok(()), "{address}");
        assert!(STRICT.url(&url(address)).is_ok(), "{address}");
    }
}

#[test]
fn every_spelling_of_an_address_is_that_address() {
    for host in [
        "2130706433",
        "0x7f000001",
        "017700000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "127.0.0.1.",
        "127%2e0.0.1",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "127。0。0。1",
        "0xA9.0xFE.0xA9.0xFE",
        "0251.0376.0251.0376",
        "2852039166",
        "0",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
    ] {
        assert_eq!(STRICT.url(&format!("https://{host}/")), Err(Forbidden::Address), "{host}");
    }
}

#[test]
fn what_is_no_plain_https_url_is_refused() {
    for (text, expected) in [
        ("", Forbidden::Malformed),
        ("/hook", Forbidden::Malformed),
        ("hooks.example.com/a", Forbidden::Malformed),
        ("https://", Forbidden::Malformed),
        ("https://:443/", Forbidden::Malformed),
        ("https://exa mple.com/", Forbidden::Malformed),
        ("https://1.2.3.4.5/", Forbidden::Malformed),
        ("https://256.0.0.1/", Forbidden::Malformed),
        ("https://example.com:65536/", Forbidden::Malformed),
        ("https://[fe80::1%25eth0]/", Forbidden::Malformed),
        ("https://a\"b/", Forbidden::Malformed),
        ("http://hooks.example.com/", Forbidden::NotHttps),
        ("HTTP://hooks.example.com/", Forbidden::NotHttps),
        ("ftp://hooks.example.com/", Forbidden::NotHttps),
        ("file:///etc/passwd", Forbidden::NotHttps),
        ("gopher://hooks.example.com/", Forbidden::NotHttps),
        ("data:text/plain,a", Forbidden::NotHttps),
        ("https://user@hooks.example.com/", Forbidden::Credentials),
        ("https://:word@hooks.example.com/", Forbidden::Credentials),
        ("https://user:word@hooks.example.com/", Forbidden::Credentials),
        ("https://8.8.8.8@127.0.0.1/", Forbidden::Credentials),
        ("https://127.0.0.1\\@8.8.8.8/", Forbidden::Address),
        ("https:127.0.0.1", Forbidden::Address),
    ] {
        assert_eq!(STRICT.url(text), Err(expected), "{text}");
    }
}

#[test]
fn names_pass_to_be_resolved() {
    for text in [
        "https://hooks.example.com/a?b=c",
        "HTTPS://HOOKS.EXAMPLE.COM",
        "https://hooks.example.com./a",
        "https://hooks.example.com:8443/",
        "https://bücher.example/",
        "https://localhost/",
        "https://a_b.example.com/{x}|y",
    ] {
        assert!(STRICT.url(text).is_ok(), "{text}");
    }
}

#[test]
fn the_longest_url_has_2048_bytes() {
    let longest = format!("https://hooks.example.com/{}", "a".repeat(2022));
    assert_eq!(longest.len(), 2048);
    assert!(STRICT.url(&longest).is_ok());
    assert_eq!(STRICT.url(&format!("{longest}a")), Err(Forbidden::TooLong));
}

#[test]
fn the_option_lifts_scheme_and_address_and_nothing_else() {
    for text in ["http://127.0.0.1:8080/", "http://[::1]/", "https://10.0.0.1/", "http://8.8.8.8/"] {
        assert!(LIFTED.url(text).is_ok(), "{text}");
    }
    for (text, expected) in [
        ("http://user@127.0.0.1/", Forbidden::Credentials),
        ("ftp://127.0.0.1/", Forbidden::NotHttps),
        ("127.0.0.1", Forbidden::Malformed),
    ] {
        assert_eq!(LIFTED.url(text), Err(expected), "{text}");
    }
    assert_eq!(LIFTED.url(&format!("http://127.0.0.1/{}", "a".repeat(2048))), Err(Forbidden::TooLong));
}
