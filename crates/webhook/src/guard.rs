//! Whether a URL, and whether an address, may be called: decided from values alone.
//!
//! An IPv4 address is allowed unless a table forbids it. Of IPv6 only global unicast (`2000::/3`) is, less a table; an
//! address that stands for an IPv4 address is what that is. What may come to be assigned later is so forbidden first.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use offpeak_core::ports::Forbidden;
use url::{Host, Url};

/// As many bytes may a URL have.
const LONGEST: usize = 2048;

/// What is no public address, as network and length of its prefix.
/// <https://www.iana.org/assignments/iana-ipv4-special-registry> (2026-11-28), and the last one.
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::UNSPECIFIED, 8),           // this network; 0.0.0.0 leads to this machine
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // shared by a carrier's customers; some clouds' metadata
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local; 169.254.169.254 and .170.2 hand out a machine's credentials
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // relays of 6to4, withdrawn
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarking
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),     // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),     // reserved, and broadcast
    // The host of a virtual machine on Azure, which looks public:
    // https://learn.microsoft.com/en-us/azure/virtual-network/what-is-ip-address-168-63-129-16
    (Ipv4Addr::new(168, 63, 129, 16), 32),
];

/// The only IPv6 addresses that are routed on the internet.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Those among them that are no public address.
/// <https://www.iana.org/assignments/iana-ipv6-special-registry> (2026-11-28).
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments: Teredo, benchmarking, ORCHID
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4, whose relays lead to any IPv4 address
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// Behind these an IPv4 address stands in the last 32 bits: mapped, and NAT64. The latter is how a host that has only
/// IPv4 is resolved in a network that has only IPv6, so it cannot be forbidden.
const EMBEDDING_V4: [(Ipv6Addr, u32); 2] =
    [(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96), (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96)];

/// What may be called.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    /// Lifts the checks of scheme and address, and no other. For tests on one machine.
    pub allow_private: bool,
}

impl Guard {
    /// Reads a URL; an address in it is checked, a name has to be resolved yet.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn url(self, text: &str) -> Result<Url, Forbidden> {
        if text.len() > LONGEST {
            return Err(Forbidden::TooLong);
        }
        let url = Url::parse(text).map_err(|_| Forbidden::Malformed)?;
        if url.scheme() != "https" && !(self.allow_private && url.scheme() == "http") {
            return Err(Forbidden::NotHttps);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Forbidden::Credentials);
        }
        match url.host() {
            None => return Err(Forbidden::Malformed),
            Some(Host::Domain(_)) => {}
            Some(Host::Ipv4(address)) => self.address(address.into())?,
            Some(Host::Ipv6(address)) => self.address(address.into())?,
        }
        // What a browser would call, an HTTP client may still not.
        let callable = url.as_str().parse::<http::Uri>().is_ok();
        if callable { Ok(url) } else { Err(Forbidden::Malformed) }
    }

    /// Checks an address, written in a URL or resolved from a name.
    ///
    /// # Errors
    /// [`Forbidden::Address`].
    pub fn address(self, address: IpAddr) -> Result<(), Forbidden> {
        let public = match address {
            IpAddr::V4(address) => is_public_v4(address),
            IpAddr::V6(address) => is_public_v6(address),
        };
        if public || self.allow_private { Ok(()) } else { Err(Forbidden::Address) }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let within =
        |(network, length): &(Ipv4Addr, u32)| (address.to_bits() ^ network.to_bits()).leading_zeros() >= *length;
    !NOT_PUBLIC_V4.iter().any(within)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let within =
        |(network, length): &(Ipv6Addr, u32)| (address.to_bits() ^ network.to_bits()).leading_zeros() >= *length;
    if EMBEDDING_V4.iter().any(within) {
        let [.., a, b, c, d] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    within(&GLOBAL_V6) && !NOT_PUBLIC_V6.iter().any(within)
}
