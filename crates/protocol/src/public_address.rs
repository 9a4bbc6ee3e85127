//! Which addresses are on the open Internet. What a stranger names is fetched from these alone: an
//! address that means something only inside a network, or only to this machine, would let the
//! stranger reach what only this machine can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is not reached over the open Internet, or reaches something else than it says: the IANA
/// registry of special-purpose addresses (RFC 6890), and what clouds keep for themselves.
const SPECIAL_V4: &[(Ipv4Addr, u32)] = &[
    // This network.
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    // Private (RFC 1918).
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    // Behind a provider's address translation (RFC 6598).
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    // This machine.
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // This link, and the metadata of most clouds.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    // Protocol assignments, and the metadata of a cloud.
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    // Documentation (RFC 5737).
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Relays of 6to4 (RFC 7526).
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    // Benchmarks (RFC 2544).
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    // A public address with which a cloud answers its own machines.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    // Multicast, reserved, broadcast.
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// All that is given out so far is in 2000::/3, so mapped addresses (::ffff:0:0/96), translated
/// ones (64:ff9b::/96), local ones (fc00::/7, fe80::/10) and groups (ff00::/8) are outside.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

const SPECIAL_V6: &[(Ipv6Addr, u32)] = &[
    // Protocol assignments, among them Teredo, which has an IPv4 address inside (RFC 4380).
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // Documentation (RFC 3849, RFC 9637).
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    // 6to4, which has an IPv4 address inside (RFC 3056).
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
];

/// Whether an address is on the open Internet. An IPv6 address with an IPv4 address inside never
/// is: nobody has to write it that way.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|net| net_v4(net, address)),
        IpAddr::V6(address) => {
            net_v6(&GLOBAL_V6, address) && !SPECIAL_V6.iter().any(|net| net_v6(net, address))
        }
    }
}

fn net_v4(&(net, bits): &(Ipv4Addr, u32), address: Ipv4Addr) -> bool {
    let rest = Ipv4Addr::BITS - bits;
    net.to_bits() >> rest == address.to_bits() >> rest
}

fn net_v6(&(net, bits): &(Ipv6Addr, u32), address: Ipv6Addr) -> bool {
    let rest = Ipv6Addr::BITS - bits;
    net.to_bits() >> rest == address.to_bits() >> rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(text: &str) -> bool {
        is_public(text.parse().unwrap())
    }

    #[test]
    fn the_first_and_the_last_of_each_range_are_not_public_and_their_neighbours_are() {
        for (before, first, last, after) in [
            ("", "0.0.0.0", "0.255.255.255", "1.0.0.0"),
            ("9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"),
            ("100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"),
            ("126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"),
            ("168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.17"),
            ("169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"),
            ("172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"),
            ("191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"),
            ("192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"),
            ("192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"),
            ("192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"),
            ("198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"),
            ("198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"),
            ("203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"),
            ("223.255.255.255", "224.0.0.0", "255.255.255.255", ""),
            ("", "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""),
            ("", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"),
            ("2001:db7::1", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"),
            ("2001:ffff::1", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"),
            ("3ffe::1", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"),
            ("3fff:ffff::1", "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""),
        ] {
            assert!(!public(first), "{first}");
            assert!(!public(last), "{last}");
            for neighbour in [before, after].into_iter().filter(|text| !text.is_empty()) {
                assert!(public(neighbour), "{neighbour}");
            }
        }
    }

    #[test]
    fn what_a_stranger_would_try_is_not_public() {
        for text in [
            // Metadata of clouds.
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd20:ce::254",
            // This machine and its neighbours.
            "127.0.0.1",
            "127.255.0.9",
            "0.0.0.0",
            "::1",
            "::",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "ff02::1",
            // IPv4 inside IPv6, public or not.
            "::ffff:127.0.0.1",
            "::ffff:93.184.216.34",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::5db8:d822",
            "64:ff9b:1::a9fe:a9fe",
            "2002:7f00:1::",
            "2001:0:7f00:1::",
        ] {
            assert!(!public(text), "{text}");
        }
        for text in ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::200e"] {
            assert!(public(text), "{text}");
        }
    }
}
